"""What the threads and the event loop that run handlers have in common."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Callable, Optional

from sluice._batch import LOST
from sluice._context import Context
from sluice._handlers import Compiled, from_exception
from sluice._reply import SettleException, Settlement
from sluice._status import SendError

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Mapping

    from sluice._batch import Held
    from sluice._session import Session

log = logging.getLogger("sluice")

_LOG_EVERY = 1.0  # Seconds.


class Counter:
    """Of one thread, which alone writes it."""

    __slots__ = ("held", "settled")

    def __init__(self) -> None:
        self.settled = 0
        self.held: Optional[Held] = None  # In its handler, or was.


class Runner:
    """Calls handlers and hands what they answer to the session. Thread-safe."""

    def __init__(self, handlers: Mapping[str, Compiled], on_refused: Callable[[Session, str], None]) -> None:
        self._handlers = handlers
        each = list({id(one): one for one in handlers.values()}.values())
        self._single: Optional[Compiled] = each[0] if len(each) == 1 else None
        self._on_refused = on_refused
        self._logged = float("-inf")
        self._unlogged = 0
        self.counters: list[Counter] = []
        self._local = threading.local()

    def new_counter(self) -> Counter:
        counter = Counter()
        self.counters.append(counter)
        return counter

    def counter_of_thread(self) -> Counter:
        counter: Optional[Counter] = getattr(self._local, "counter", None)
        if counter is None:
            counter = self._local.counter = self.new_counter()
        return counter

    @property
    def settled(self) -> int:
        """Handlers that came to an end."""
        return sum(counter.settled for counter in list(self.counters))

    def in_handlers(self) -> list[Held]:
        """Deliveries that threads are at, and some that they are through with."""
        return [counter.held for counter in list(self.counters) if counter.held is not None]

    def handler_of(self, held: Held) -> Compiled | None:
        return self._single or self._handlers.get(held.chain)

    def run(self, session: Session, waiting: deque[Held], counter: Counter, can_wait: bool = True) -> float | None:
        """Runs `def` handlers until nothing waits. Returns the mean time of one in seconds; None: none ran."""
        take = waiting.popleft
        settle = session.settle
        single = self._single
        began = time.perf_counter()
        before = counter.settled
        while True:
            try:
                held = take()
            except IndexError:
                break
            if held.fate == LOST or not session.alive:
                continue
            handler = single or self._handlers.get(held.chain)
            counter.held = held
            try:
                if handler is None:
                    why = settle(held, unknown_chain(held))
                elif handler.takes_context:
                    why = settle(held, handler.call(held, Context(session, held, can_wait)))
                else:
                    why = settle(held, handler.call(held))
                if why:
                    self._on_refused(session, why)
            except BaseException as error:
                self.failed(session, held, error)
            counter.settled += 1
        counter.held = None
        ran = counter.settled - before
        return (time.perf_counter() - began) / ran if ran else None

    def settle(self, session: Session, held: Held, result: object) -> None:
        if why := session.settle(held, result):
            self._on_refused(session, why)

    def failed(self, session: Session, held: Held, error: BaseException) -> None:
        """Settles a message whose handler raised something, or returned what is no answer."""
        if not isinstance(error, (SettleException, SendError)):
            self._log(held, error)
        try:
            session.settle(held, from_exception(error))
        except Exception as second:  # Its reason is no str, for instance.
            session.settle(held, Settlement.retry(f"{type(error).__name__}: {second}"))

    def _log(self, held: Held, error: BaseException) -> None:
        """With its traceback, at most once a second."""
        now = time.monotonic()
        if now - self._logged < _LOG_EVERY:
            self._unlogged += 1
            return
        more, self._unlogged, self._logged = self._unlogged, 0, now
        log.error(
            "the handler of chain %s failed on message %s%s",
            held.chain,
            held.message_id,
            f" ({more} more failed since the last such line)" if more else "",
            exc_info=error,
        )


def unknown_chain(held: Held) -> Settlement:
    return Settlement.retry(f"this worker has no handler for chain {held.chain}")
