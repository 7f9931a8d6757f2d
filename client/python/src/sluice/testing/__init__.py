"""A gateway within the process, for tests of workers.

    from sluice.testing import FakeGateway

    def test_a_hot_oven_is_reported():
        with FakeGateway() as gateway, make_worker(gateway.address):
            delivery = gateway.deliver("temperature", b'{"celsius": 93}', topic="plant/oven/temp")
            settle = gateway.expect_settle(delivery)
            assert settle.outcome is Outcome.ACK
            assert settle.replies[0].topic == "plant/oven/alarm"

It listens on loopback, in plain text: `Options(security="plaintext")`. It keeps the protocol's rules as far as workers see
them, and looks at no limits. What a verb waits for and does not come in time is an AssertionError.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Callable, Optional

import grpc

from sluice._message import Message
from sluice._reply import Outcome, Reply, ResultCode
from sluice._status import SLOTS, Status, StatusCode
from sluice._stream import METHOD
from sluice.testing._stream import FakeStream, wait_for
from sluice.v1 import worker_pb2 as pb

_UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]

__all__ = ["FakeGateway", "FakeStream", "Settled"]


@dataclass(frozen=True, **SLOTS)
class Settled:
    """What a worker made of a delivery."""

    delivery_id: int
    outcome: Outcome
    reason: str
    retry_after: float
    """Seconds."""
    replies: list[Reply]


def _to_reply(reply: pb.Reply) -> Reply:
    return Reply(
        topic=reply.topic,
        payload=reply.payload,
        qos=reply.qos if reply.HasField("qos") else None,
        retain=reply.retain,
        reply_id=reply.reply_id,
        content_type=reply.content_type,
        response_topic=reply.response_topic,
        correlation_data=reply.correlation_data if reply.HasField("correlation_data") else None,
        user_properties=[(one.name, one.value) for one in reply.user_properties] or (),
        expiry_s=reply.expiry_s if reply.HasField("expiry_s") else None,
        metadata=dict(reply.metadata) or None,
    )


class FakeGateway:
    """A context manager; it is there at once. Verbs are thread-safe; `timeout` is in seconds, 5 where none is given."""

    def __init__(
        self,
        *,
        name: str = "fake",
        heartbeat: float = 10.0,
        max_frame_bytes: int = 4 << 20,
        features: Sequence[str] = ("began",),
        lease: float = 30.0,
        timeout: float = 5.0,
        addresses: Sequence[str] = ("127.0.0.1",),
    ) -> None:
        self._name = name
        self._heartbeat = heartbeat
        self._max_frame_bytes = max_frame_bytes
        self._features = features
        self._lease = lease
        self._timeout = timeout
        self._changed = threading.Condition()
        # Guarded by the condition.
        self._streams: list[FakeStream] = []
        self._settled: set[int] = set()  # Returned by expect_settle().
        self._where: dict[int, FakeStream] = {}  # Deliveries.
        self._refusal: Optional[Status] = None
        self._refused_chains: dict[str, str] = {}
        self._next_id = 1_000
        # A stream keeps a thread for as long as it lives.
        self._server = grpc.server(ThreadPoolExecutor(max_workers=64), options=[("grpc.so_reuseport", 0), *_UNLIMITED])
        self._server.add_generic_rpc_handlers((_Handler(self._serve),))
        self._ip = addresses[0]
        self._port = 0
        for address in addresses:  # On the same port.
            self._port = self._server.add_insecure_port(f"{address}:{self._port}")
        self._server.start()

    @property
    def address(self) -> str:
        """What a worker's `gateways` name."""
        return f"{self._ip}:{self._port}"

    def __enter__(self) -> FakeGateway:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends all streams, and listens no more."""
        self._server.stop(grace=None).wait()

    # ---- what the world does

    def deliver(
        self, chain: str, payload: bytes = b"", topic: str = "topic", *, timeout: Optional[float] = None, **fields: Any
    ) -> int:
        """Delivers a message to a worker that serves the chain, and returns the delivery's id.

        `fields` are those of `Message`. Waits for a worker, and for room in its window.
        """
        return self.deliver_many(chain, [payload], topic, timeout=timeout, **fields)[0]

    def deliver_many(
        self, chain: str, payloads: Sequence[bytes], topic: str = "topic", *, timeout: Optional[float] = None, **fields: Any
    ) -> list[int]:
        """The same in one frame."""
        fields.setdefault("lease", self._lease)
        fields.setdefault("received_unix_ms", int(time.time() * 1000))
        count = len(payloads)
        what = f"a worker that serves {chain!r}, with room for {count} more"
        stream = self._wait(lambda: self._stream_for(chain, count), timeout, what)
        frame = pb.GatewayFrame()
        with self._changed:
            for payload in payloads:
                self._next_id += 1
                given = {"message_id": f"message-{self._next_id}", **fields}
                message = Message(topic, payload, delivery_id=self._next_id, chain=chain, **given)
                frame.deliveries.append(message._delivery)
                self._where[self._next_id] = stream
        stream.send(frame)
        return [delivery.delivery_id for delivery in frame.deliveries]

    def revoke(self, delivery_id: int, *, not_begun: bool = False) -> None:
        """Gives a delivery to another worker: its lease has ended, or it was not begun in time."""
        reason = pb.Revoke.REASON_NOT_BEGUN if not_begun else pb.Revoke.REASON_LEASE_ENDED
        self._stream_of(delivery_id).send(pb.GatewayFrame(revokes=[pb.Revoke(delivery_id=delivery_id, reason=reason)]))

    def answer(
        self,
        delivery_id: int,
        code: ResultCode = ResultCode.OK,
        *,
        reply_id: int = 0,
        message: str = "",
        mqtt_reason_code: int = 0,
    ) -> None:
        """Sends a result: what became of a reply or of another item."""
        result = pb.Result(reply_id=reply_id, delivery_id=delivery_id, message=message, mqtt_reason_code=mqtt_reason_code)
        result.code = int(code)  # type: ignore[assignment]
        self._stream_of(delivery_id).send(pb.GatewayFrame(results=[result]))

    def drain(self, reason: str = "", deadline: float = 10.0) -> None:
        """Asks all workers to leave, as a gateway does that shuts down or spreads its streams."""
        for stream in self.streams:
            stream.send(pb.GatewayFrame(drain=pb.Drain(reason=reason, deadline_ms=round(deadline * 1000))))

    def lose_stream(self, code: StatusCode = StatusCode.UNAVAILABLE, message: str = "the stream is lost") -> None:
        """Ends all streams as a broken connection does."""
        for stream in self.streams:
            stream.end(code, message)

    def refuse(self, code: StatusCode, message: str = "") -> None:
        """Refuses streams from now on, with this status; OK: takes them again."""
        with self._changed:
            self._refusal = None if code == StatusCode.OK else Status(code, message)

    def refuse_chain(self, chain: str, reason: str = "") -> None:
        """Delivers nothing from it to streams from now on."""
        with self._changed:
            self._refused_chains[chain] = reason

    # ---- what workers do

    @property
    def streams(self) -> list[FakeStream]:
        """Those that have had a Welcome and have not ended."""
        with self._changed:
            return self._live()

    def expect_stream(self, count: int = 1, timeout: Optional[float] = None) -> FakeStream:
        """Waits for so many streams at once; returns the last."""
        streams: list[FakeStream] = self._wait(
            lambda: (live := self._live()) and len(live) >= count and live, timeout, f"{count} streams"
        )
        return streams[-1]

    def expect_no_stream(self, timeout: Optional[float] = None) -> None:
        """Waits until the last stream has ended."""
        self._wait(lambda: not self._live(), timeout, "the end of all streams")

    def expect_settle(self, delivery_id: Optional[int] = None, timeout: Optional[float] = None) -> Settled:
        """Waits for the settle of a delivery; None: for the next that was not asked for yet."""

        def find() -> Optional[pb.Settle]:
            for stream in self._streams:
                for settle in stream.settles.values():
                    wanted = settle.delivery_id not in self._settled if delivery_id is None else settle.delivery_id == delivery_id
                    if wanted:
                        self._settled.add(settle.delivery_id)
                        return settle
            return None

        settle = self._wait(find, timeout, f"the settle of {delivery_id or 'a delivery'}")
        outcome, replies = Outcome(settle.outcome), [_to_reply(reply) for reply in settle.replies]
        return Settled(settle.delivery_id, outcome, settle.reason, settle.retry_after_ms / 1000, replies)

    def expect_reply(self, delivery_id: int, number: int = 1, timeout: Optional[float] = None) -> Reply:
        """Waits for the first, second, … reply ahead of the settle."""

        def find() -> Optional[pb.Reply]:
            frames = [frame for stream in self._streams for frame in stream.frames]
            replies = [reply for frame in frames for reply in frame.replies if reply.delivery_id == delivery_id]
            return replies[number - 1] if len(replies) >= number else None

        return _to_reply(self._wait(find, timeout, f"reply {number} of delivery {delivery_id}"))

    def expect_began(self, delivery_id: int, timeout: Optional[float] = None) -> None:
        """Waits until the worker says that it has begun, which it does for what takes longer than 50 ms."""
        self._expect_frame(lambda frame: delivery_id in frame.began, timeout, f"the beginning of delivery {delivery_id}")

    def expect_extend(self, delivery_id: int, timeout: Optional[float] = None) -> None:
        """Waits until the worker asks for more time."""

        def extends(frame: pb.WorkerFrame) -> bool:
            return any(extend.delivery_id == delivery_id for extend in frame.extends)

        self._expect_frame(extends, timeout, f"an extend of delivery {delivery_id}")

    # ----

    def _expect_frame(self, matches: Callable[[pb.WorkerFrame], bool], timeout: Optional[float], what: str) -> None:
        def find() -> bool:
            return any(matches(frame) for stream in self._streams for frame in stream.frames)

        self._wait(find, timeout, what)

    def _wait(self, find: Callable[[], Any], timeout: Optional[float], what: str) -> Any:
        return wait_for(self._changed, find, self._timeout if timeout is None else timeout, what)

    def _live(self) -> list[FakeStream]:
        return [stream for stream in self._streams if stream.greeted and not stream.ended]

    def _stream_for(self, chain: str, count: int) -> Optional[FakeStream]:
        for stream in self._live():
            held = sum(1 for delivery_id, where in self._where.items() if where is stream and delivery_id not in stream.settles)
            assert stream.hello is not None
            serves = chain in stream.hello.chains and chain not in self._refused_chains
            if serves and not stream.worker_drains and held + count <= stream.window.messages:
                return stream
        return None

    def _stream_of(self, delivery_id: int) -> FakeStream:
        with self._changed:
            return self._where[delivery_id]

    def _serve(self, requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        with self._changed:
            stream = FakeStream(context, self._changed)
            self._streams.append(stream)
            refusal = self._refusal
        if refusal is not None:
            stream.end(refusal.code, refusal.message)
        return stream.serve(requests, self._greet)

    def _greet(self, stream: FakeStream) -> None:
        assert stream.hello is not None
        with self._changed:
            if self._refusal is not None:
                return
            refused = dict(self._refused_chains)
            session = f"{self._name}-{len(self._streams)}"
        lease_ms = stream.hello.lease_ms or round(self._lease * 1000)
        welcome = pb.Welcome(
            protocol_version=1,
            session_id=session,
            gateway=self._name,
            accepted_chains=[
                pb.AcceptedChain(chain=chain, lease_ms=lease_ms, max_lease_ms=3_600_000)
                for chain in stream.hello.chains
                if chain not in refused
            ],
            refused_chains=[
                pb.RefusedChain(chain=chain, reason=refused[chain]) for chain in stream.hello.chains if chain in refused
            ],
            max_window=pb.Window(messages=100_000, bytes=1 << 30),
            heartbeat_interval_ms=round(self._heartbeat * 1000),
            max_frame_bytes=self._max_frame_bytes,
            features=self._features,
        )
        with self._changed:
            stream.send(pb.GatewayFrame(welcome=welcome))
            stream.greeted = True
            self._changed.notify_all()


class _Handler(grpc.GenericRpcHandler):
    def __init__(self, serve: Callable[[Iterator[bytes], Any], Iterator[bytes]]) -> None:
        self._work: Any = grpc.stream_stream_rpc_method_handler(serve)

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        return self._work if details.method == METHOD else None
