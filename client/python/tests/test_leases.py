"""What is held, what has begun, what is lost, and what is extended when."""

from __future__ import annotations

from typing import Any

import pytest
from support import Stream

from sluice import Reply, ResultCode, SendError, StatusCode
from sluice._session import DRAIN_NONCE
from sluice.v1 import worker_pb2 as pb


def exceeds(stream: Stream) -> bool:
    session = stream.session
    return session._leases.exceeds(session._most_messages, session._options.window_bytes)


def test_a_revoked_delivery_is_not_settled_and_tells_its_handler() -> None:
    stream = Stream()
    first, second = stream.deliver(1, 2).all
    told: list[str] = []
    stream.session.when_lost(first, lambda: told.append("first"))
    stream.session.when_lost(second, lambda: told.append("second"))
    stream.session.settle(second, None)
    stream.say(revokes=[pb.Revoke(delivery_id=1), pb.Revoke(delivery_id=2), pb.Revoke(delivery_id=99)])
    assert told == ["first", "second"]
    stream.session.settle(first, None)
    assert stream.sent() is None
    stream.session.drain(stream.now)
    stream.sent()
    stream.sent()
    stream.say(pong=pb.Pong(nonce=DRAIN_NONCE))
    assert stream.half_closes()


def test_what_is_lost_already_is_told_at_once() -> None:
    stream = Stream()
    [held] = stream.deliver(1).all
    stream.say(revokes=[pb.Revoke(delivery_id=1)])
    told: list[int] = []
    stream.session.when_lost(held, lambda: told.append(1))
    assert told == [1]


def test_the_streams_end_tells_handlers() -> None:
    stream = Stream()
    [held] = stream.deliver(1).all
    told: list[int] = []
    stream.session.when_lost(held, lambda: told.append(1))
    stream.session.end()
    assert told == [1]
    assert stream.sent() is None


def test_a_stale_item_is_lost() -> None:
    stream = Stream()
    [held] = stream.deliver(1).all
    [result] = stream.say(results=[pb.Result(delivery_id=1, code=pb.Result.CODE_STALE)]).results
    assert result.code is ResultCode.STALE
    stream.session.settle(held, None)
    assert stream.sent() is None


def test_what_has_begun_is_told_after_50_ms_and_once() -> None:
    stream = Stream()
    first, second, _ = stream.deliver(1, 2, 3).all
    stream.in_handlers = [first, second]
    stream.session.settle(second, None)
    stream.sent()
    for _ in range(2):  # Begun at some time before the first look; not seen for 50 ms yet.
        assert stream.tick(0.025) == pytest.approx(stream.now + 0.025)
        assert stream.sent() is None
    stream.tick(0.025)
    frame = stream.sent()
    assert frame is not None
    assert list(frame.began) == [1]
    stream.tick(0.05)
    assert stream.sent() is None
    assert stream.session.running() == [pytest.approx(100.075)]


def test_without_the_feature_nothing_is_told_and_all_leases_are_extended() -> None:
    stream = Stream(pb.Welcome(protocol_version=1, heartbeat_interval_ms=3_600_000))
    first, _ = stream.deliver(1, 2, lease_ms=1000).all
    stream.in_handlers = [first]
    assert stream.tick(0.06) == pytest.approx(100.5)
    assert stream.sent() is None
    stream.tick(0.44)
    frame = stream.sent()
    assert frame is not None
    assert [(one.delivery_id, one.lease_ms) for one in frame.extends] == [(1, 1000), (2, 1000)]


def test_leases_of_what_has_begun_are_extended_at_their_half_until_they_are_clipped() -> None:
    stream = Stream()
    first, _ = stream.deliver(1, 2, lease_ms=1000).all
    stream.in_handlers = [first]
    stream.tick(0.05)
    stream.tick(0.45)
    frame = stream.sent()
    assert frame is not None
    assert [(one.delivery_id, one.lease_ms) for one in frame.extends] == [(1, 1000)]
    stream.tick(0.5)
    assert len(stream.sent().extends) == 1  # type: ignore[union-attr]
    stream.say(results=[pb.Result(delivery_id=1, code=pb.Result.CODE_CLIPPED, lease_ms=10)])
    stream.tick(0.5)
    assert stream.sent() is None


def test_a_settled_delivery_is_not_extended() -> None:
    stream = Stream()
    first, second = stream.deliver(1, 2, lease_ms=1000).all
    stream.in_handlers = [first, second]
    stream.tick(0.05)
    stream.session.settle(first, None)
    stream.tick(0.45)
    frame = stream.sent()
    assert frame is not None
    assert [one.delivery_id for one in frame.extends] == [2]


@pytest.mark.parametrize(
    ("options", "sizes", "over"),
    [
        ({"window_messages": 3}, [1, 1, 1], False),
        ({"window_messages": 3}, [1, 1, 1, 1], True),
        ({"window_bytes": 1000}, [400, 400], False),
        ({"window_bytes": 1000}, [600, 600], True),
        ({"window_bytes": 1000}, [5000], False),
        ({"window_bytes": 0}, [5000, 5000], False),
    ],
)
def test_a_gateway_over_the_window_is_not_read(options: dict[str, Any], sizes: list[int], over: bool) -> None:
    stream = Stream(**options)
    deliveries = [pb.Delivery(delivery_id=1 + index, payload=b"x" * size) for index, size in enumerate(sizes)]
    batch = stream.say(deliveries=deliveries).batch
    assert batch is not None
    assert exceeds(stream) is over
    for held in batch.all:
        stream.session.settle(held, None)
    stream.sent()
    assert exceeds(stream) is False


def test_nothing_is_sent_about_a_lost_delivery() -> None:
    stream = Stream()
    [held] = stream.deliver(1).all
    stream.say(revokes=[pb.Revoke(delivery_id=1)])
    with pytest.raises(SendError) as error:
        stream.session.send_early(held, Reply(), wait=True)
    assert error.value.status.code == StatusCode.UNAVAILABLE
