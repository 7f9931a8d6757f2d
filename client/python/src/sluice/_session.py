"""One stream's state, without its input and output.

    hello_frame()        Welcome             drain(), or the gateway's Drain
    ──────────▶ GREETING ──────────▶ SERVING ───────────────────────────────▶ LEAVING
                    │                   │                                         │ nothing held: half-close
                    └──── the stream is lost, or given up ────▶ ENDED ◀───────────┘

Three kinds of threads call in: the one that reads frames (`take`), the one that writes them (`gather`, `written`), and those
that run handlers (`settle`, `send_early`). The worker's own thread calls `tick`. What they share is under one lock, which is
taken once for a frame and not for a message: a settle is only put into a queue.
"""

from __future__ import annotations

import enum
import threading
from collections import deque
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Callable, Final, Optional

from sluice import _greeting as greeting
from sluice import _window as window
from sluice import _wire as wire
from sluice._arrivals import Arrivals, ProtocolError
from sluice._batch import GATHERED, LOST, Batch, Held
from sluice._handlers import to_settlement
from sluice._leases import NEVER, Leases
from sluice._reply import ItemResult, Reply, ResultCode, Settlement
from sluice._status import SendError, Status, StatusCode
from sluice.v1 import worker_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sluice._options import Options

# Nonces tell the Pong that answers our Drain from those of heartbeats.
HEARTBEAT_NONCE: Final = 1
DRAIN_NONCE: Final = 2
# A frame larger than this gains nothing, and keeps the gateway waiting for its first settle.
FRAME_BYTES: Final = 1 << 20
REPORT_EVERY: Final = 1.0
# Since its last delivery a stream counts as one that has something to do, in seconds.
ACTIVE: Final = 1.0
# A gateway that has read the Hello may deliver right behind its Welcome, which a lost stream would waste. Seconds.
DRAIN_WAITS_FOR_WELCOME: Final = 1.0

# What waits to be sent: the delivery that it settles, encoded fields of a WorkerFrame, how many items they count for, and
# how it is to be handled.
Item = tuple[Optional[Held], bytes, int, int]
_PLAIN: Final = 0
_ENDS_FRAME: Final = 1  # What comes later must be in a later frame.
_EARLY: Final = 2  # Counts for send_buffer_bytes.
WAKE: Final[Item] = (None, b"", 0, _PLAIN)


class Phase(enum.Enum):
    GREETING = 0
    SERVING = 1
    LEAVING = 2
    ENDED = 3


class Session:
    """Thread-safe. Times are seconds of one clock, which the caller reads. `in_handlers`: what handlers are at, or were."""

    def __init__(
        self,
        options: Options,
        chains: Sequence[str],
        instance: str,
        first_window: int,
        now: float,
        in_handlers: Callable[[], Iterable[Held]] = tuple,
    ) -> None:
        # Constant.
        self._options = options
        self._in_handlers = in_handlers
        self._chains = chains
        self._instance = instance
        self._most_messages = window.MOST if options.window_messages is None else options.window_messages

        # Read without the lock, too.
        self.alive = True  # False once settles can no longer reach the gateway.
        self.max_item_bytes = greeting.DEFAULT_MAX_FRAME
        self.outbox: SimpleQueue[Item] = SimpleQueue()

        # Of the writing thread.
        self._pending: deque[Item] = deque()

        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)  # Fewer unsent bytes or held messages, or the end.
        # Guarded by the lock.
        self._phase = Phase.GREETING
        self._writing = True  # From the frame on that gather() returned until written().
        self._reading = True  # False while the frame is handled, or the gateway exceeds the window.
        self._half_closed = False
        self._no_more_deliveries = False
        self._leases = Leases(now)
        self._unsent_early = 0
        self._window = first_window
        self._heartbeat = 0.0
        self._sent = self._heard = now
        self._welcome_by = now + options.connect_timeout
        self._leaves = False  # drain() was called before the Welcome.
        self._delivered = -NEVER
        self._reported = -NEVER

    # ---- the writing thread

    def hello_frame(self) -> bytes:
        return greeting.hello(self._options, self._chains, self._instance, self._window)

    def gather(self, now: float, first: Item = WAKE) -> bytes | None:
        """The next frame: all that waits and fits into one; `first` was taken from the outbox by the caller.

        b"" asks for a half-close. None: nothing can be sent now; wait for the outbox's next item.
        """
        pending = self._pending
        append = pending.append
        if first is not WAKE:
            append(first)
        get = self.outbox.get_nowait
        try:
            while True:
                append(get())
        except Empty:
            pass
        take = pending.popleft
        parts: list[bytes] = []
        size = items = early = settled = 0
        settled_of: Optional[Batch] = None  # What follows each other is mostly of one batch.
        with self._lock:
            if self._phase not in (Phase.SERVING, Phase.LEAVING) or self._half_closed:
                return None
            limit = min(FRAME_BYTES, self.max_item_bytes)
            while pending:
                item = take()
                held, data, count, kind = item
                size += len(data)
                items += count
                if parts and (size > limit or items > wire.MAX_FRAME_ITEMS):
                    pending.appendleft(item)
                    break
                if held is not None:
                    if held.fate == LOST:
                        size -= len(data)
                        items -= count
                        continue
                    held.fate = GATHERED
                    if held.batch is not settled_of:
                        if settled_of is not None:
                            self._leases.settled(settled_of, settled)
                        settled_of, settled = held.batch, 0
                    settled += 1
                elif not data:
                    continue
                elif kind == _EARLY:
                    early += len(data)
                parts.append(data)
                if kind == _ENDS_FRAME:
                    break
            if settled_of is not None:
                self._leases.settled(settled_of, settled)
            if early or settled_of is not None:
                self._unsent_early -= early
                self._room.notify_all()
            if parts:
                self._sent = now
                self._writing = True
            elif self._phase is Phase.LEAVING and self._no_more_deliveries and self._leases.held == 0:
                self._half_closed = self._writing = True
            else:
                return None
        return b"".join(parts)

    def written(self) -> None:
        """The frame is on its way; the next may be gathered."""
        with self._lock:
            self._writing = False

    # ---- the reading thread

    def take(self, data: bytes, now: float) -> Arrivals:
        """Raises ProtocolError where the stream is to be ended. `resume()` is to be called before the next frame."""
        arrivals = Arrivals()
        try:
            frame = pb.GatewayFrame.FromString(data)
        except Exception:
            raise ProtocolError(StatusCode.INVALID_ARGUMENT, "the gateway sent a malformed frame") from None
        lost: list[Callable[[], None]] = []
        with self._lock:
            self._reading = False
            self._greet(frame)
            if frame.HasField("welcome"):
                arrivals.welcome = frame.welcome
            if frame.deliveries and not self._half_closed:
                arrivals.batch = self._hold(frame.deliveries, len(data), now)
            for result in frame.results:
                arrivals.results.append(self._take_result(result, lost))
            if frame.HasField("ping"):
                self.outbox.put((None, wire.encode_pong(frame.ping.nonce), 0, _PLAIN))
            if frame.HasField("pong") and frame.pong.nonce == DRAIN_NONCE:
                self._no_more_deliveries = True
            if frame.HasField("drain"):
                arrivals.drain = frame.drain
                self._phase = Phase.LEAVING
                self._no_more_deliveries = True
            for revoke in frame.revokes:
                lost += self._leases.lose(revoke.delivery_id)
            if frame.revokes or frame.results:  # Whoever waits to send for one that is lost need not.
                self._room.notify_all()
            if self._phase is Phase.LEAVING or arrivals.welcome is not None:
                self.outbox.put(WAKE)
        for tell in lost:
            tell()
        return arrivals

    def resume(self, now: Callable[[], float]) -> None:
        """Waits while the gateway exceeds the window: what it has sent is not read before there is room."""
        with self._lock:
            while self.alive and self._leases.exceeds(self._most_messages, self._options.window_bytes):
                self._room.wait()
            self._heard = now()
            self._reading = True

    def _greet(self, frame: pb.GatewayFrame) -> None:
        welcome = greeting.welcome_of(frame, self._phase is Phase.GREETING)
        if welcome is None:
            return
        self._phase = Phase.SERVING
        self._writing = False
        self._heartbeat = min(max(welcome.heartbeat_interval_ms, 1_000), 3_600_000) / 1000
        self._leases.tells_begun = greeting.BEGAN in welcome.features
        self.max_item_bytes = welcome.max_frame_bytes or greeting.DEFAULT_MAX_FRAME
        if self._leaves:
            self._leave()

    def _hold(self, deliveries: Iterable[pb.Delivery], size: int, now: float) -> Batch:
        batch = Batch(self, deliveries, size, now)
        if 0 in batch.ids:
            raise ProtocolError(StatusCode.INVALID_ARGUMENT, "the gateway sent a malformed delivery")
        self._delivered = now
        self._leases.add(batch, now)
        return batch

    def _take_result(self, result: pb.Result, lost: list[Callable[[], None]]) -> ItemResult:
        code = ResultCode(result.code) if 0 <= result.code <= ResultCode.EXPIRED else ResultCode.UNKNOWN
        if code is ResultCode.STALE and result.reply_id == 0:
            lost += self._leases.lose(result.delivery_id)
        elif code is ResultCode.CLIPPED:
            self._leases.clip(result.delivery_id)
        return ItemResult(result.reply_id, result.delivery_id, code, result.mqtt_reason_code, result.message)

    # ---- threads that run handlers

    def settle(self, held: Held, result: object) -> str | None:
        """Sends what a handler returned.

        Returns why its replies could not be sent. Raises ValueError or TypeError for what is no result of a handler.
        """
        if result is None:
            items = 1
            data = wire.encode_ack(held.delivery_id)
        elif result.__class__ is Reply:
            items = 2
            if result.user_properties or result.metadata:  # type: ignore[attr-defined]
                items = 1 + wire.count_items(result)  # type: ignore[arg-type]
            data = wire.encode_ack_with(held.delivery_id, result)  # type: ignore[arg-type]
        else:
            settlement = to_settlement(result)
            items = 1 + sum(wire.count_items(reply) for reply in settlement.replies)
            data = wire.encode_settle(held.delivery_id, settlement)
        why = None
        if len(data) > self.max_item_bytes or items > wire.MAX_FRAME_ITEMS:
            why = f"the handler's replies are larger than the gateway takes ({self._limits()})"
            items = 1
            data = wire.encode_settle(held.delivery_id, Settlement.reject(why))
        held.done = True
        self.outbox.put((held, data, items, _PLAIN))
        return why

    def send_early(self, held: Held, reply: Reply, wait: bool) -> bool:
        """False: too much is unsent, and it must not wait. Raises SendError, ValueError and TypeError."""
        items = wire.count_items(reply)
        data = wire.encode_early_reply(reply, held.delivery_id)
        if items > wire.MAX_FRAME_ITEMS or len(data) > self.max_item_bytes:
            raise SendError(f"the reply is larger than the gateway takes ({self._limits()})", StatusCode.INVALID_ARGUMENT)
        most = self._options.send_buffer_bytes
        with self._lock:
            while self.alive and held.fate != LOST and self._unsent_early > 0 and self._unsent_early + len(data) > most:
                if not wait:
                    return False
                self._room.wait()
            if not self.alive:
                raise SendError("the stream has ended")
            if held.fate == LOST:
                raise SendError("another worker has the message")
            self._unsent_early += len(data)
            self.outbox.put((None, data, items, _EARLY))
        return True

    def when_lost(self, held: Held, callback: Callable[[], None]) -> None:
        """Calls it once nobody waits for the outcome: at once, or on the thread that learns of it."""
        with self._lock:
            if self.alive and held.fate != LOST:
                self._leases.when_lost(held, callback)
                return
        callback()

    def _limits(self) -> str:
        return f"{self.max_item_bytes} bytes and {wire.MAX_FRAME_ITEMS} properties to a frame"

    # ---- the worker's thread

    def drain(self, now: float) -> None:
        """Takes leave; before the Welcome, as soon as it has come, for which it waits a little."""
        with self._lock:
            if self._phase is Phase.SERVING:
                self._leave()
            elif self._phase is Phase.GREETING:
                self._welcome_by = min(self._welcome_by, now + DRAIN_WAITS_FOR_WELCOME)
                self._leaves = True

    def _leave(self) -> None:
        self._phase = Phase.LEAVING
        self.outbox.put((None, wire.encode_drain("the worker shuts down"), 0, _ENDS_FRAME))
        # Its Pong is the proof that the gateway has read the Drain: no delivery follows it.
        self.outbox.put((None, wire.encode_ping(DRAIN_NONCE), 0, _PLAIN))

    def end(self) -> None:
        """The stream is lost or given up: what handlers still settle goes nowhere."""
        with self._lock:
            self.alive = False
            self._phase = Phase.ENDED
            lost = self._leases.lose_all()
            self._room.notify_all()
        self.outbox.put(WAKE)
        for tell in lost:
            tell()

    def set_window(self, messages: int) -> None:
        """The gateway is told if it is worth it."""
        with self._lock:
            if self._phase is Phase.SERVING and window.worth_telling(self._window, messages):
                self._window = messages
                self.outbox.put((None, wire.encode_window(messages, self._options.window_bytes), 0, _PLAIN))

    def active(self, now: float) -> bool:
        """Something was delivered lately, or is held."""
        with self._lock:
            return self._leases.held > 0 or now < self._delivered + ACTIVE

    def running(self) -> list[float]:
        """Of those in handlers that the gateway was told of: since when."""
        with self._lock:
            return self._leases.running()

    def may_report(self, now: float) -> bool:
        """At most once a second a refused item is an event."""
        with self._lock:
            if now - self._reported < REPORT_EVERY:
                return False
            self._reported = now
            return True

    def due(self) -> float:
        """When tick() is to be called after a frame with deliveries."""
        with self._lock:
            return self._leases.due()

    def tick(self, now: float) -> tuple[float, Status | None]:
        """Does what is due: extensions, heartbeat. Returns when it wants to be called next, and why the stream is lost."""
        with self._lock:
            if not self.alive:
                return NEVER, None
            if self._phase is Phase.GREETING:
                if now < self._welcome_by:
                    return self._welcome_by, None
                if self._leaves:
                    return NEVER, Status(StatusCode.CANCELLED, "the worker shuts down")
                return NEVER, Status(StatusCode.DEADLINE_EXCEEDED, "no connection and Welcome in time")
            half = self._heartbeat / 2
            if now >= self._sent + half and not self._writing:
                self.outbox.put((None, wire.encode_ping(HEARTBEAT_NONCE), 0, _PLAIN))
                self._sent = now
            if begun := self._leases.begun(now, self._in_handlers):
                self.outbox.put((None, wire.encode_began(begun), len(begun), _PLAIN))
            if extensions := self._leases.extensions(now):
                self.outbox.put((None, wire.encode_extends(extensions), len(extensions), _PLAIN))
            # While nothing is read the gateway cannot be heard, and is not to blame.
            silent = self._heard + 2 * self._heartbeat if self._reading else now + self._heartbeat
            if now >= silent:
                return NEVER, Status(StatusCode.DEADLINE_EXCEEDED, "the gateway was silent for two heartbeat intervals")
            ping_at = now + half if self._writing else self._sent + half
            return min(silent, ping_at, self._leases.due()), None
