#!/usr/bin/python3
"""A Sluice worker in one file: watches temperatures and answers each reading with a verdict.

plant/boiler/temp         {"sensor":"boiler","celsius":81.5}
plant/boiler/reply/alarm  {"sensor":"boiler","celsius":81.5,"alarm":true,"limit":80}
"""

import argparse
import json
import os
import pathlib
import queue
import random
import re
import signal
import socket
import sys
import threading
import time

sys.path.insert(
    0,
    os.environ.get(
        "SLUICE_PYTHON", str(pathlib.Path(__file__).parents[3] / "build" / "python")
    ),
)
try:
    import grpc
    from sluice.v1 import worker_pb2 as pb
    from sluice.v1 import worker_pb2_grpc
except ImportError as error:
    sys.exit(
        f"worker.py: {error}; run client/python/generate, and python3 from Debian's python3-grpcio"
    )

FATAL = (
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.UNIMPLEMENTED,
)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def handle(delivery, limit):
    """One message in, what becomes of it out."""
    settle = pb.Settle(delivery_id=delivery.delivery_id)
    try:
        reading = json.loads(delivery.payload)
        sensor, celsius = reading["sensor"], reading["celsius"]
        if not isinstance(sensor, str) or not is_number(celsius):
            raise TypeError("sensor must be a string, celsius a number")
    except (ValueError, KeyError, TypeError) as error:
        settle.outcome, settle.reason = (
            pb.OUTCOME_REJECT,
            f"no sensor reading: {error}"[:1000],
        )
        return settle
    verdict = {
        "sensor": sensor,
        "celsius": celsius,
        "alarm": celsius > limit,
        "limit": limit,
    }
    topic = delivery.topic.rsplit("/", 1)[0] + "/reply/alarm"
    payload = json.dumps(verdict, separators=(",", ":")).encode()
    settle.replies.add(topic=topic, qos=delivery.qos, payload=payload)
    return settle


class Stream:
    """One stream to one gateway, from Hello to its end."""

    def __init__(self, options, stopping):
        self.options = options
        self.stopping = stopping
        self.outgoing = queue.SimpleQueue()  # WorkerFrames; None half-closes.
        self.heartbeat = None  # Seconds, from the Welcome.
        self.heard = time.monotonic()

    def frames(self):
        """What gRPC sends, as it takes it: what has gathered meanwhile goes into one frame."""
        yield pb.WorkerFrame(
            hello=pb.Hello(
                min_protocol_version=1,
                max_protocol_version=1,
                worker_name="temperature-alarm-py",
                instance=f"{socket.gethostname()}-{os.getpid()}",
                chains=self.options.chain,
                window=pb.Window(messages=self.options.window),
            )
        )
        while True:
            try:
                frame = self.outgoing.get(
                    timeout=self.heartbeat / 2 if self.heartbeat else None
                )
            except queue.Empty:
                frame = pb.WorkerFrame(ping=pb.Ping(nonce=1))
            if frame is None:
                return
            while not self.outgoing.empty() and not frame.HasField("drain"):
                more = self.outgoing.get()
                if more is None:
                    yield frame
                    return
                frame.MergeFrom(more)
            yield frame

    def watch(self, call):
        """Leaves when asked to, and ends a stream whose gateway has fallen silent."""
        leave_by = None
        ended = threading.Event()
        if not call.add_callback(ended.set):
            return
        while not ended.wait(0.2):
            now = time.monotonic()
            if self.stopping.is_set() and leave_by is None:
                leave_by = now + (20 if self.heartbeat else 0)
                self.outgoing.put(
                    pb.WorkerFrame(drain=pb.Drain(reason="the worker shuts down"))
                )
                self.outgoing.put(
                    pb.WorkerFrame(ping=pb.Ping(nonce=2))
                )  # Its pong: no delivery follows.
            if now - self.heard > 2 * (self.heartbeat or 5) or (
                leave_by and now > leave_by
            ):
                call.cancel()

    def run(self, channel):
        call = worker_pb2_grpc.WorkerServiceStub(channel).Work(
            self.frames(), metadata=identity(self.options.token_file)
        )
        threading.Thread(target=self.watch, args=(call,), daemon=True).start()
        try:
            for frame in call:
                self.take(frame)
        finally:
            self.outgoing.put(None)

    def take(self, frame):
        self.heard = time.monotonic()
        if frame.HasField("welcome"):
            self.heartbeat = frame.welcome.heartbeat_interval_ms / 1000
            self.outgoing.put(
                pb.WorkerFrame()
            )  # Wakes frames(), which waits without a heartbeat until now.
            print(
                f"worker.py: connected to gateway {frame.welcome.gateway} at {self.options.gateway}, "
                f"serving {', '.join(chain.chain for chain in frame.welcome.accepted_chains)}",
                file=sys.stderr,
                flush=True,
            )
        answer = pb.WorkerFrame(
            settles=[
                handle(delivery, self.options.limit) for delivery in frame.deliveries
            ]
        )
        if frame.HasField("ping"):
            answer.pong.nonce = frame.ping.nonce
        if answer.ByteSize() > 0:
            self.outgoing.put(answer)
        if frame.HasField("drain") or (
            frame.HasField("pong") and frame.pong.nonce == 2
        ):
            self.outgoing.put(
                None
            )  # Nothing is held any more: everything is settled as it comes.


def identity(token_file):
    """The metadata that shows who the worker is; read for each stream, since what issues tokens renews the file."""
    if not token_file:
        return ()
    token = pathlib.Path(token_file).read_bytes().strip()
    if not re.fullmatch(rb"[!-~]+", token):  # gRPC would show it in its own error.
        raise OSError(f"{token_file} holds no token, or more than one")
    return (("authorization", "Bearer " + token.decode()),)


def connect(options):
    """A connection as secure as the options have it; files are read anew, so that renewed ones are taken up."""
    settings = [("grpc.max_receive_message_length", -1)]
    if not options.ca_file:
        return grpc.insecure_channel(options.gateway, options=settings)
    files = [
        pathlib.Path(path).read_bytes() if path else None
        for path in (options.ca_file, options.key_file, options.cert_file)
    ]
    return grpc.secure_channel(
        options.gateway, grpc.ssl_channel_credentials(*files), options=settings
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--gateway",
        required=True,
        metavar="HOST:PORT",
        help="the gateway's workers.listen address",
    )
    parser.add_argument(
        "--chain",
        required=True,
        action="append",
        help="serve this chain; may be repeated",
    )
    parser.add_argument(
        "--limit",
        type=float,
        default=80,
        help="raise the alarm above this (°C); default 80",
    )
    parser.add_argument(
        "--window",
        type=int,
        default=100,
        help="most messages in work at once; default 100",
    )
    parser.add_argument(
        "--ca-file",
        help="PEM file to check the gateway's certificate with; without it: plain text",
    )
    parser.add_argument(
        "--cert-file", help="this worker's certificate, where the gateway asks for one"
    )
    parser.add_argument("--key-file", help="the key that goes with --cert-file")
    parser.add_argument(
        "--token-file",
        help="bearer token to show the gateway; read anew for each connection",
    )
    options = parser.parse_args()
    if bool(options.cert_file) != bool(options.key_file) or (
        options.cert_file and not options.ca_file
    ):
        parser.error("--cert-file goes with --key-file and --ca-file")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())

    pause = 0.1
    while not stopping.is_set():
        started, fatal, agreed = time.monotonic(), False, False
        try:
            with connect(options) as channel:
                Stream(options, stopping).run(channel)
                agreed = True
        except OSError as error:
            print(f"worker.py: {error}", file=sys.stderr, flush=True)
        except grpc.RpcError as error:
            fatal = error.code() in FATAL
            print(
                f"worker.py: {error.code().name}: {error.details()}",
                file=sys.stderr,
                flush=True,
            )
        pause = (
            30
            if fatal
            else 0.1
            if agreed or time.monotonic() - started > 5
            else min(pause * 2, 30)
        )
        stopping.wait(pause * random.uniform(0.5, 1))


if __name__ == "__main__":
    main()
