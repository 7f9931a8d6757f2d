"""SIGTERM and SIGINT, taken over for a while."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING, Any, Callable

from sluice._status import WorkerStateError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_taken = False


@contextlib.contextmanager
def on_signals(first: Callable[[], None], next_ones: Callable[[], None]) -> Iterator[None]:
    """Calls them on SIGTERM and SIGINT, in between of what the main thread does; the former handlers are put back.

    Raises WorkerStateError outside of the main thread, which alone can take signals, and where they are taken already.
    """
    global _taken
    if threading.current_thread() is not threading.main_thread():
        raise WorkerStateError("run_until_signal() must be called on the main thread, which alone takes signals in Python")
    if _taken:
        raise WorkerStateError("another worker of this process watches the signals already")
    count = 0

    def handler(_number: int, _frame: Any) -> None:
        nonlocal count
        count += 1
        (first if count == 1 else next_ones)()

    _taken = True
    former = {number: signal.signal(number, handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, old in former.items():
            # None: it was set by something else than Python, which cannot be put back.
            signal.signal(number, signal.SIG_DFL if old is None else old)
        _taken = False
