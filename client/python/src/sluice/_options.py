"""Everything that can be set on a worker, with default, unit and consequence."""

from __future__ import annotations

import enum
import logging
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Literal, Optional

from sluice._reply import ItemResult
from sluice._status import OK, SLOTS, OptionsError, Status

if TYPE_CHECKING:
    from sluice._handlers import Middleware

log = logging.getLogger("sluice")

MAX_NAME_BYTES = 256  # worker.proto, Hello.
MAX_CHAINS = 1000  # worker.proto, Hello.


class EventKind(enum.Enum):
    CONNECTED = "connected"
    """A gateway has accepted the worker."""
    DISCONNECTED = "disconnected"
    """A stream that was connected has ended. `status` says why; OK: as agreed."""
    CONNECT_FAILED = "connect_failed"
    """No connection, or the gateway refused the worker: `status` says why."""
    CHAIN_REFUSED = "chain_refused"
    """Connected, but the gateway delivers nothing from the chain named in `text`."""
    DRAINING = "draining"
    """The gateway, or this worker, takes leave: what is in work is finished first."""
    RESOLVE_FAILED = "resolve_failed"
    """A name cannot be looked up; the addresses known so far stay in use."""
    ITEM_REFUSED = "item_refused"
    """The gateway did not accept a settle or a reply, or the SDK could not send it."""


@dataclass(frozen=True, **SLOTS)
class Event:
    """Something in the life of a connection.

    None is raised per message, save ITEM_REFUSED, at most once a second and stream.
    """

    kind: EventKind
    address: str = ""
    """`192.0.2.7:7443` or, for RESOLVE_FAILED, the name."""
    status: Status = OK
    """OK unless the kind says otherwise."""
    retry_in: Optional[float] = None
    """When the next attempt follows, in seconds; None: none does."""
    text: str = ""
    """One line for people that says all of the above."""


_QUIET = (EventKind.CONNECTED, EventKind.DRAINING)


def log_event(event: Event) -> None:
    """Logs the event's text to the logger `sluice`: INFO for what goes as agreed, else WARNING."""
    agreed = event.kind in _QUIET or (event.kind is EventKind.DISCONNECTED and event.status.ok)
    log.log(logging.INFO if agreed else logging.WARNING, "%s", event.text)


@dataclass(frozen=True, **SLOTS)
class Tls:
    """PEM files, read by each connection attempt, so that renewed files are taken up."""

    ca_file: str = ""
    """Empty: the system's roots."""
    cert_file: str = ""
    """For mutual TLS; goes with key_file."""
    key_file: str = ""
    server_name: str = ""
    """The name that the gateway's certificate must carry. Empty: the host as given in `gateways`."""


@dataclass(frozen=True, **SLOTS)
class Options:
    """A value. `Worker` refuses what is out of range with an `OptionsError` that names the field. All times are seconds."""

    worker_name: str = "worker"
    """What kind of worker this is, for people and logs; at most 256 bytes."""

    instance: str = ""
    """Which one of them; empty: `HOST-PROCESS`. At most 256 bytes."""

    window_messages: Optional[int] = None
    """How many messages one stream may have delivered but not settled, at least 1.

    None: as many as the handlers get through in 100 ms, by how long they have taken lately, shared by the streams that have
    something to do; never fewer than handlers may run at once, never more than 1,000 a stream. Fixed, a larger one keeps the
    worker busy over longer distances to the gateway; a smaller one spreads a backlog more evenly over workers, and loses
    less time when this one dies.
    """

    window_bytes: int = 64 << 20
    """The same in bytes of payload, topic and properties; 0: no limit of its own."""

    concurrency: Optional[int] = None
    """How many handlers run at once, for all streams together, 0 … 4,096.

    `def` handlers run on as many threads, `async def` handlers as as many tasks of one event loop. None: the machine's CPUs,
    at least 4; for `async def` handlers 100. 0: `def` handlers run on the stream's own thread; the fastest for handlers of
    a few microseconds that never wait, but while one waits, its stream does not read.
    """

    lease: float = 0.0
    """How long a message is kept from other workers after this one has vanished without closing its stream.

    0: as the chain says. Long handlers need no long lease: leases are extended at their half while a handler runs.
    """

    security: Literal["tls", "plaintext"] = "tls"
    """With "plaintext", which must be asked for, anyone on the way can read and change everything."""

    tls: Tls = field(default_factory=Tls)

    token_file: str = ""
    """A file with a bearer token for the gateway (`workers.auth.jwt`), such as a projected token of Kubernetes.

    Blanks and line breaks around it do not count. Read by each connection attempt, so that a renewed token is taken up; a
    gateway asks for a new connection before the token ends. Empty: none.
    """

    token: Optional[Callable[[], str]] = None
    """The same from a function, called on a thread of the SDK for each connection attempt. Not with token_file."""

    family: Literal["prefer_ipv4", "prefer_ipv6", "all"] = "prefer_ipv4"
    """Which addresses of a name that has both kinds are used.

    A replica with an IPv4 and an IPv6 address would be given two streams by "all".
    """

    resolver: Optional[Callable[[str], Iterable[str]]] = None
    """Looks a host name up: returns its IP addresses or raises. Called on a thread of the SDK. None: the system's."""

    resolve_interval: float = 10.0
    """How often names are looked up again, at least 1.

    New addresses get a stream, vanished ones are not dialled again. A name that cannot be found is looked up again after a
    pause as below, if that is shorter.
    """

    reconnect_first: float = 0.1
    """The pause before a connection is tried again, at least 0.001.

    Doubled from the first to the longest, each time held to a random half … whole of itself. What will not mend by itself
    (a rejected identity, an unknown chain) waits the longest at once.
    """

    reconnect_longest: float = 30.0
    """At least reconnect_first."""

    connect_timeout: float = 10.0
    """How long a connection may take from dialling to the gateway's Welcome, at least 0.001."""

    drain_timeout: float = 20.0
    """How long a drain waits for handlers and for the gateway to take their settles. What is left is delivered again."""

    send_buffer_bytes: int = 16 << 20
    """What may wait to be sent on one stream before `Context.send()` waits: replies ahead of their settle."""

    on_event: Callable[[Event], None] = log_event
    """Called for every event, one at a time, on the thread in `run()`. Default: a line to the logger `sluice`."""

    on_result: Optional[Callable[[ItemResult], None]] = None
    """Called for each result, in order for one stream, on the stream's thread: must be quick and thread-safe.

    None: results of replies are ignored, errors of items become events.
    """

    middleware: Sequence[Middleware] = ()
    """Functions that wrap every handler; the first is the outermost. See `Middleware`."""


def validate(options: Options) -> None:
    """Raises OptionsError, naming the field, what was found and what is allowed."""
    check_name("worker_name", options.worker_name)
    check_name("instance", options.instance)
    if options.window_messages is not None:
        _check_int("window_messages", options.window_messages, 1, 2**32 - 1)
    _check_int("window_bytes", options.window_bytes, 0, 2**63 - 1)
    if options.concurrency is not None:
        _check_int("concurrency", options.concurrency, 0, 4096)
    _check_int("send_buffer_bytes", options.send_buffer_bytes, 0, 2**63 - 1)
    _check_choice("security", options.security, ("tls", "plaintext"))
    _check_choice("family", options.family, ("prefer_ipv4", "prefer_ipv6", "all"))
    for name, lowest in (
        ("lease", 0.0),
        ("resolve_interval", 1.0),
        ("reconnect_first", 0.001),
        ("reconnect_longest", options.reconnect_first),
        ("connect_timeout", 0.001),
        ("drain_timeout", 0.0),
    ):
        _check_duration(name, getattr(options, name), lowest)
    for name in ("token", "resolver", "on_result"):
        if (value := getattr(options, name)) is not None and not callable(value):
            raise OptionsError(f"{name} is a {type(value).__name__}; allowed is a function, or None")
    if not callable(options.on_event):
        raise OptionsError(f"on_event is {options.on_event!r}; allowed is a function")
    if options.token is not None and options.token_file:
        raise OptionsError("token and token_file are both set; allowed is one of them")
    _check_tls(options)


def check_name(field_name: str, value: object) -> None:
    if not isinstance(value, str):
        raise OptionsError(f"{field_name} is {value!r}; allowed is a str")
    if (size := len(value.encode("utf-8", "replace"))) > MAX_NAME_BYTES:
        raise OptionsError(f"{field_name} has {size} bytes; allowed are {MAX_NAME_BYTES}")


def _check_int(name: str, value: object, lowest: int, highest: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise OptionsError(f"{name} is {value!r}; allowed are {lowest:,} … {highest:,}")


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise OptionsError(f"{name} is {value!r}; allowed are {', '.join(map(repr, choices))}")


def _check_duration(name: str, value: Any, lowest: float) -> None:
    longest = 86_400.0  # A day: anything longer is a mistake in the unit.
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and not math.isnan(value)
    if not is_number or not lowest <= value <= longest:
        raise OptionsError(f"{name} is {value!r} seconds; allowed are {lowest:g} … {longest:,.0f}")


def _check_tls(options: Options) -> None:
    tls = options.tls
    if not isinstance(tls, Tls):
        raise OptionsError(f"tls is {tls!r}; allowed is a Tls")
    if options.security == "plaintext":
        if tls != Tls():
            raise OptionsError('tls is set, but security is "plaintext"; leave one of them out')
        return
    if bool(tls.cert_file) != bool(tls.key_file):
        raise OptionsError("tls.cert_file and tls.key_file go together; only one of them is set")
    for name in ("ca_file", "cert_file", "key_file"):
        if not (path := getattr(tls, name)):
            continue
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            raise OptionsError(f"tls.{name}: cannot read {path}: {error.strerror}") from None
