"""What the gateway does with workers that do not keep to the contract, and that it harms nobody else."""
import signal

import grpc
import pytest
from sluice.v1 import worker_pb2 as pb

from harness.wait import wait_on

Status = grpc.StatusCode


@pytest.fixture
def site(world):
    world.b = world.broker()
    world.g = world.gateway(world.b, {"in": "c"})
    world.p = world.client(world.b)
    return world


def serves(world, worker):
    """The worker still gets messages and its replies are published."""
    replies = world.subscriber(world.b, "still/#")
    world.p.publish("in", b"still there")
    worker.answer(*worker.expect_deliveries(1), topic="still/x")
    return replies.expect(1)[0].payload == b"still there"


def test_the_welcome_says_what_is_agreed(site):
    worker = site.raw_worker(site.g)
    welcome = worker.hello("c", messages=2_000_000_000, features=["time-travel"], max_protocol_version=99)
    assert welcome.protocol_version == 1
    assert [accepted.chain for accepted in welcome.accepted_chains] == ["c"]
    assert not welcome.features
    assert welcome.session_id
    assert welcome.heartbeat_interval_ms == 10_000
    assert welcome.max_frame_bytes == 40 << 20
    assert welcome.max_window.messages == 10_000


def test_a_chain_that_no_route_feeds_is_refused_by_name_and_the_others_are_served(site):
    worker = site.raw_worker(site.g)
    welcome = worker.hello("c", "unheard-of")
    assert [accepted.chain for accepted in welcome.accepted_chains] == ["c"]
    assert [refused.chain for refused in welcome.refused_chains] == ["unheard-of"]
    assert welcome.refused_chains[0].reason
    assert serves(site, worker)


def test_a_worker_of_unknown_chains_only_is_turned_away(site):
    worker = site.raw_worker(site.g)
    worker.say_hello("unheard-of")
    assert worker.expect_end()[0] == Status.FAILED_PRECONDITION


def test_a_worker_of_a_later_protocol_is_turned_away(site):
    worker = site.raw_worker(site.g)
    worker.say_hello("c", min_protocol_version=2, max_protocol_version=3)
    code, details = worker.expect_end()
    assert code == Status.FAILED_PRECONDITION
    assert "1" in details


@pytest.mark.parametrize("frame", [
    pb.WorkerFrame(settles=[pb.Settle(delivery_id=1)]),
    pb.WorkerFrame(ping=pb.Ping(nonce=1)),
    pb.WorkerFrame(),
    pb.WorkerFrame(hello=pb.Hello()),
], ids=["settle", "ping", "empty", "hello-without-chains"])
def test_a_first_frame_without_a_proper_hello_ends_the_stream(site, frame):
    good = site.raw_worker(site.g)
    good.hello("c")
    bad = site.raw_worker(site.g)
    bad.send_garbage(frame.SerializeToString())
    assert bad.expect_end()[0] == Status.INVALID_ARGUMENT
    assert serves(site, good)


def test_a_stream_that_says_no_hello_is_closed_after_10_seconds(site):
    silent = site.raw_worker(site.g)
    silent.outbox.put(b"")  # gRPC only begins the call when something is to be sent; an empty frame is no Hello.
    assert silent.expect_end()[0] == Status.INVALID_ARGUMENT
    quiet = site.raw_worker(site.g)
    assert quiet.expect_end(seconds=15)[0] == Status.DEADLINE_EXCEEDED


@pytest.mark.parametrize("garbage", [b"\xff\xff\xff\xff", b"\x0a\x7f\x00", bytes(1000)], ids=["tag", "length", "zeros"])
def test_garbage_ends_only_its_own_stream(site, garbage):
    good = site.raw_worker(site.g)
    good.hello("c")
    bad = site.raw_worker(site.g)
    bad.hello("c", messages=0)
    bad.send_garbage(garbage)
    assert bad.expect_end()[0] == Status.INVALID_ARGUMENT
    assert serves(site, good)


def test_a_second_hello_ends_the_stream(site):
    worker = site.raw_worker(site.g)
    worker.hello("c")
    worker.say_hello("c")
    assert worker.expect_end()[0] == Status.INVALID_ARGUMENT


def test_settling_twice_is_stale_and_harmless(site):
    worker = site.raw_worker(site.g)
    worker.hello("c")
    replies = site.subscriber(site.b, "out")
    site.p.publish("in", b"x")
    [delivery] = worker.expect_deliveries(1)
    worker.answer(delivery, topic="out")
    worker.answer(delivery, topic="out")

    [result] = worker.expect_results(1)

    assert (result.code, result.delivery_id) == (pb.Result.CODE_STALE, delivery.delivery_id)
    assert serves(site, worker)
    assert replies.payloads() == [b"x"]


def test_settling_what_another_worker_holds_is_stale_and_leaves_it_with_that_worker(site):
    holder = site.raw_worker(site.g)
    holder.hello("c")
    site.p.publish("in", b"x")
    [delivery] = holder.expect_deliveries(1)
    thief = site.raw_worker(site.g)
    thief.hello("c", messages=0)
    thief.answer(delivery, topic="stolen")
    assert [result.code for result in thief.expect_results(1)] == [pb.Result.CODE_STALE]

    replies = site.subscriber(site.b, "#")
    holder.answer(delivery, topic="out")

    assert [(message.topic, message.payload) for message in replies.expect(1)] == [("out", b"x")]


def test_settling_what_never_was_is_stale(site):
    worker = site.raw_worker(site.g)
    worker.hello("c")
    worker.settle(0, 1, 2**64 - 1)
    assert {result.code for result in worker.expect_results(3)} == {pb.Result.CODE_STALE}
    assert serves(site, worker)


def test_an_unknown_outcome_is_invalid_and_the_delivery_stays(site):
    worker = site.raw_worker(site.g)
    worker.hello("c")
    replies = site.subscriber(site.b, "out")
    site.p.publish("in", b"x")
    [delivery] = worker.expect_deliveries(1)
    worker.settle(delivery, outcome=17)
    assert [result.code for result in worker.expect_results(1)] == [pb.Result.CODE_INVALID]
    worker.answer(delivery, topic="out")
    assert replies.expect(1)[0].payload == b"x"


def test_unknown_fields_are_ignored(site):
    worker = site.raw_worker(site.g)
    worker.hello("c")
    worker.send_garbage(b"\xfa\x3e\x03abc")  # Field 1007, a string.
    assert serves(site, worker)


def test_a_worker_that_answers_no_ping_is_closed_and_its_messages_go_to_others(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, workers={"heartbeat": "1s"})
    silent = world.raw_worker(gateway, silent=True)
    silent.hello("c")
    world.client(broker).publish("in", b"x")
    [first] = silent.expect_deliveries(1)
    other = world.raw_worker(gateway)
    other.hello("c")

    assert silent.expect_end()[0] == Status.DEADLINE_EXCEEDED
    [second] = other.expect_deliveries(1)
    assert (second.message_id, second.attempt) == (first.message_id, 2)
    assert second.delivery_id != first.delivery_id


def test_a_ping_is_answered_with_its_nonce(site):
    worker = site.raw_worker(site.g)
    worker.hello("c")
    worker.send(ping=pb.Ping(nonce=2**64 - 1))
    # Not yet alive(): of several Pings that come together only the last is answered.
    wait_on(worker.changed, lambda: worker.pongs, "a Pong")
    assert worker.pongs == [2**64 - 1]
    assert worker.alive()


def test_the_window_holds_deliveries_back_until_it_opens(site):
    worker = site.raw_worker(site.g)
    worker.hello("c", messages=0)
    site.p.publish_all([("in", f"{i}".encode()) for i in range(5)])
    site.g.wait_metric("sluice_queue_messages", lambda waiting: waiting == 5)
    assert worker.alive() and not worker.deliveries

    worker.window(2)
    two = worker.expect_deliveries(2)
    assert worker.alive() and len(worker.deliveries) == 2
    worker.settle(two[0])
    worker.expect_deliveries(1)
    assert worker.alive() and len(worker.deliveries) == 3


def test_a_drained_worker_gets_nothing_more_and_may_settle_what_it_holds(site):
    worker = site.raw_worker(site.g)
    worker.hello("c")
    replies = site.subscriber(site.b, "out")
    site.p.publish("in", b"held")
    [delivery] = worker.expect_deliveries(1)
    worker.send(drain=pb.Drain(reason="going home"))
    assert worker.alive()
    site.p.publish_all([("in", b"for another")])
    site.g.wait_metric("sluice_queue_messages", lambda waiting: waiting == 1)
    worker.answer(delivery, topic="out")
    assert replies.expect(1)[0].payload == b"held"
    assert worker.alive() and len(worker.deliveries) == 1
    worker.half_close()
    assert worker.expect_end()[0] == Status.OK

    other = site.raw_worker(site.g)
    other.hello("c")
    [delivery] = other.expect_deliveries(1)
    assert (delivery.payload, delivery.attempt) == (b"for another", 1)


def test_a_half_closed_stream_ends_with_ok(site):
    worker = site.raw_worker(site.g)
    worker.hello("c")
    worker.half_close()
    assert worker.expect_end()[0] == Status.OK


def test_results_that_are_owed_come_before_the_end_of_a_half_closed_stream(site):
    worker = site.raw_worker(site.g)
    worker.hello("c")
    site.p.publish("in", b"x")
    [delivery] = worker.expect_deliveries(1)
    worker.settle(delivery, replies=[pb.Reply(reply_id=i, topic="still/owed", qos=1, payload=b"y") for i in (7, 8)])
    worker.half_close()
    assert worker.expect_end() == (grpc.StatusCode.OK, "")
    assert [(result.reply_id, result.code) for result in worker.results] == [
        (7, pb.Result.CODE_OK), (8, pb.Result.CODE_OK)]


def call(gateway, method, request=b""):
    """A unary call in raw bytes."""
    with grpc.insecure_channel(gateway.workers) as channel:
        return channel.unary_unary(method)(request, timeout=10)


def test_the_listener_answers_health_checks(site):
    serving = b"\x08\x01"
    assert call(site.g, "/grpc.health.v1.Health/Check") == serving
    assert call(site.g, "/grpc.health.v1.Health/Check", b"\x0a\x17sluice.v1.WorkerService") == serving
    with pytest.raises(grpc.RpcError) as unknown:
        call(site.g, "/grpc.health.v1.Health/Check", b"\x0a\x04none")
    assert unknown.value.code() == grpc.StatusCode.NOT_FOUND


def test_a_gateway_that_shuts_down_says_so_to_those_who_watch_its_health(world):
    gateway = world.gateway(world.broker(), {"in": "c"})
    with grpc.insecure_channel(gateway.workers) as channel:
        watch = channel.unary_stream("/grpc.health.v1.Health/Watch")(b"", timeout=30)
        assert next(watch) == b"\x08\x01"
        gateway.process.signal(signal.SIGTERM)
        assert next(watch) == b"\x08\x02"
        assert gateway.process.wait(10) == 0


@pytest.mark.parametrize("method", ["/sluice.v1.WorkerService/Connect", "/sluice.Worker/Work"])
def test_a_misspelt_method_is_answered_with_the_right_one(site, method):
    with pytest.raises(grpc.RpcError) as wrong:
        call(site.g, method)
    assert wrong.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert method in wrong.value.details()
    assert "/sluice.v1.WorkerService/Work" in wrong.value.details()
