"""The bounded threads on which `def` handlers run.

A wake-up costs more than many a handler, and threads that compute get in each other's way in Python. So handlers that were
quick lately are run by one thread, which takes message after message; those that take longer get as many threads as there
is work for. If that guess was wrong because a handler waits for once, `nudge()` wakes another thread.
"""

from __future__ import annotations

import threading
from collections import deque
from queue import SimpleQueue
from typing import TYPE_CHECKING, Callable, Final

if TYPE_CHECKING:
    from sluice._batch import Held
    from sluice._runner import Runner
    from sluice._session import Session
    from sluice._window import HandlerTime

# Handlers that take longer get more than one thread; below, the interpreter's lock makes more of them slower. Seconds.
_WORTH_THREADS: Final = 300e-6
# How long nothing may move while threads are idle, in seconds: the time after which the interpreter changes threads.
_PATIENCE: Final = 0.005
_NEVER: Final = float("inf")


class Pool:
    """Thread-safe. What waits here is bounded by the windows of the sessions that it comes from."""

    def __init__(self, concurrency: int, runner: Runner, handler_time: HandlerTime, wake_by: Callable[[float], None]) -> None:
        self._concurrency = concurrency
        self._runner = runner
        self._time = handler_time
        self._wake_by = wake_by
        self._tokens: SimpleQueue[bool] = SimpleQueue()  # One wakes one thread; False ends it.
        self._lock = threading.Lock()
        # Guarded by the lock.
        self._queue: deque[tuple[Session, deque[Held]]] = deque()  # Oldest first.
        self._idle = 0
        self._threads: list[threading.Thread] = []
        self._stopping = False
        self._seen: tuple[object, int] = (None, 0)  # By nudge(): the oldest, and how much of it waited.
        self._seen_at = 0.0

    def submit(self, session: Session, waiting: deque[Held], now: float) -> None:
        with self._lock:
            self._queue.append((session, waiting))
            known = self._time.get()
            slow = known == 0 or known >= _WORTH_THREADS
            busy = len(self._threads) - self._idle
            wake = len(waiting) if slow else int(busy == 0)
            self._wake(wake)
            left_idle = self._idle > 0 or len(self._threads) < self._concurrency
        if left_idle and not slow:
            self._wake_by(now + _PATIENCE)

    def _wake(self, count: int) -> None:
        from_idle = min(count, self._idle)
        self._idle -= from_idle
        for _ in range(from_idle):
            self._tokens.put(True)
        for _ in range(min(count - from_idle, self._concurrency - len(self._threads))):
            thread = threading.Thread(target=self._work, name=f"sluice-handler-{len(self._threads) + 1}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def nudge(self, now: float) -> float:
        """Wakes a thread if nothing has moved while threads are idle. Returns when to call it again."""
        with self._lock:
            if not self._queue or (self._idle == 0 and len(self._threads) == self._concurrency):
                return _NEVER
            seen = (self._queue[0][1], len(self._queue[0][1]))
            if seen[0] is not self._seen[0] or seen[1] != self._seen[1]:
                self._seen, self._seen_at = seen, now
            elif now >= self._seen_at + _PATIENCE:
                self._wake(1)
                self._seen_at = now
            return self._seen_at + _PATIENCE

    def close(self) -> None:
        """Waits for running handlers. What waits of sessions that have ended is passed over."""
        with self._lock:
            self._stopping = True
            threads = list(self._threads)
            for _ in threads:
                self._tokens.put(False)
        for thread in threads:
            thread.join()

    def _work(self) -> None:
        counter = self._runner.new_counter()
        while True:
            with self._lock:
                while self._queue and not self._queue[0][1]:
                    self._queue.popleft()
                work = self._queue[0] if self._queue else None
                if work is None:
                    self._idle += 1
            if work is None:
                if not self._tokens.get():
                    return
                continue
            session, waiting = work
            mean = self._runner.run(session, waiting, counter)
            if mean is not None:
                self._time.add(mean)
