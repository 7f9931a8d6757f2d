"""All streams of a worker: one to each address that the names stand for, dialled again when it ends."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Optional, Union

from sluice._address import Address, LookupFailed, Target, resolve
from sluice._arrivals import Arrivals
from sluice._backoff import Backoff
from sluice._crew import Crew
from sluice._leases import NEVER
from sluice._mailbox import Mailbox, Task
from sluice._options import Event, EventKind
from sluice._reply import ItemResult, ResultCode
from sluice._resolver import Resolver
from sluice._session import Session
from sluice._status import OK, DrainTimeoutError, Error, Status, StatusCode, StoppedError
from sluice._stream import Stream

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sluice._handlers import Compiled
    from sluice._options import Options
    from sluice.v1 import worker_pb2 as pb

log = logging.getLogger("sluice")

# A stream that has served this long was no failure: the next pause starts from the first again. Seconds.
_STEADY = 1.0


class Link:
    """One replica."""

    def __init__(self, address: Address, backoff: Backoff, dial_at: float) -> None:
        self.address = address
        self.backoff = backoff
        self.stream: Optional[Stream] = None  # A stream that leaves on its gateway's wish is not here.
        self.dial_at = dial_at  # When there is no stream.
        self.wanted = True  # False: its name no longer gives it; not dialled again.


class Fleet:
    """Everything is decided by the thread in `run()`; other threads leave tasks in its mailbox."""

    def __init__(self, options: Options, targets: Sequence[Target]) -> None:
        self._options = options
        self._targets = targets
        self._instance = options.instance or f"{socket.gethostname()}-{os.getpid()}"
        self._mailbox = Mailbox()
        self._lock = threading.Lock()
        self._received = 0  # Guarded by the lock.
        self._crew: Optional[Crew] = None  # Set by run(), before the first stream.

        # Owned by run()'s thread.
        self._chains: Sequence[str] = ()
        self._found: list[list[Address]] = [[] for _ in targets]
        self._lookup_errors = ["" for _ in targets]  # As last reported.
        self._links: dict[tuple[str, int], Link] = {}
        self._streams: dict[Stream, None] = {}  # All that have not ended.
        self._connected: dict[Stream, float] = {}  # Since when; those that had a Welcome.
        self._leaving = False
        self._leave_by = NEVER
        self._failure: Optional[Error] = None

    def run(self, chains: Sequence[str], handlers: Mapping[str, Compiled]) -> None:
        """Once. Returns when all streams have ended and no handler runs; raises what went wrong."""
        self._chains = list(chains)
        crew = self._crew = Crew(self._options, handlers, self._on_refused, self._mailbox.wake_by)
        resolver = Resolver(self._targets, self._options, self._on_lookup)
        finished = False
        try:
            for index, target in enumerate(self._targets):
                if target.literal:
                    found = resolve(target, self._options.family)
                    self._take_lookup(index, found, self._options.resolve_interval)
            resolver.start()
            while not self._leaving or self._streams:
                self._mailbox.begin_round()
                until = self._round(time.monotonic())
                for task in self._mailbox.wait(until, time.monotonic):
                    self._do(task)
            finished = True
        finally:
            resolver.stop()
            if not finished:  # KeyboardInterrupt, for instance.
                self._end_streams(Status(StatusCode.CANCELLED, "the worker's run() was interrupted"))
            crew.close(wait=finished, cancel=self._failure is not None or not finished)
        if self._failure is not None:
            raise self._failure

    @staticmethod
    def _do(task: Task) -> None:
        try:
            task()
        except Exception:  # Of the SDK itself: what else there is to do is not held up.
            log.exception("a task failed within the SDK")

    def stats(self) -> tuple[int, int, int]:
        with self._lock:
            received = self._received
        return len(self._connected), received, self._crew.settled if self._crew else 0

    # ---- rounds

    def _round(self, now: float) -> float:
        """Dials and ticks what is due; returns when it wants to be called again."""
        wake = NEVER
        if self._leaving:
            if now >= self._leave_by:
                self._failure = DrainTimeoutError("not everything in work was settled within the drain timeout")
                self._end_streams(self._failure.status)
                self._leave_by = NEVER
            wake = self._leave_by
        else:
            for link in self._links.values():
                if link.stream is None:
                    if now >= link.dial_at:
                        self._dial(link, now)
                    else:
                        wake = min(wake, link.dial_at)
        for stream in list(self._streams):
            try:
                again, lost = stream.session.tick(now)
            except Exception as error:  # Of the SDK itself: told, and connected again.
                log.exception("the stream to %s failed within the SDK", stream.address)
                again, lost = NEVER, Status(StatusCode.INTERNAL, f"{type(error).__name__} within the SDK: {error}")
            wake = min(wake, again)
            if lost is not None:
                stream.cancel(lost)
        crew = self._crew
        assert crew is not None
        if self._options.window_messages is None:
            window = self._auto_window(now)
            for stream in self._streams:
                stream.session.set_window(window)
        return min(wake, crew.nudge(now))

    def _auto_window(self, now: float) -> int:
        """What a stream should hold when nobody has said."""
        assert self._crew is not None
        sessions = [stream.session for stream in self._streams]
        running = [since for session in sessions for since in session.running()]
        return self._crew.window(now, running, sum(session.active(now) for session in sessions))

    def _dial(self, link: Link, now: float) -> None:
        options = self._options
        window = options.window_messages
        if window is None:
            window = self._auto_window(now)
        assert self._crew is not None
        session = Session(options, self._chains, self._instance, window, now, self._crew.in_handlers)
        stream = link.stream = Stream(link.address, session, options, self)
        self._streams[stream] = None
        stream.start()

    def _pause(self, link: Link, status: Status, now: float) -> float:
        pause = link.backoff.next(status.code)
        link.dial_at = now + pause
        return pause

    def _link_of(self, stream: Stream) -> Link | None:
        link = self._links.get(stream.address.replica)
        return link if link is not None and link.stream is stream else None

    # ---- what streams tell, from their threads

    def on_frame(self, stream: Stream, arrivals: Arrivals) -> None:
        welcome, batch, drain = arrivals.welcome, arrivals.batch, arrivals.drain
        if welcome is not None:
            self._mailbox.post(lambda: self._take_welcome(stream, welcome))
        for result in arrivals.results:
            self._take_result(stream.session, result)
        if drain is not None:
            reason = drain.reason
            self._mailbox.post(lambda: self._take_gateway_drain(stream, reason))
        if batch is not None:
            with self._lock:
                self._received += len(batch.all)
            assert self._crew is not None
            self._crew.submit(batch)
            self._mailbox.wake_by(stream.session.due())

    def on_ended(self, stream: Stream, status: Status) -> None:
        self._mailbox.post(lambda: self._take_end(stream, status))

    def _take_result(self, session: Session, result: ItemResult) -> None:
        if self._options.on_result is not None:
            try:
                self._options.on_result(result)
            except Exception:
                log.exception("the function on_result failed")
        elif result.reply_id == 0 and result.code not in (ResultCode.OK, ResultCode.CLIPPED):
            self._on_refused(session, result.message or f"code {result.code.name}")

    def _on_refused(self, session: Session, what: str) -> None:
        if session.may_report(time.monotonic()):
            self._mailbox.post(lambda: self._raise_refused(session, what))

    # ---- the same, on run()'s thread

    def _raise_refused(self, session: Session, what: str) -> None:
        address = next((str(stream.address) for stream in self._streams if stream.session is session), "")
        self._raise(EventKind.ITEM_REFUSED, address, OK, f"stream to {address}: {what}")

    def _take_welcome(self, stream: Stream, welcome: pb.Welcome) -> None:
        if stream not in self._streams:
            return
        self._connected[stream] = time.monotonic()
        address = str(stream.address)
        chains = ", ".join(chain.chain for chain in welcome.accepted_chains)
        self._raise(
            EventKind.CONNECTED,
            address,
            OK,
            f"connected to gateway {welcome.gateway} at {address} (session {welcome.session_id}), serving {chains}",
        )
        for refused in welcome.refused_chains:
            text = f"gateway {address} delivers nothing from chain {refused.chain}: {refused.reason}"
            self._raise(EventKind.CHAIN_REFUSED, address, OK, text)

    def _take_gateway_drain(self, stream: Stream, reason: str) -> None:
        address = str(stream.address)
        self._raise(EventKind.DRAINING, address, OK, f"gateway {address} drains{': ' + reason if reason else ''}")
        link = self._link_of(stream)
        if link is None or self._leaving:
            return
        # The next stream does not wait for this one's last handlers.
        now = time.monotonic()
        link.stream = None
        link.dial_at = now
        # Taking leave is no failure. Of one that hardly came, the next waits a little all the same.
        link.backoff.reset()
        since = self._connected.get(stream)
        if since is None or now - since < _STEADY:
            self._pause(link, Status(StatusCode.UNAVAILABLE), now)
        if not link.wanted:
            self._links.pop(stream.address.replica, None)

    def _take_end(self, stream: Stream, status: Status) -> None:
        now = time.monotonic()
        address = str(stream.address)
        since = self._connected.pop(stream, None)
        self._streams.pop(stream, None)
        pause = None
        link = self._link_of(stream)
        if link is not None:
            link.stream = None
            if self._leaving or not link.wanted:
                del self._links[stream.address.replica]
            else:
                if since is not None and now - since >= _STEADY:
                    link.backoff.reset()
                pause = self._pause(link, status, now)
        if since is not None:
            self._raise(EventKind.DISCONNECTED, address, status, f"the stream ended to {address}", pause)
        else:
            self._raise(EventKind.CONNECT_FAILED, address, status, f"no stream to {address}", pause)

    # ---- what names stand for

    def _on_lookup(self, index: int, found: Union[list[Address], LookupFailed], again: float) -> None:
        self._mailbox.post(lambda: self._take_lookup(index, found, again))

    def _take_lookup(self, index: int, found: Union[list[Address], LookupFailed], again: float) -> None:
        if isinstance(found, LookupFailed):
            # Said once until it changes: it is tried again every few seconds.
            if self._lookup_errors[index] != str(found):
                self._lookup_errors[index] = str(found)
                host = self._targets[index].host
                status = Status(StatusCode.NOT_FOUND, str(found))
                self._raise(EventKind.RESOLVE_FAILED, host, status, f"cannot look up {host}", again)
            return
        self._lookup_errors[index] = ""
        self._found[index] = found
        wanted = {address.replica: address for addresses in reversed(self._found) for address in addresses}
        now = time.monotonic()
        for replica, address in wanted.items():
            if (link := self._links.get(replica)) is not None:
                link.wanted = True
            else:
                backoff = Backoff(self._options.reconnect_first, self._options.reconnect_longest)
                self._links[replica] = Link(address, backoff, now)
        for replica in [replica for replica in self._links if replica not in wanted]:
            # A stream that still works is left alone: its gateway drains it when it goes.
            self._links[replica].wanted = False
            if self._links[replica].stream is None:
                del self._links[replica]

    # ---- the end

    def drain(self) -> None:
        """Thread-safe, also in a signal's handler."""
        self._mailbox.post(self._leave)

    def stop(self) -> None:
        """Thread-safe, also in a signal's handler."""
        self._mailbox.post(self._stop)

    def _leave(self) -> None:
        if self._leaving:
            return
        self._leaving = True
        now = time.monotonic()
        self._leave_by = now + self._options.drain_timeout
        if self._connected:
            self._raise(EventKind.DRAINING, "", OK, "draining: what is in work is finished first")
        for stream in list(self._streams):
            stream.session.drain(now)

    def _stop(self) -> None:
        self._leaving = True
        self._leave_by = NEVER
        if self._failure is None:
            self._failure = StoppedError("stopped")
        self._end_streams(self._failure.status)

    def _end_streams(self, why: Status) -> None:
        for stream in list(self._streams):
            stream.cancel(why)

    def _raise(self, kind: EventKind, address: str, status: Status, text: str, retry_in: Optional[float] = None) -> None:
        if not status.ok:
            text += f": {status}"
        if retry_in is not None:
            text += f"; trying again in {round(retry_in * 1000)} ms"
        try:
            self._options.on_event(Event(kind, address, status, retry_in, text))
        except Exception:
            log.exception("the function on_event failed")
