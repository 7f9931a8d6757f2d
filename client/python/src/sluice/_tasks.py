"""The event loop on which `async def` handlers run: one thread, and as many tasks at once as the concurrency allows."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from sluice._batch import LOST
from sluice._context import AsyncContext
from sluice._handlers import from_exception
from sluice._runner import unknown_chain

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from sluice._batch import Held
    from sluice._runner import Runner
    from sluice._session import Session
    from sluice._window import HandlerTime

# The loop looks after everything else it has to do after so many seconds of handlers that did not wait.
_SLICE = 0.005
_LOOP_CLOSES_WITHIN = 5.0


class TaskPool:
    """`submit` and `close` are thread-safe; the rest runs on the loop's thread."""

    def __init__(self, concurrency: int, runner: Runner, handler_time: HandlerTime) -> None:
        self._concurrency = concurrency
        self._runner = runner
        self._counter = runner.new_counter()
        self._time = handler_time
        self._queue: deque[tuple[Session, deque[Held]]] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._held: set[Held] = set()  # In handlers.
        self._filling = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="sluice-tasks", daemon=True)
        self._thread.start()

    def submit(self, session: Session, waiting: deque[Held]) -> None:
        self._loop.call_soon_threadsafe(self._add, session, waiting)

    def in_handlers(self) -> list[Held]:
        """Thread-safe."""
        return list(self._held)

    def close(self, cancel: bool) -> None:
        """Waits for running handlers; `cancel`: which are cancelled, since nobody waits for what they do."""
        asyncio.run_coroutine_threadsafe(self._finish(cancel), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        finally:
            self._loop.close()

    async def _finish(self, cancel: bool) -> None:
        self._queue.clear()
        if cancel:
            for task in self._running:
                task.cancel()
        while self._running:
            await asyncio.wait(self._running)

    def _add(self, session: Session, waiting: deque[Held]) -> None:
        self._queue.append((session, waiting))
        self._fill()

    def _fill(self) -> None:
        """Starts tasks for what waits. Those that came to their end without waiting leave their place at once."""
        self._filling = False
        until = time.perf_counter() + _SLICE
        while self._queue and len(self._running) < self._concurrency:
            session, waiting = self._queue[0]
            if not waiting:
                self._queue.popleft()
                continue
            held = waiting.popleft()
            if held.fate == LOST or not session.alive:
                continue
            task = _start(self._handle(session, held), self._loop)
            if not task.done():
                self._running.add(task)
                task.add_done_callback(self._ended)
            if time.perf_counter() > until:
                self._fill_soon()
                return

    def _fill_soon(self) -> None:
        if not self._filling:
            self._filling = True
            self._loop.call_soon(self._fill)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if self._queue:
            self._fill_soon()

    async def _handle(self, session: Session, held: Held) -> None:
        handler = self._runner.handler_of(held)
        began = time.perf_counter()
        self._held.add(held)
        try:
            if handler is None:
                result: object = unknown_chain(held)
            elif handler.takes_context:
                result = await handler.call(held, AsyncContext(session, held))
            else:
                result = await handler.call(held)
            self._runner.settle(session, held, result)
        except asyncio.CancelledError as error:
            # Of the worker's end, or of something in the handler: the message comes again either way.
            session.settle(held, from_exception(error))
        except BaseException as error:
            self._runner.failed(session, held, error)
        self._held.discard(held)
        self._counter.settled += 1
        self._time.add(time.perf_counter() - began)


if sys.version_info >= (3, 12):

    def _start(coroutine: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop) -> asyncio.Task[None]:
        # Runs it up to where it waits: one that does not costs the loop nothing.
        return asyncio.Task(coroutine, loop=loop, eager_start=True)

else:

    def _start(coroutine: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop) -> asyncio.Task[None]:
        return loop.create_task(coroutine)
