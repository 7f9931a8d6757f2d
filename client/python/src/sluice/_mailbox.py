"""Work for the thread in `run()`, and when it is to look at the clock next."""

from __future__ import annotations

from queue import Empty, SimpleQueue
from typing import Callable, Optional

Task = Callable[[], None]


class Mailbox:
    """Thread-safe, save `begin_round` and `wait`. Without a lock, so that a signal's handler may use it, too."""

    def __init__(self) -> None:
        self._tasks: SimpleQueue[Optional[Task]] = SimpleQueue()
        self._wake_at = float("inf")

    def post(self, task: Task) -> None:
        self._tasks.put(task)

    def wake_by(self, when: float) -> None:
        """`wait()` returns at `when` at the latest. Cheap when it will anyway: called for every frame."""
        if when < self._wake_at:
            self._wake_at = when
            self._tasks.put(None)

    def begin_round(self) -> None:
        """Forgets the earlier `wake_by` calls. To be called before deadlines are looked at."""
        self._wake_at = float("inf")

    def wait(self, until: float, now: Callable[[], float]) -> list[Task]:
        """Returns the tasks posted since; none when the time has come."""
        self._wake_at = min(self._wake_at, until)
        tasks: list[Task] = []
        try:
            # Bounded: the clock's arithmetic knows no infinity.
            task = self._tasks.get(timeout=min(max(self._wake_at - now(), 0), 3600))
            while True:
                if task is not None:
                    tasks.append(task)
                task = self._tasks.get_nowait()
        except Empty:
            return tasks
