"""A worker on gRPC's library for Python: answers each message with its payload and ends when it is told to drain.

worker.py HOST:PORT [CA_FILE [CERT_FILE KEY_FILE]]
"""
import pathlib
import queue
import sys

import grpc
from sluice.v1 import worker_pb2 as pb

gateway, *files = sys.argv[1:]
ca, cert, key = [pathlib.Path(file).read_bytes() for file in files] + [None] * (3 - len(files))
channel = grpc.secure_channel(gateway, grpc.ssl_channel_credentials(ca, key, cert)) if ca else grpc.insecure_channel(gateway)
requests = queue.SimpleQueue()
requests.put(pb.WorkerFrame(hello=pb.Hello(worker_name="python", chains=["c"], window=pb.Window(messages=10))))
work = channel.stream_stream("/sluice.v1.WorkerService/Work", request_serializer=pb.WorkerFrame.SerializeToString,
                             response_deserializer=pb.GatewayFrame.FromString)
for frame in work(iter(requests.get, None)):
    if frame.HasField("ping"):
        requests.put(pb.WorkerFrame(pong=pb.Pong(nonce=frame.ping.nonce)))
    for delivery in frame.deliveries:
        reply = pb.Reply(topic="reply", payload=delivery.payload)
        requests.put(pb.WorkerFrame(settles=[pb.Settle(delivery_id=delivery.delivery_id, replies=[reply])]))
    if frame.HasField("drain"):
        requests.put(None)
