"""What a message costs the Python SDK, beside a bare gRPC stream of the same frames in the same run.

    dev bench --seconds 1 --rounds 5 --frames 1,8,64 --payload 128

A gateway in a process of its own keeps the window of one worker full; every message is echoed. Workers:

    grpc       gRPC alone: frames are taken and a prepared answer is sent, nothing is decoded or encoded
    bare       the floor: the same with generated code, which decodes each delivery and encodes each settle
    stream     the SDK with concurrency=0: handlers run on the stream's thread
    threads    the SDK with its default concurrency
    async      the SDK with an `async def` handler

Printed are medians of the rounds: CPU µs a message of the worker's process, the messages a second that one core would do at that
cost, what came through in a second of the clock, and the ratio to the floor's cost.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import resource
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import grpc

from sluice import Message, Options, Reply, Worker
from sluice.v1 import worker_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

METHOD = "/sluice.v1.WorkerService/Work"
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
FIRST_ID = 1 << 28  # Ids are varints of five bytes, so that all settles are of one size.


def delivery_frame(first_id: int, count: int, payload: bytes) -> bytes:
    return pb.GatewayFrame(
        deliveries=[
            pb.Delivery(
                delivery_id=first_id + one,
                message_id="0190f4c1-7e2a-7000-8000-0123456789ab",
                route="temperature",
                chain="load",
                topic="plant/boiler/temp",
                payload=payload,
                qos=1,
                received_unix_ms=1_750_000_000_000,
                lease_ms=30_000,
                attempt=1,
            )
            for one in range(count)
        ]
    ).SerializeToString()


def settle_frame(first_id: int, count: int, payload: bytes) -> bytes:
    settles = [pb.Settle(delivery_id=first_id + one, replies=[pb.Reply(payload=payload)]) for one in range(count)]
    return pb.WorkerFrame(settles=settles).SerializeToString()


def serve(port: Any, given: argparse.Namespace, count: int) -> None:
    """The gateway's process. It cycles through frames made before, and counts settles by their size."""
    payload = b"x" * given.payload
    size = len(settle_frame(FIRST_ID, 1, payload))
    frames = max(2 * given.window // count, 2)
    made = [delivery_frame(FIRST_ID + one * count, count, payload) for one in range(frames)]
    welcome = pb.GatewayFrame(
        welcome=pb.Welcome(
            protocol_version=1,
            accepted_chains=[pb.AcceptedChain(chain="load", lease_ms=30_000)],
            heartbeat_interval_ms=3_600_000,
            max_frame_bytes=64 << 20,
            features=["began"],
        )
    ).SerializeToString()

    def work(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        settled: SimpleQueue[int] = SimpleQueue()
        context.add_callback(lambda: settled.put(-1))

        def read() -> None:
            try:
                for data in requests:
                    settled.put(len(data) // size)
            except Exception:
                pass

        threading.Thread(target=read, daemon=True).start()
        yield welcome
        room = given.window
        for frame in itertools.cycle(made):
            while room < count:
                got = settled.get()
                if got < 0:
                    return
                room += got
            room -= count
            yield frame

    class Handler(grpc.GenericRpcHandler):
        def service(self, details: grpc.HandlerCallDetails) -> Any:
            return grpc.stream_stream_rpc_method_handler(work)

    server = grpc.server(ThreadPoolExecutor(max_workers=16), options=UNLIMITED)
    server.add_generic_rpc_handlers((Handler(),))
    port.send(server.add_insecure_port("127.0.0.1:0"))
    server.start()
    server.wait_for_termination()


class Counter:
    """Messages, and when to look at it."""

    def __init__(self) -> None:
        self.messages = 0

    def measure(self, seconds: float) -> tuple[float, float]:
        """CPU µs a message, and messages a second."""
        self._wait_for(self.messages + 1000)
        messages, cpu, began = self.messages, _cpu(), time.perf_counter()
        time.sleep(seconds)
        messages, cpu, took = self.messages - messages, _cpu() - cpu, time.perf_counter() - began
        return cpu * 1e6 / max(messages, 1), messages / took

    def _wait_for(self, messages: int) -> None:
        until = time.monotonic() + 30
        while self.messages < messages:
            assert time.monotonic() < until, "nothing comes through"
            time.sleep(0.001)


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def bare(port: int, given: argparse.Namespace, count: int, answer: Callable[[bytes], bytes]) -> tuple[float, float]:
    counter = Counter()
    outgoing: SimpleQueue[bytes | None] = SimpleQueue()
    hello = pb.Hello(chains=["load"], window=pb.Window(messages=given.window), features=["began"])
    outgoing.put(pb.WorkerFrame(hello=hello).SerializeToString())
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=UNLIMITED) as channel:
        call: Any = channel.stream_stream(METHOD)(iter(outgoing.get, None))  # type: ignore[arg-type]

        def read() -> None:
            try:
                next(call)  # The Welcome.
                for data in call:
                    outgoing.put(answer(data))
                    counter.messages += count
            except grpc.RpcError:
                pass

        thread = threading.Thread(target=read)
        thread.start()
        measured = counter.measure(given.seconds)
        call.cancel()
        outgoing.put(None)
        thread.join()
    return measured


def with_grpc(port: int, given: argparse.Namespace, count: int) -> tuple[float, float]:
    prepared = settle_frame(FIRST_ID, count, b"x" * given.payload)
    return bare(port, given, count, lambda _: prepared)


def with_generated_code(port: int, given: argparse.Namespace, count: int) -> tuple[float, float]:
    def answer(data: bytes) -> bytes:
        frame = pb.WorkerFrame()
        add = frame.settles.add
        for delivery in pb.GatewayFrame.FromString(data).deliveries:
            settle = add()
            settle.delivery_id = delivery.delivery_id
            settle.replies.add().payload = delivery.payload
        return frame.SerializeToString()

    return bare(port, given, count, answer)


def with_sdk(port: int, given: argparse.Namespace, is_async: bool, concurrency: int | None) -> tuple[float, float]:
    counter = Counter()

    def echo(message: Message) -> Reply:
        counter.messages += 1
        return Reply(payload=message.payload)

    async def async_echo(message: Message) -> Reply:
        counter.messages += 1
        return Reply(payload=message.payload)

    options = Options(
        security="plaintext", concurrency=concurrency, window_messages=given.window, on_event=lambda _: None, drain_timeout=1
    )
    handler: Any = async_echo if is_async else echo
    worker = Worker(f"127.0.0.1:{port}", "load", handler, options=options)
    with worker:
        measured = counter.measure(given.seconds)
        worker.stop()
    return measured


WORKERS: dict[str, Callable[[int, argparse.Namespace, int], tuple[float, float]]] = {
    "grpc": with_grpc,
    "bare": with_generated_code,
    "stream": lambda port, given, _: with_sdk(port, given, False, 0),
    "threads": lambda port, given, _: with_sdk(port, given, False, None),
    "async": lambda port, given, _: with_sdk(port, given, True, None),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement; default 1")
    parser.add_argument("--rounds", type=int, default=5, help="default 5")
    parser.add_argument("--frames", default="1,8,64", help="messages a frame; default 1,8,64")
    parser.add_argument("--payload", type=int, default=128, help="bytes; default 128")
    parser.add_argument("--window", type=int, default=1000, help="default 1000")
    parser.add_argument("--workers", default=",".join(WORKERS), help="which of them; default all")
    given = parser.parse_args()
    names = given.workers.split(",")
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    processes = multiprocessing.get_context("spawn")
    for count in map(int, given.frames.split(",")):
        here, there = processes.Pipe(duplex=False)
        gateway = processes.Process(target=serve, args=(there, given, count), daemon=True)
        gateway.start()
        if len(cores) > 1:  # One core for the worker.
            os.sched_setaffinity(gateway.pid or 0, cores[1:])
            os.sched_setaffinity(0, cores[:1])
        port = here.recv()
        rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
        for _ in range(given.rounds):
            for name in names:
                rounds[name].append(WORKERS[name](port, given, count))
        gateway.terminate()
        gateway.join()
        floor = statistics.median(cpu for cpu, _ in rounds["bare"]) if "bare" in rounds else None
        print(f"{count} a frame   CPU µs a message   a core's messages/s   seen messages/s   floor's cost / its cost")
        for name in names:
            cpu = statistics.median(cpu for cpu, _ in rounds[name])
            seen = statistics.median(seen for _, seen in rounds[name])
            ratio = f"{floor / cpu:.2f}" if floor else ""
            print(f"  {name:10}{cpu:18.2f}{1e6 / cpu:22,.0f}{seen:18,.0f}{ratio:>26}", flush=True)


if __name__ == "__main__":
    main()
