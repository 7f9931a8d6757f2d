"""The handler's line to the gateway while it runs."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

from sluice._batch import LOST
from sluice._status import SendError, StatusCode

if TYPE_CHECKING:
    from sluice._batch import Held
    from sluice._reply import Reply
    from sluice._session import Session


class _Base:
    __slots__ = ("_held", "_session")

    def __init__(self, session: Session, held: Held) -> None:
        self._session = session
        self._held = held

    @property
    def abandoned(self) -> bool:
        """True once nobody waits for the outcome: the stream has ended, or another worker has the message.

        A long handler may look at it and give up; what it returns is then without effect. Thread-safe.
        """
        return self._held.fate == LOST or not self._session.alive


class Context(_Base):
    """Of a `def` handler. Belongs to one call of it: not to be kept."""

    __slots__ = ("_can_wait",)

    def __init__(self, session: Session, held: Held, can_wait: bool = True) -> None:
        super().__init__(session, held)
        self._can_wait = can_wait

    def send(self, reply: Reply) -> None:
        """Publishes a reply now, ahead of the settlement; order is kept.

        Waits while more than `Options.send_buffer_bytes` are unsent. Raises SendError, and ValueError or TypeError for a
        reply with a field that cannot be sent.
        """
        if not self._session.send_early(self._held, reply, wait=self._can_wait):
            raise SendError("too much is waiting to be sent", StatusCode.RESOURCE_EXHAUSTED)

    def wait_abandoned(self, timeout: float | None = None) -> bool:
        """Waits until `abandoned` or for `timeout` seconds; returns `abandoned`."""
        event = threading.Event()
        self._session.when_lost(self._held, event.set)
        event.wait(timeout)
        return self.abandoned


class AsyncContext(_Base):
    """Of an `async def` handler. Belongs to one call of it: not to be kept."""

    __slots__ = ()

    async def send(self, reply: Reply) -> None:
        """As `Context.send()`."""
        if not self._session.send_early(self._held, reply, wait=False):
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(None, self._session.send_early, self._held, reply, True)

    async def wait_abandoned(self) -> None:
        """Waits until `abandoned`; put a timeout around it where that may be long."""
        loop = asyncio.get_running_loop()
        event = asyncio.Event()

        def lost() -> None:
            with contextlib.suppress(RuntimeError):  # The loop is closed: nobody waits any more.
                loop.call_soon_threadsafe(event.set)

        self._session.when_lost(self._held, lost)
        await event.wait()
