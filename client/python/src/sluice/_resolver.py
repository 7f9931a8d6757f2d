"""Looks names up again and again, on a thread of its own: a lookup may block for long."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Callable, Union

from sluice._address import Address, LookupFailed, Target, resolve
from sluice._backoff import Backoff
from sluice._options import Options
from sluice._status import StatusCode

# The target's index, what was found or why nothing was, and the seconds until the next lookup.
OnLookup = Callable[[int, Union[list[Address], LookupFailed], float], None]


class Resolver:
    """Names are looked up at once, then every `resolve_interval`; sooner, after a pause, while one cannot be found."""

    def __init__(self, targets: Sequence[Target], options: Options, on_lookup: OnLookup) -> None:
        self._targets = targets
        self._options = options
        self._on_lookup = on_lookup
        self._backoff = Backoff(options.reconnect_first, options.reconnect_longest)
        self._stopping = threading.Event()

    def start(self) -> None:
        if not all(target.literal for target in self._targets):
            threading.Thread(target=self._run, name="sluice-resolver", daemon=True).start()

    def stop(self) -> None:
        """Does not wait for a lookup that the system has not answered yet; the thread ends by itself after it."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.wait(self._look_up_all()):
            pass

    def _look_up_all(self) -> float:
        again = self._options.resolve_interval
        found_all = True
        for index, target in enumerate(self._targets):
            if target.literal:
                continue
            found: list[Address] | LookupFailed
            try:
                found = resolve(target, self._options.family, self._options.resolver)
            except LookupFailed as error:
                found = error
            except Exception as error:  # Of the user's resolver.
                found = LookupFailed(str(error) or type(error).__name__)
            if isinstance(found, LookupFailed) and found_all:
                found_all = False
                again = min(again, self._backoff.next(StatusCode.NOT_FOUND))
            if self._stopping.is_set():
                break
            self._on_lookup(index, found, again)
        if found_all:
            self._backoff.reset()
        return again
