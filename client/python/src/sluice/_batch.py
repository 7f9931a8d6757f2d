"""The deliveries of one frame on their way through the handlers."""

from __future__ import annotations

from collections import deque
from itertools import repeat
from typing import TYPE_CHECKING, Final

from sluice._message import Message

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sluice._session import Session
    from sluice.v1 import worker_pb2 as pb

# Held.fate, which is set under the session's lock.
HERE: Final = 0
GATHERED: Final = 1  # Its settle is in a frame.
LOST: Final = 2  # Another worker has it.

# The half of a lease comes no sooner than this after the receipt, so that until then nobody looks for the shortest.
_FIRST_LOOK: Final = 0.05


class Held(Message):
    """A delivery from its receipt to its settle: what the handler sees of it, and what the SDK knows."""

    __slots__ = ("batch", "delivery_id", "done", "fate")

    def __init__(self, delivery: pb.Delivery, batch: Batch, delivery_id: int) -> None:
        self._delivery = delivery
        self.batch = batch
        self.delivery_id = delivery_id  # type: ignore[misc]  # Read often, so kept here.
        self.done = False  # Its handler has come to an end. Set by the thread that runs it.
        self.fate = HERE

    @property
    def open(self) -> bool:
        """In work, or waiting for it."""
        return not self.done and self.fate == HERE

    @property
    def lease_ms(self) -> int:
        return self._delivery.lease_ms

    def window_bytes(self) -> int:
        """What it takes of the window."""
        delivery = self._delivery
        size = len(delivery.payload) + len(delivery.topic.encode()) + len(delivery.correlation_data)
        size += len(delivery.content_type.encode()) + len(delivery.response_topic.encode())
        for one in delivery.user_properties:
            size += len(one.name.encode()) + len(one.value.encode())
        return size


class Batch:
    """Handler threads take what waits one by one; several may do so at once."""

    __slots__ = ("all", "due", "ids", "left", "received", "session", "size", "waiting")

    def __init__(self, session: Session, deliveries: Iterable[pb.Delivery], size: int, now: float) -> None:
        self.session = session
        deliveries = list(deliveries)
        self.ids = [delivery.delivery_id for delivery in deliveries]
        self.all = list(map(Held, deliveries, repeat(self), self.ids))
        self.waiting = deque(self.all)
        # What follows is guarded by the session's lock.
        self.left = len(self.all)  # Neither gathered nor lost.
        self.size = size  # Of the frame, in bytes.
        self.received = now
        self.due = now + _FIRST_LOOK  # When leases are to be extended, or looked at.

    def half_lease(self) -> float:
        """Half of the shortest lease of those that are still here, in seconds; infinite where none has one."""
        leases = [held.lease_ms for held in self.all if held.open and held.lease_ms > 0]
        return min(leases) / 2000 if leases else float("inf")
