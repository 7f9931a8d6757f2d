"""Which deliveries a stream holds, which of them handlers have begun, and when their leases are to be extended.

Pure logic: time comes as a parameter. Not thread-safe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Final

from sluice._batch import HERE, LOST, Batch, Held

if TYPE_CHECKING:
    from collections.abc import Iterable

# Handlers that take less than this are never told of: their settle says it. Seconds.
TELL_BEGUN_AFTER: Final = 0.05
# How often handlers are looked at, so that one is told of within the 100 ms that the protocol allows.
LOOK_EVERY: Final = 0.025
NEVER: Final = float("inf")


class Leases:
    """Costs once for a frame, nothing for a message; while messages are held, a look at those in handlers every 25 ms."""

    def __init__(self, now: float) -> None:
        self.tells_begun = False  # The gateway wants to know what has begun, and extends nothing else.
        self.held = 0  # Received, and their settle not yet handed to gRPC.
        self._batches: dict[Batch, None] = {}  # In the order they came.
        self._seen: dict[Held, float] = {}  # In handlers when they were last looked at, and since when.
        self._told: dict[Held, float] = {}  # Of those in handlers: since when the gateway knows of it.
        self._clipped: set[Held] = set()  # Not to be extended any more.
        self._waiters: dict[Held, list[Callable[[], None]]] = {}
        self._looked = now

    def add(self, batch: Batch, now: float) -> None:
        # A handler of what comes now is not looked at before it could be worth it.
        if not self._batches:
            self._looked = now
        self._batches[batch] = None
        self.held += batch.left

    def settled(self, batch: Batch, count: int) -> None:
        """So many of it are in a frame."""
        self.held -= count
        batch.left -= count
        if batch.left == 0:
            self._forget(batch)

    def lose(self, delivery_id: int) -> list[Callable[[], None]]:
        """Another worker has it. Returns whom to tell."""
        held = self.find(delivery_id)
        if held is None or held.fate != HERE:
            return []
        held.fate = LOST
        waiters = self._waiters.pop(held, [])
        self.settled(held.batch, 1)
        return waiters

    def lose_all(self) -> list[Callable[[], None]]:
        """The stream has ended. Returns whom to tell."""
        waiters = [waiter for waiters in self._waiters.values() for waiter in waiters]
        self._waiters.clear()
        return waiters

    def when_lost(self, held: Held, waiter: Callable[[], None]) -> None:
        self._waiters.setdefault(held, []).append(waiter)

    def clip(self, delivery_id: int) -> None:
        """Its lease cannot be extended any further."""
        if (held := self.find(delivery_id)) is not None:
            self._clipped.add(held)

    def find(self, delivery_id: int) -> Held | None:
        for batch in self._batches:
            if delivery_id in batch.ids:
                return batch.all[batch.ids.index(delivery_id)]
        return None

    def _forget(self, batch: Batch) -> None:
        """None of its deliveries is here any more."""
        self._batches.pop(batch, None)
        for known in (self._seen, self._told, self._waiters):
            if known:
                for held in batch.all:
                    known.pop(held, None)
        if self._clipped:
            self._clipped.difference_update(batch.all)

    def exceeds(self, messages: int, size: int) -> bool:
        """More is held than this window allows. A single message always fits; `size` 0: bytes do not count."""
        if self.held > messages:
            return True
        # Frames are larger than what counts of them, so that most of the time nothing has to be counted.
        if size == 0 or self.held <= 1 or sum(batch.size for batch in self._batches) <= size:
            return False
        waiting = [held for batch in self._batches for held in batch.all if held.open]
        return len(waiting) > 1 and sum(held.window_bytes() for held in waiting) > size

    def running(self) -> list[float]:
        """Of those in handlers that the gateway was told of: since when."""
        return [since for held, since in self._told.items() if held.open]

    def due(self) -> float:
        """When begun() and extensions() are to be called."""
        if not self._batches:
            return NEVER
        due = min(batch.due for batch in self._batches)
        return min(due, self._looked + LOOK_EVERY) if self.tells_begun else due

    def begun(self, now: float, in_handlers: Callable[[], Iterable[Held]]) -> list[int]:
        """What handlers have been at for long enough to tell of, since the last call."""
        if not self.tells_begun or now < self._looked + LOOK_EVERY:
            return []
        self._looked = now
        seen = self._seen
        self._seen = {
            held: seen.get(held, now)
            for held in in_handlers()
            if held.batch in self._batches and held.open and held not in self._told
        }
        begun = [held for held, since in self._seen.items() if now >= since + TELL_BEGUN_AFTER]
        self._told.update((held, now) for held in begun)
        return [held.delivery_id for held in begun]

    def extensions(self, now: float) -> list[tuple[int, int]]:
        """Delivery ids whose leases are to be extended now, and to how many milliseconds: at half the lease."""
        extensions: list[tuple[int, int]] = []
        for batch in self._batches:
            if batch.due > now:
                continue
            half = batch.half_lease()
            if batch.received + half > now:
                batch.due = batch.received + half
                continue
            batch.due = now + half
            extensions.extend((held.delivery_id, held.lease_ms) for held in self._extendable(batch))
        return extensions

    def _extendable(self, batch: Batch) -> Iterable[Held]:
        for held in batch.all:
            known = held in self._told or not self.tells_begun
            if known and held.open and held.lease_ms > 0 and held not in self._clipped:
                yield held
