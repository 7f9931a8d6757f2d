"""A session with a gateway at its other end."""

from __future__ import annotations

from typing import Any

from sluice import Options
from sluice._arrivals import Arrivals
from sluice._batch import Batch, Held
from sluice._session import Session
from sluice.v1 import worker_pb2 as pb


class Stream:
    """A session with a gateway at its other end, and a clock that stands still."""

    def __init__(self, welcome: pb.Welcome | None = None, **options: Any) -> None:
        self.now = 100.0
        self.in_handlers: list[Held] = []
        self.session = Session(Options(**options), ["c"], "me", 10, self.now, lambda: self.in_handlers)
        self.hello = pb.WorkerFrame.FromString(self.session.hello_frame()).hello
        if welcome is None:
            welcome = pb.Welcome(protocol_version=1, heartbeat_interval_ms=10_000, max_frame_bytes=1 << 20, features=["began"])
        self.say(welcome=welcome)
        assert self.sent() is None

    def say(self, **parts: Any) -> Arrivals:
        return self.session.take(pb.GatewayFrame(**parts).SerializeToString(), self.now)

    def deliver(self, *ids: int, lease_ms: int = 30_000, **fields: Any) -> Batch:
        batch = self.say(deliveries=[pb.Delivery(delivery_id=one, lease_ms=lease_ms, **fields) for one in ids]).batch
        assert batch is not None
        self.session.resume(lambda: self.now)
        return batch

    def sent(self) -> pb.WorkerFrame | None:
        """What would be sent now."""
        data = self.session.gather(self.now)
        if data is None:
            return None
        if data:
            self.session.written()
        return pb.WorkerFrame.FromString(data)

    def half_closes(self) -> bool:
        return self.session.gather(self.now) == b""

    def tick(self, seconds: float) -> float:
        """Lets time pass; what was lost is an assertion's business."""
        self.now += seconds
        again, lost = self.session.tick(self.now)
        assert lost is None
        return again
