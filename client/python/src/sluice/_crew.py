"""Who runs the handlers: threads, an event loop, both, or the streams' own threads."""

from __future__ import annotations

import os
import time
from collections import deque
from typing import TYPE_CHECKING, Callable, Final, Optional

from sluice._pool import Pool
from sluice._runner import Runner
from sluice._status import OptionsError
from sluice._tasks import TaskPool
from sluice._window import HandlerTime, auto_window

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sluice._batch import Batch, Held
    from sluice._handlers import Compiled
    from sluice._options import Options
    from sluice._session import Session

_FEWEST_THREADS: Final = 4
_TASKS: Final = 100
# With concurrency 0 handlers are known to be short; until they are measured, seconds.
_SHORT_HANDLER: Final = 0.005
_NEVER: Final = float("inf")


class Crew:
    """Thread-safe."""

    def __init__(
        self,
        options: Options,
        handlers: Mapping[str, Compiled],
        on_refused: Callable[[Session, str], None],
        wake_by: Callable[[float], None],
    ) -> None:
        self._time = HandlerTime()
        self._runner = Runner(handlers, on_refused)
        self._pool: Optional[Pool] = None
        self._tasks: Optional[TaskPool] = None
        kinds = {handler.is_async for handler in handlers.values()}
        self._mixed = len(kinds) > 1
        self._inline = options.concurrency == 0
        self._places = 0  # Handlers that may run at once; 0: one for each stream.
        if self._inline:
            if True in kinds:
                raise OptionsError("concurrency is 0, which `async def` handlers cannot have; allowed are 1 … 4,096")
            return
        if False in kinds:
            threads = options.concurrency or max(_FEWEST_THREADS, os.cpu_count() or 1)
            self._pool = Pool(threads, self._runner, self._time, wake_by)
            self._places += threads
        if True in kinds:
            tasks = options.concurrency or _TASKS
            self._tasks = TaskPool(tasks, self._runner, self._time)
            self._places += tasks

    @property
    def settled(self) -> int:
        return self._runner.settled

    def in_handlers(self) -> list[Held]:
        """Deliveries that handlers are at, and some that they are through with."""
        held = self._runner.in_handlers()
        return held if self._tasks is None else held + self._tasks.in_handlers()

    def submit(self, batch: Batch) -> None:
        """Runs the handlers of a batch, at once or on other threads."""
        session, waiting = batch.session, batch.waiting
        if self._inline:
            mean = self._runner.run(session, waiting, self._runner.counter_of_thread(), can_wait=False)
            if mean is not None:
                self._time.add(mean)
            return
        if self._mixed:
            for_tasks: deque[Held] = deque()
            for_threads: deque[Held] = deque()
            for held in waiting:
                handler = self._runner.handler_of(held)
                (for_tasks if handler is not None and handler.is_async else for_threads).append(held)
        else:
            for_threads = for_tasks = waiting
        if self._pool is not None and for_threads:
            self._pool.submit(session, for_threads, time.monotonic())
        if self._tasks is not None and for_tasks:
            self._tasks.submit(session, for_tasks)

    def window(self, now: float, running: list[float], active: int) -> int:
        """For one stream of `active` ones; `running`: since when handlers that take long are running."""
        handler = self._time.get()
        if self._inline:
            return auto_window(1, handler or _SHORT_HANDLER, 1)
        if running and len(running) >= self._places:
            # No place is free: what waits has waited for as long as this, whatever handlers took before.
            handler = max(handler, now - max(running))
        return auto_window(self._places, handler, active)

    def nudge(self, now: float) -> float:
        """Returns when to call it again."""
        return _NEVER if self._pool is None else self._pool.nudge(now)

    def close(self, wait: bool, cancel: bool) -> None:
        """`wait`: for running handlers, of which those that can be cancelled are, with `cancel`."""
        if not wait:
            return
        if self._pool is not None:
            self._pool.close()
        if self._tasks is not None:
            self._tasks.close(cancel)
