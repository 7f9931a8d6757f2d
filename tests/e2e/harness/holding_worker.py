"""A worker process that holds what it gets, to be killed: holding_worker.py ADDRESS CHAIN COUNT

Prints one line of JSON, the message ids it holds, once it has COUNT deliveries; then does nothing until it dies.
"""
import json
import signal
import sys
import types

from harness.worker import RawWorker


def main():
    address, chain, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    worker = RawWorker(types.SimpleNamespace(workers=address))
    worker.hello(chain, messages=count)
    held = worker.expect_deliveries(count)
    print(json.dumps([delivery.message_id for delivery in held]), flush=True)
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
