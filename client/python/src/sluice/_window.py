"""How many messages a stream should hold when the user has not said."""

from __future__ import annotations

MOST = 1000
_LONGEST_WAIT = 0.1
"""What waits in a worker is out of the reach of others: no more than the handlers get through in this many seconds."""


def auto_window(concurrency: int, handler: float, streams: int) -> int:
    """For one stream of `streams` that have something to do. `handler`: seconds that a message takes; 0: not known yet."""
    total = concurrency
    if handler > 0:
        total += int(concurrency * min(_LONGEST_WAIT / handler, MOST))
    streams = max(streams, 1)
    return min(max(-(-total // streams), 1), MOST)


def worth_telling(told: int, wanted: int) -> bool:
    """Small changes are not worth a message of their own."""
    change = abs(told - wanted)
    return change > 0 and change >= told // 4


class HandlerTime:
    """What a message takes in a handler, lately. Threads may overwrite each other's contribution: it is an estimate."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def add(self, seconds: float) -> None:
        known = self._seconds
        self._seconds = (seconds if known == 0 else (known * 3 + seconds) / 4) + 1e-9

    def get(self) -> float:
        """0: not known yet."""
        return self._seconds
