"""What a handler answers: replies to publish, and what becomes of the message."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Optional, Union

from sluice._status import SLOTS


@dataclass(**SLOTS)
class Reply:
    """A message to publish.

    Where it goes: `topic`; else metadata "responseTopic"; else the message's own Response Topic; else nowhere, which is
    no error. With which QoS: `qos`; else metadata "responseQos"; else 0.
    """

    topic: str = ""
    """Without wildcards, at most 65,535 bytes of UTF-8."""
    payload: Union[bytes, str] = b""
    """Bytes as they are; a str is sent as UTF-8."""
    qos: Optional[int] = None
    """0, 1 or 2."""
    retain: bool = False
    reply_id: int = 0
    """Chosen by you. Not 0: `Options.on_result` hears what became of the reply, under this id. Below 2^64."""
    content_type: str = ""
    """MQTT 5.0 §3.3.2.3, as all that follows; dropped by the gateway on a connection that speaks 3.1.1."""
    response_topic: str = ""
    correlation_data: Optional[bytes] = None
    """None: the message's own is echoed when the reply goes to the message's Response Topic."""
    user_properties: Sequence[tuple[str, str]] = ()
    expiry_s: Optional[int] = None
    """Seconds."""
    metadata: Optional[Mapping[str, str]] = None
    """RuleGo's way to name topic and QoS; with the route's `metadataToHeaders` the rest becomes user properties."""


class Outcome(enum.IntEnum):
    """What becomes of a message."""

    ACK = 0
    """Done."""
    RETRY = 1
    """Again later, here or on another worker; after the chain's `maxAttempts`, to the dead letters."""
    REJECT = 2
    """Never again: to the dead letters."""
    DROP = 3
    """Done, on purpose without effect; counted apart."""


@dataclass(**SLOTS)
class Settlement:
    """An outcome with the replies that are published when, and only if, the gateway accepts it."""

    outcome: Outcome = Outcome.ACK
    reason: str = ""
    """For people and dead letters; cut after 1,024 bytes."""
    retry_after: float = 0.0
    """RETRY: seconds; 0 leaves the pause to the gateway. At most an hour; more is taken as that."""
    replies: Sequence[Reply] = ()
    """Not published with RETRY: the next attempt brings its own."""

    @classmethod
    def ack(cls, *replies: Reply) -> Settlement:
        return cls(replies=replies)

    @classmethod
    def retry(cls, reason: str, after: float = 0.0) -> Settlement:
        return cls(Outcome.RETRY, reason, after)

    @classmethod
    def reject(cls, reason: str) -> Settlement:
        return cls(Outcome.REJECT, reason)

    @classmethod
    def drop(cls, reason: str = "") -> Settlement:
        return cls(Outcome.DROP, reason)


class SettleException(Exception):
    """What a handler raises to settle its message; the base of `Retry`, `Reject` and `Drop`."""

    settlement: Settlement


class Retry(SettleException):
    """Raised by a handler: try again later. `after` in seconds; 0 leaves the pause to the gateway."""

    def __init__(self, reason: str = "", after: float = 0.0) -> None:
        super().__init__(reason)
        self.settlement = Settlement.retry(reason, after)


class Reject(SettleException):
    """Raised by a handler: never try again, to the dead letters."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.settlement = Settlement.reject(reason)


class Drop(SettleException):
    """Raised by a handler: done, on purpose without effect."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.settlement = Settlement.drop(reason)


class ResultCode(enum.IntEnum):
    """What became of an item."""

    OK = 0
    """Confirmed by the broker (QoS 1, 2), written to it (QoS 0), or without a topic and so not sent."""
    STALE = 1
    """The delivery was not in flight any more: nothing was done."""
    INVALID = 2
    INVALID_TOPIC = 3
    INVALID_QOS = 4
    DENIED = 5
    TOO_LARGE = 6
    TIMEOUT = 7
    REFUSED = 8
    """By the broker: see `mqtt_reason_code`."""
    NOT_CONNECTED = 9
    NOT_PUBLISHED = 10
    """Its settle was a RETRY."""
    CLIPPED = 11
    """A lease cannot be extended any further. The SDK takes care of it."""
    EXPIRED = 12
    """Its expiry was over before it could be published."""
    UNKNOWN = 255
    """A code that this SDK does not know: a failure."""


@dataclass(frozen=True, **SLOTS)
class ItemResult:
    """What became of one reply that had an id, or of an item that was in error (reply_id 0)."""

    reply_id: int = 0
    delivery_id: int = 0
    code: ResultCode = ResultCode.OK
    mqtt_reason_code: int = 0
    """MQTT 5.0 §2.4."""
    message: str = ""
    """For people."""


# What a handler may return.
HandlerResult = Union[None, Reply, Sequence[Reply], Settlement]
