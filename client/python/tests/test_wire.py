"""What is encoded by hand is what generated code reads."""

import pytest

from sluice import Outcome, Reply, Settlement
from sluice import _wire as wire
from sluice.v1 import worker_pb2 as pb


def decode(data: bytes) -> pb.WorkerFrame:
    return pb.WorkerFrame.FromString(data)


@pytest.mark.parametrize("number", [0, 1, 127, 128, 16383, 16384, 2**21 - 1, 2**28, 2**32, 2**53, 2**64 - 1])
def test_varints_are_read_back(number: int) -> None:
    data = b"\x08" + wire.varint(number)
    assert pb.Ping.FromString(data).nonce == number
    assert pb.Ping(nonce=number).SerializeToString() == (data if number else b"")


@pytest.mark.parametrize("number", [-1, 2**64])
def test_numbers_out_of_range_are_refused(number: int) -> None:
    with pytest.raises(ValueError, match="no number"):
        wire.varint(number)


def test_a_settle_with_every_field() -> None:
    reply = Reply(
        topic="plant/ü",
        payload=b"x" * 20_000,
        qos=0,
        retain=True,
        reply_id=2**40,
        content_type="text/plain",
        response_topic="answers",
        correlation_data=b"",
        user_properties=[("a", "1"), ("a", "2"), ("", "")],
        expiry_s=0,
        metadata={"k": "v", "empty": ""},
    )
    frame = decode(wire.encode_settle(2**52, Settlement(Outcome.REJECT, "why", 0.0, [reply, Reply()])))
    expected = pb.Reply(
        topic="plant/ü",
        payload=b"x" * 20_000,
        qos=0,
        retain=True,
        reply_id=2**40,
        content_type="text/plain",
        response_topic="answers",
        correlation_data=b"",
        user_properties=[pb.UserProperty(name="a", value="1"), pb.UserProperty(name="a", value="2"), pb.UserProperty()],
        expiry_s=0,
        metadata={"k": "v", "empty": ""},
    )
    settle = pb.Settle(delivery_id=2**52, outcome=pb.OUTCOME_REJECT, reason="why", replies=[expected, pb.Reply()])
    assert frame == pb.WorkerFrame(settles=[settle])
    assert decode(wire.encode_early_reply(reply, 7)).replies[0].delivery_id == 7


def test_joined_fields_are_one_frame() -> None:
    data = wire.encode_ack(1) + wire.encode_pong(9) + wire.encode_ack_with(2, Reply(payload="é"))
    frame = decode(data)
    assert [settle.delivery_id for settle in frame.settles] == [1, 2]
    assert frame.settles[1].replies[0].payload == "é".encode()
    assert frame.pong.nonce == 9


@pytest.mark.parametrize(
    ("seconds", "milliseconds"), [(0, 0), (-1, 0), (0.25, 250), (7200, 3_600_000), (float("inf"), 3_600_000)]
)
def test_retry_after_is_held_to_an_hour(seconds: float, milliseconds: int) -> None:
    frame = decode(wire.encode_settle(1, Settlement.retry("", seconds)))
    assert frame.settles[0].retry_after_ms == milliseconds


@pytest.mark.parametrize(
    ("reason", "kept"),
    [
        ("short", b"short"),
        ("x" * 2000, b"x" * 1024),
        ("a" + "é" * 1000, b"a" + "é".encode() * 511),
        ("€" * 400, "€".encode() * 341),
        ("lone \ud800", b"lone ?"),
    ],
)
def test_reasons_are_cut_between_characters(reason: str, kept: bytes) -> None:
    assert wire.clean_reason(reason) == kept


@pytest.mark.parametrize("payload", [bytearray(b"ab"), memoryview(b"ab"), "ab", b"ab"])
def test_payloads_of_several_types(payload: bytes) -> None:
    assert decode(wire.encode_ack_with(1, Reply(payload=payload))).settles[0].replies[0].payload == b"ab"


@pytest.mark.parametrize("reply", [Reply(payload=7), Reply(qos=-1), Reply(expiry_s=2**32), Reply(reply_id=-1)])  # type: ignore[arg-type]
def test_what_cannot_be_sent_is_refused(reply: Reply) -> None:
    with pytest.raises((TypeError, ValueError)):
        wire.encode_ack_with(1, reply)


def test_items_are_counted_as_the_gateway_does() -> None:
    assert wire.count_items(Reply()) == 1
    assert wire.count_items(Reply(user_properties=[("a", "b")] * 3, metadata={"k": "v"})) == 5


@pytest.mark.parametrize("delivery_id", [1, 127, 16383, 16384, 16385, 2**28, 2**28 + 1, 2**14, 2**53, 3])
@pytest.mark.parametrize("size", [0, 1, 127, 128, 2030, 2031, 2032, 2040, 2048, 16384, 70_000])
def test_quick_ways_encode_what_the_slow_one_does(delivery_id: int, size: int) -> None:
    reply = Reply("a/b", b"x" * size, qos=1)
    expected = pb.Settle(delivery_id=delivery_id, replies=[pb.Reply(topic="a/b", payload=b"x" * size, qos=1)])
    assert decode(wire.encode_ack_with(delivery_id, reply)) == pb.WorkerFrame(settles=[expected])
    assert decode(wire.encode_settle(delivery_id, Settlement.ack(reply))) == pb.WorkerFrame(settles=[expected])
    assert decode(wire.encode_ack(delivery_id)) == pb.WorkerFrame(settles=[pb.Settle(delivery_id=delivery_id)])
