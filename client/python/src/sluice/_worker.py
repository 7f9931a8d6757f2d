"""The worker: what a program makes, runs and ends."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Optional, TypeVar, Union

from sluice._address import parse_target
from sluice._fleet import Fleet
from sluice._handlers import Compiled, Handler, compile_handler
from sluice._options import MAX_CHAINS, Options, check_name, validate
from sluice._signals import on_signals
from sluice._status import SLOTS, OptionsError, StoppedError, WorkerStateError

if TYPE_CHECKING:
    from types import TracebackType

H = TypeVar("H", bound=Callable[..., Any])


@dataclass(frozen=True, **SLOTS)
class Stats:
    """What a worker has done so far."""

    streams: int = 0
    """Connected now."""
    received: int = 0
    """Deliveries, since the worker was made."""
    settled: int = 0
    """Handlers that came to an end, whatever their outcome."""


class Worker:
    """Takes MQTT messages from Sluice gateways, answers each with what a handler makes of it.

    `gateways`: `HOST:PORT`, `[IPv6]:PORT` or `HOST` (port 7443), one or a sequence of them. Each name is looked up for all its
    addresses, and one stream is kept to each: list a headless Service, or every replica.

    `chains`: those that `handler` serves, one or a sequence of them, 1 … 1,000 in all, each at most 256 bytes. More come from
    the decorator `chain()`.

    A handler is a `def` or `async def` function of (message) or (message, context). It returns a Reply, a list of them, a
    Settlement, or None, which is an ACK; or it raises Retry, Reject or Drop. Any other exception is a RETRY with its text.

    Raises OptionsError, naming the field, what was found and what is allowed. All methods are thread-safe, save `chain()`.
    """

    def __init__(
        self,
        gateways: Union[str, Sequence[str]],
        chains: Union[str, Sequence[str]] = (),
        handler: Optional[Handler] = None,
        *,
        options: Optional[Options] = None,
    ) -> None:
        self._options = Options() if options is None else options
        validate(self._options)
        gateways = [gateways] if isinstance(gateways, str) else list(gateways)
        if not gateways:
            raise OptionsError("gateways is empty: name at least one HOST:PORT")
        self._fleet = Fleet(self._options, [parse_target(gateway) for gateway in gateways])
        self._handlers: dict[str, Compiled] = {}
        self._chains: list[str] = []  # As they were given.
        self._lock = threading.Lock()
        self._ran = False  # Guarded by the lock.
        self._thread: Optional[threading.Thread] = None
        self._failure: Optional[BaseException] = None  # Of the thread.
        if handler is not None:
            self.chain(*([chains] if isinstance(chains, str) else chains))(handler)
        elif chains:
            raise OptionsError("chains is set, but handler is not")

    def chain(self, *names: str) -> Callable[[H], H]:
        """Decorates the handler of one or more chains. Not once the worker runs."""

        def decorate(handler: H) -> H:
            compiled = compile_handler(handler, self._options.middleware)
            if not names:
                raise OptionsError("chains is empty: name at least one")
            for name in names:
                check_name("a chain's name", name)
                if not name:
                    raise OptionsError("chains has an empty name")
                if self._handlers.setdefault(name, compiled) is not compiled:
                    raise OptionsError(f"chain {name!r} has two handlers; allowed is one")
                self._chains.append(name)
            if len(self._chains) > MAX_CHAINS:
                raise OptionsError(f"chains has {len(self._chains)} entries; allowed are {MAX_CHAINS:,}")
            return handler

        return decorate

    def run(self) -> None:
        """Serves until `drain()` or `stop()`, over any number of lost connections.

        Returns when everything in work was settled. Raises OptionsError where no chain has a handler, DrainTimeoutError when
        the drain timeout passed, StoppedError after `stop()`, WorkerStateError when it was run before.
        """
        with self._lock:
            if self._ran:
                raise WorkerStateError("the worker was run before; make a new Worker")
            if not self._handlers:
                raise OptionsError("chains is empty: name at least one")
            self._ran = True
        self._fleet.run(self._chains, self._handlers)

    def run_until_signal(self) -> None:
        """`run()`, with SIGTERM and SIGINT taken over meanwhile: the first drains, the second stops.

        The former handlers of the signals are put back before it returns. To be called on the main thread, for one worker
        of a process at a time; else WorkerStateError.
        """
        with on_signals(self.drain, self.stop):
            self.run()

    def drain(self) -> None:
        """Takes no new messages, finishes those in work, lets `run()` return. Returns at once; also before `run()`."""
        self._fleet.drain()

    def stop(self) -> None:
        """Ends the streams as they are; what is in work will be delivered again.

        `run()` raises StoppedError when running handlers have come to their end; tasks of `async def` handlers are cancelled.
        """
        self._fleet.stop()

    def stats(self) -> Stats:
        """What the worker has done so far."""
        return Stats(*self._fleet.stats())

    def __enter__(self) -> Worker:
        """Runs it on a thread of its own until the block ends, which drains it."""

        def run() -> None:
            try:
                self.run()
            except BaseException as error:
                self._failure = error

        self._thread = threading.Thread(target=run, name="sluice-worker", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        """Drains, or stops after an exception; raises what `run()` would, save that `stop()` was called."""
        assert self._thread is not None
        if kind is None:
            self.drain()
        else:
            self.stop()
        self._thread.join()
        if kind is None and self._failure is not None and not isinstance(self._failure, StoppedError):
            raise self._failure
