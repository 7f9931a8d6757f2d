"""A worker process that answers what it gets, and dies of one payload: poisoned_worker.py ADDRESS CHAIN TOPIC [began]

The poison is b"poison". With "began" it says first what it has begun.
"""
import os
import signal
import sys
import types

from harness.worker import RawWorker


class PoisonedWorker(RawWorker):
    def __init__(self, address, chain, topic, features):
        self.topic = topic
        super().__init__(types.SimpleNamespace(workers=address))
        self.hello(chain, features=features)

    def took(self, deliveries):
        for delivery in deliveries:
            if delivery.payload == b"poison":
                os.kill(os.getpid(), signal.SIGKILL)
            self.answer(delivery, topic=self.topic)


def main():
    address, chain, topic, *features = sys.argv[1:]
    PoisonedWorker(address, chain, topic, features)
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
