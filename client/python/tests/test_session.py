"""The rules of a stream, without a network and without a clock."""

from __future__ import annotations

import re

import pytest
from support import Stream

from sluice import Options, Outcome, Reply, ResultCode, SendError, Settlement, StatusCode
from sluice import _session as session_module
from sluice._arrivals import ProtocolError
from sluice._leases import NEVER
from sluice._session import DRAIN_NONCE, Session
from sluice.v1 import worker_pb2 as pb


def test_hello_introduces_the_worker() -> None:
    hello = Stream(worker_name="name", lease=2.5, window_bytes=99).hello
    assert (hello.min_protocol_version, hello.max_protocol_version) == (1, 1)
    assert (hello.worker_name, hello.instance, list(hello.chains)) == ("name", "me", ["c"])
    assert (hello.window.messages, hello.window.bytes, hello.lease_ms) == (10, 99, 2500)
    assert list(hello.features) == ["began"]
    assert re.fullmatch(r"sluice-python/\d+\.\d+\.\d+", hello.sdk)


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (pb.GatewayFrame(ping=pb.Ping(nonce=1)), StatusCode.INVALID_ARGUMENT),
        (pb.GatewayFrame(welcome=pb.Welcome(protocol_version=2)), StatusCode.FAILED_PRECONDITION),
    ],
)
def test_a_first_frame_that_breaks_the_rules_ends_the_stream(first: pb.GatewayFrame, code: StatusCode) -> None:
    session = Session(Options(), ["c"], "me", 10, 0)
    with pytest.raises(ProtocolError) as error:
        session.take(first.SerializeToString(), 0)
    assert error.value.status.code == code


def test_later_frames_that_break_the_rules_end_the_stream() -> None:
    stream = Stream()
    for data in (b"\xff", pb.GatewayFrame(welcome=pb.Welcome()).SerializeToString(), b"\x12\x00"):
        with pytest.raises(ProtocolError) as error:
            stream.session.take(data, stream.now)
        assert error.value.status.code == StatusCode.INVALID_ARGUMENT


def test_nothing_is_sent_before_the_welcome() -> None:
    session = Session(Options(), ["c"], "me", 10, 0)
    session.set_window(500)
    assert session.gather(0) is None


def test_what_has_gathered_is_one_frame() -> None:
    stream = Stream()
    batch = stream.deliver(1, 2, 3)
    stream.say(ping=pb.Ping(nonce=77))
    for held in batch.all:
        stream.session.settle(held, None)
    frame = stream.sent()
    assert frame is not None
    assert [settle.delivery_id for settle in frame.settles] == [1, 2, 3]
    assert frame.pong.nonce == 77
    assert stream.sent() is None


def test_frames_are_cut_at_the_gateways_limit() -> None:
    welcome = pb.Welcome(protocol_version=1, heartbeat_interval_ms=10_000, max_frame_bytes=1000)
    stream = Stream(welcome)
    for held in stream.deliver(1, 2, 3, 4, 5).all:
        stream.session.settle(held, Reply(payload=b"x" * 400))
    sizes = []
    while (frame := stream.sent()) is not None:
        sizes.append(len(frame.settles))
        assert frame.ByteSize() <= 1000
    assert sizes == [2, 2, 1]


def test_frames_are_cut_at_the_number_of_items() -> None:
    stream = Stream()
    many = [("", "")] * 60_000
    for held in stream.deliver(1, 2).all:
        stream.session.settle(held, Reply(user_properties=many))
    assert [len(stream.sent().settles) for _ in range(2)] == [1, 1]  # type: ignore[union-attr]


@pytest.mark.parametrize("reply", [Reply(payload=b"x" * (1 << 20)), Reply(user_properties=[("", "")] * 100_000)])
def test_a_settle_that_fits_into_no_frame_is_a_reject(reply: Reply) -> None:
    stream = Stream()
    [held] = stream.deliver(1).all
    why = stream.session.settle(held, reply)
    assert why is not None
    assert "larger than the gateway takes" in why
    [settle] = stream.sent().settles  # type: ignore[union-attr]
    assert (settle.outcome, settle.reason, len(settle.replies)) == (Outcome.REJECT, why, 0)


def test_an_early_reply_that_fits_into_no_frame_is_an_error() -> None:
    stream = Stream()
    [held] = stream.deliver(1).all
    with pytest.raises(SendError) as error:
        stream.session.send_early(held, Reply(payload=b"x" * (1 << 20)), wait=True)
    assert error.value.status.code == StatusCode.INVALID_ARGUMENT
    assert stream.sent() is None


def test_early_replies_are_bounded_in_bytes() -> None:
    stream = Stream(send_buffer_bytes=1000)
    [held] = stream.deliver(1).all
    big = Reply(payload=b"x" * 900)
    assert stream.session.send_early(held, big, wait=False)
    assert not stream.session.send_early(held, big, wait=False)
    assert len(stream.sent().replies) == 1  # type: ignore[union-attr]
    assert stream.session.send_early(held, big, wait=False)
    stream.session.end()
    with pytest.raises(SendError) as error:
        stream.session.send_early(held, big, wait=True)
    assert error.value.status.code == StatusCode.UNAVAILABLE


def test_one_that_is_larger_than_the_buffer_goes_alone() -> None:
    stream = Stream(send_buffer_bytes=10)
    [held] = stream.deliver(1).all
    assert stream.session.send_early(held, Reply(payload=b"x" * 900), wait=False)


def test_the_worker_takes_leave() -> None:
    stream = Stream()
    first = stream.deliver(1)
    stream.session.drain(stream.now)
    drain, ping = stream.sent(), stream.sent()
    assert drain is not None
    assert ping is not None
    assert drain.HasField("drain")
    assert not drain.HasField("ping")
    assert ping.ping.nonce == DRAIN_NONCE
    late = stream.deliver(2)  # It was under way.
    stream.say(pong=pb.Pong(nonce=DRAIN_NONCE))
    assert stream.sent() is None
    for held in (*first.all, *late.all):
        stream.session.settle(held, None)
    assert len(stream.sent().settles) == 2  # type: ignore[union-attr]
    assert stream.half_closes()
    assert stream.sent() is None
    assert stream.say(deliveries=[pb.Delivery(delivery_id=3)]).batch is None


def test_a_heartbeats_pong_is_not_the_drains() -> None:
    stream = Stream()
    stream.session.drain(stream.now)
    stream.sent()
    stream.sent()
    stream.say(pong=pb.Pong(nonce=session_module.HEARTBEAT_NONCE))
    assert stream.sent() is None


def test_a_drain_before_the_welcome_takes_leave_when_it_comes() -> None:
    session = Session(Options(), ["c"], "me", 10, 100)
    session.drain(100)
    assert session.gather(100) is None
    session.take(pb.GatewayFrame(welcome=pb.Welcome(protocol_version=1)).SerializeToString(), 100)
    data = session.gather(100)
    assert data is not None
    assert pb.WorkerFrame.FromString(data).HasField("drain")


def test_a_drain_waits_a_second_for_the_welcome() -> None:
    session = Session(Options(), ["c"], "me", 10, 100)
    session.drain(103)
    assert session.tick(103) == (104, None)
    _, lost = session.tick(104)
    assert lost is not None
    assert lost.code == StatusCode.CANCELLED


def test_a_gateway_that_drains_gets_the_settles_and_the_half_close() -> None:
    stream = Stream()
    [held] = stream.deliver(1).all
    assert stream.say(drain=pb.Drain(reason="age")).drain is not None
    assert stream.sent() is None
    stream.session.settle(held, None)
    assert len(stream.sent().settles) == 1  # type: ignore[union-attr]
    assert stream.half_closes()


def test_an_unknown_code_is_a_failure() -> None:
    stream = Stream()
    result = pb.Result(reply_id=1)
    result.code = 77  # type: ignore[assignment]
    assert stream.say(results=[result]).results[0].code is ResultCode.UNKNOWN


def test_a_silent_worker_pings_at_half_of_the_interval() -> None:
    stream = Stream()
    assert stream.tick(0) == pytest.approx(stream.now + 5)
    stream.tick(5)
    frame = stream.sent()
    assert frame is not None
    assert frame.HasField("ping")


def test_a_gateway_that_is_silent_for_two_intervals_is_lost() -> None:
    stream = Stream()
    stream.session.resume(lambda: stream.now)
    _, lost = stream.session.tick(stream.now + 19.9)
    assert lost is None
    _, lost = stream.session.tick(stream.now + 20)
    assert lost is not None
    assert lost.code == StatusCode.DEADLINE_EXCEEDED


def test_while_a_frame_is_handled_the_gateway_is_not_to_blame() -> None:
    stream = Stream()
    stream.session.resume(lambda: stream.now)
    stream.say(ping=pb.Ping())  # Not resumed.
    assert stream.session.tick(stream.now + 50)[1] is None


def test_a_welcome_that_does_not_come_in_time() -> None:
    session = Session(Options(connect_timeout=3), ["c"], "me", 10, 100)
    assert session.tick(102) == (103, None)
    again, lost = session.tick(103)
    assert again == NEVER
    assert lost is not None
    assert lost.code == StatusCode.DEADLINE_EXCEEDED


def test_the_window_is_told_when_it_changes_much() -> None:
    stream = Stream()
    stream.session.set_window(11)
    assert stream.sent() is None
    stream.session.set_window(20)
    frame = stream.sent()
    assert frame is not None
    assert (frame.window.messages, frame.window.bytes) == (20, 64 << 20)
    stream.session.set_window(20)
    assert stream.sent() is None


def test_results_of_handlers() -> None:
    stream = Stream()
    batch = stream.deliver(1, 2, 3, 4)
    for held, result in zip(batch.all, [None, Reply("a"), [Reply("b"), Reply("c")], Settlement.retry("later", 1.5)]):
        stream.session.settle(held, result)
    frame = stream.sent()
    assert frame is not None
    assert [[reply.topic for reply in settle.replies] for settle in frame.settles] == [[], ["a"], ["b", "c"], []]
    assert (frame.settles[3].outcome, frame.settles[3].reason, frame.settles[3].retry_after_ms) == (1, "later", 1500)


def test_what_is_no_result_is_refused_and_leaves_the_delivery() -> None:
    stream = Stream()
    [held] = stream.deliver(1).all
    for wrong in ("text", 7, [1], Reply(qos=-1)):
        with pytest.raises((TypeError, ValueError)):
            stream.session.settle(held, wrong)
    assert held.open
