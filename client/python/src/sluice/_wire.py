"""Writes what workers say most: settles and replies, as fields of a WorkerFrame.

By hand, since generated code takes longer: five times with Debian 12's protobuf, a little with the newest. Fields that are
encoded one by one may be joined in any number to a frame: that is how protocol buffers merge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluice._reply import Outcome
from sluice.v1 import worker_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sluice._reply import Reply, Settlement

MAX_REASON_BYTES = 1024  # worker.proto, Settle.
MAX_RETRY_MS = 3_600_000  # worker.proto, Settle.
MAX_FRAME_ITEMS = 100_000  # worker.proto, Frames.

# Fourteen bits of a varint at once: the last two bytes of one, and two that others follow.
_LAST = [bytes([n]) if n < 128 else bytes([n & 127 | 128, n >> 7]) for n in range(1 << 14)]
_MORE = [bytes([n & 127 | 128, n >> 7 | 128]) for n in range(1 << 14)]
# The heads of short payloads (6), and of short replies in a settle and settles in a frame, which have the same number (5).
_SHORT = 1 << 11
_PAYLOAD = [b"\x32" + _LAST[n] for n in range(_SHORT)]
_FIVE = [b"\x2a" + _LAST[n] for n in range(_SHORT)]

# Ids come one after the other, so that all but their last fourteen bits stay the same for long.
_last_high: tuple[int, bytes] = (0, b"")


def varint(number: int) -> bytes:
    """0 … 2^64-1; else ValueError."""
    if 0 <= number < 1 << 14:
        return _LAST[number]
    if not 0 <= number < 1 << 64:
        raise ValueError(f"{number} is no number from 0 to 2^64-1")
    out = b""
    while number >= 1 << 14:
        out += _MORE[number & 0x3FFF]
        number >>= 14
    return out + _LAST[number]


def _number(name: str, number: int) -> bytes:
    if not 0 <= number < 1 << 32:
        raise ValueError(f"{name} is {number}; allowed are 0 … 2^32-1")
    return varint(number)


def _bytes_field(tag: bytes, content: bytes) -> bytes:
    return tag + varint(len(content)) + content


def _pairs(tag: bytes, pairs: Iterable[tuple[str, str]]) -> bytes:
    # A UserProperty and an entry of a map<string, string> look alike.
    return b"".join(
        _bytes_field(tag, _bytes_field(b"\x0a", name.encode()) + _bytes_field(b"\x12", value.encode())) for name, value in pairs
    )


def to_bytes(payload: object) -> bytes:
    """A str as UTF-8, whatever has a buffer as its bytes; else TypeError."""
    if isinstance(payload, bytes):
        return payload
    if isinstance(payload, str):
        return payload.encode()
    if isinstance(payload, (bytearray, memoryview)):
        return bytes(payload)
    raise TypeError(f"a reply's payload is {type(payload).__name__}; allowed are bytes and str")


def encode_reply(reply: Reply, delivery_id: int = 0) -> bytes:
    """The Reply without its tag and length. ValueError, TypeError: a field cannot be sent."""
    out = b"\x08" + varint(delivery_id) if delivery_id else b""
    if reply.reply_id:
        out += b"\x10" + varint(reply.reply_id)
    if reply.topic:
        out += _bytes_field(b"\x1a", reply.topic.encode())
    if reply.qos is not None:
        out += b"\x20" + _number("qos", reply.qos)
    if reply.retain:
        out += b"\x28\x01"
    payload = reply.payload
    if payload.__class__ is not bytes:
        payload = to_bytes(payload)
    if payload:
        size = len(payload)
        out += (_PAYLOAD[size] if size < _SHORT else b"\x32" + varint(size)) + payload  # type: ignore[operator]
    if reply.content_type:
        out += _bytes_field(b"\x3a", reply.content_type.encode())
    if reply.response_topic:
        out += _bytes_field(b"\x42", reply.response_topic.encode())
    if reply.correlation_data is not None:
        out += _bytes_field(b"\x4a", to_bytes(reply.correlation_data))
    if reply.user_properties:
        out += _pairs(b"\x52", reply.user_properties)
    if reply.expiry_s is not None:
        out += b"\x58" + _number("expiry_s", reply.expiry_s)
    if reply.metadata:
        out += _pairs(b"\x62", reply.metadata.items())
    return out


def encode_id(delivery_id: int) -> bytes:
    """The first field of a Settle."""
    global _last_high
    if delivery_id < 1 << 14:
        return b"\x08" + _LAST[delivery_id]
    high, encoded = _last_high
    if high != delivery_id >> 14:
        high = delivery_id >> 14
        encoded = varint(high)
        _last_high = (high, encoded)
    return b"\x08" + _MORE[delivery_id & 0x3FFF] + encoded


def encode_ack(delivery_id: int) -> bytes:
    """The field `settles` of a WorkerFrame, with outcome ACK."""
    out = encode_id(delivery_id)
    return _FIVE[len(out)] + out


def encode_ack_with(delivery_id: int, reply: Reply) -> bytes:
    """The same with one reply: what most handlers answer."""
    encoded = encode_reply(reply)
    size = len(encoded)
    if size >= _SHORT - 16:
        return _bytes_field(b"\x2a", encode_id(delivery_id) + _bytes_field(b"\x2a", encoded))
    out = encode_id(delivery_id) + _FIVE[size] + encoded
    return _FIVE[len(out)] + out


def encode_settle(delivery_id: int, settlement: Settlement) -> bytes:
    """The field `settles` of a WorkerFrame."""
    out = encode_id(delivery_id)
    if settlement.outcome:
        out += b"\x10" + varint(Outcome(settlement.outcome))
    if settlement.reason:
        out += _bytes_field(b"\x1a", clean_reason(settlement.reason))
    if settlement.retry_after > 0:
        out += b"\x20" + varint(round(min(settlement.retry_after * 1000, MAX_RETRY_MS)))
    for reply in settlement.replies:
        out += _bytes_field(b"\x2a", encode_reply(reply))
    return _bytes_field(b"\x2a", out)


def encode_early_reply(reply: Reply, delivery_id: int) -> bytes:
    """The field `replies` of a WorkerFrame."""
    return _bytes_field(b"\x22", encode_reply(reply, delivery_id))


def clean_reason(reason: str) -> bytes:
    """UTF-8, cut between two characters; what is no character becomes a "?"."""
    encoded = reason[:MAX_REASON_BYTES].encode("utf-8", "replace")[:MAX_REASON_BYTES]
    return encoded.decode("utf-8", "ignore").encode()


def count_items(reply: Reply) -> int:
    """As the gateway counts what is in a frame."""
    items = 1
    if reply.user_properties:
        items += len(reply.user_properties)
    if reply.metadata:
        items += len(reply.metadata)
    return items


def encode_window(messages: int, size: int) -> bytes:
    return pb.WorkerFrame(window=pb.Window(messages=messages, bytes=size)).SerializeToString()


def encode_ping(nonce: int) -> bytes:
    return pb.WorkerFrame(ping=pb.Ping(nonce=nonce)).SerializeToString()


def encode_pong(nonce: int) -> bytes:
    return pb.WorkerFrame(pong=pb.Pong(nonce=nonce)).SerializeToString()


def encode_drain(reason: str) -> bytes:
    return pb.WorkerFrame(drain=pb.Drain(reason=reason)).SerializeToString()


def encode_began(delivery_ids: Iterable[int]) -> bytes:
    return pb.WorkerFrame(began=delivery_ids).SerializeToString()


def encode_extends(extends: Iterable[tuple[int, int]]) -> bytes:
    """Of delivery id and milliseconds."""
    extensions = [pb.Extend(delivery_id=one, lease_ms=lease_ms) for one, lease_ms in extends]
    return pb.WorkerFrame(extends=extensions).SerializeToString()
