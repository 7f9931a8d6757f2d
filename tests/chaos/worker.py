"""A worker to be killed and frozen: worker.py ADDRESS QOS. Echoes to "out", and rejects every 101st number for ever.

worker.py ADDRESS QOS CHAIN... serves these chains, and replies to out/CHAIN what it got, and by which route, chain and start node. It
fails in the first attempt of one message in 97.
"""
import os
import pathlib
import queue
import sys
import time

import grpc
from sluice.v1 import worker_pb2 as pb
from sluice.v1 import worker_pb2_grpc

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from story.mqtt import number_of  # noqa: E402

POISON = 101
RETRIED = 97


def settle(delivery, qos):
    if number_of(delivery.payload) % POISON == POISON - 1:
        return pb.Settle(delivery_id=delivery.delivery_id, outcome=pb.OUTCOME_REJECT, reason="poison")
    return pb.Settle(delivery_id=delivery.delivery_id,
                     replies=[pb.Reply(topic="out", qos=qos, payload=delivery.payload)])


def settle_and_tell(delivery, qos):
    if delivery.attempt == 1 and int(delivery.message_id[-6:], 16) % RETRIED == 0:
        return pb.Settle(delivery_id=delivery.delivery_id, outcome=pb.OUTCOME_RETRY, reason="once more")
    told = f"{delivery.route} {delivery.chain} {delivery.start_node}"
    return pb.Settle(delivery_id=delivery.delivery_id, replies=[
        pb.Reply(topic=f"out/{delivery.chain}", qos=qos, payload=delivery.payload + b" " + told.encode())])


def serve(channel, qos, chains):
    """One stream, until it ends."""
    answered = settle_and_tell if chains else settle
    frames = queue.SimpleQueue()
    frames.put(pb.WorkerFrame(hello=pb.Hello(worker_name="chaos", instance=str(os.getpid()), chains=chains or ["c"],
                                             window=pb.Window(messages=100))))
    for frame in worker_pb2_grpc.WorkerServiceStub(channel).Work(iter(frames.get, None)):
        answer = pb.WorkerFrame(settles=[answered(delivery, qos) for delivery in frame.deliveries])
        if frame.HasField("ping"):
            answer.pong.nonce = frame.ping.nonce
        if answer.ByteSize():
            frames.put(answer)
        if frame.HasField("drain"):
            frames.put(None)


def main():
    address, qos, chains = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    while True:
        try:
            with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
                serve(channel, qos, chains)
        except grpc.RpcError as error:
            print(f"{error.code().name}: {error.details()}", file=sys.stderr, flush=True)
        time.sleep(0.2)


if __name__ == "__main__":
    main()
