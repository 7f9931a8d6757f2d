"""How long to wait before a connection is tried again."""

from __future__ import annotations

import random

from sluice._status import StatusCode

# They will not go away by themselves (worker.proto, "The life of a stream").
FATAL = frozenset(
    {
        StatusCode.INVALID_ARGUMENT,
        StatusCode.UNAUTHENTICATED,
        StatusCode.PERMISSION_DENIED,
        StatusCode.FAILED_PRECONDITION,
        StatusCode.UNIMPLEMENTED,
    }
)


class Backoff:
    """Not thread-safe. Times are seconds."""

    def __init__(self, first: float, longest: float, rng: random.Random | None = None) -> None:
        self._first = first
        self._longest = longest
        self._random = rng or random.Random()
        self._failures = 0

    def next(self, code: StatusCode) -> float:
        """After a failure, or a stream that lived shortly: a random half … whole of a pause that doubles.

        With a code that will not go away: of the longest.
        """
        whole = self._longest
        if code not in FATAL:
            whole = min(self._longest, self._first * 2 ** min(self._failures, 20))
            self._failures += 1
        return self._random.uniform(whole / 2, whole)

    def reset(self) -> None:
        """After a stream that has served for a while."""
        self._failures = 0
