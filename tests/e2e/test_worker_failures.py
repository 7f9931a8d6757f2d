"""Workers that die, hang, refuse and give up: every message is answered, or stands in the dead letters."""
import json
import sys
import time

from sluice.v1 import worker_pb2 as pb

from harness.process import SOURCE, Process
from harness.wait import TIME_FACTOR, deadline_in, wait_until


class HoldingWorker(Process):
    """A process that takes `count` messages and holds them."""

    def __init__(self, folder, gateway, chain, count):
        script = SOURCE / "tests" / "e2e" / "harness" / "holding_worker.py"
        super().__init__("holding-worker", [sys.executable, "-B", script, gateway.workers, chain, count], folder)

    def held(self):
        """The message ids it holds, once it has them all."""
        def line():
            self.assert_running()
            return self.log() if self.log().endswith("]\n") else None

        return json.loads(wait_until(line, "the worker holds its messages"))


def test_a_worker_killed_with_100_messages_in_flight_loses_none(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    replies = world.subscriber(broker, "out")
    doomed = world.process(HoldingWorker, gateway, "c", 100)
    payloads = [f"{i}".encode() for i in range(100)]
    world.client(broker).publish_all([("in", payload) for payload in payloads])
    held = doomed.held()
    heir = world.raw_worker(gateway)
    heir.hello("c")

    doomed.kill()

    deliveries = heir.expect_deliveries(100)
    assert {delivery.attempt for delivery in deliveries} == {2}
    assert {delivery.message_id for delivery in deliveries} == set(held)
    heir.answer(*deliveries, topic="out")
    replies.expect_payloads(payloads)
    assert len(replies.payloads()) == 100


def test_a_frozen_worker_is_given_up_after_two_heartbeats_not_after_its_lease(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, workers={"heartbeat": "1s"})
    frozen = world.process(HoldingWorker, gateway, "c", 10)
    world.client(broker).publish_all([("in", f"{i}".encode()) for i in range(10)])
    frozen.held()
    heir = world.raw_worker(gateway)
    heir.hello("c")

    frozen.freeze()
    began = time.monotonic()
    deliveries = heir.expect_deliveries(10)

    assert {delivery.attempt for delivery in deliveries} == {2}
    assert time.monotonic() - began < 10 * TIME_FACTOR


def test_a_message_that_is_never_settled_goes_to_another_when_its_lease_ends(world):
    broker = world.broker()
    lease_s = 2 * TIME_FACTOR
    gateway = world.gateway(broker, {"in": "c"}, chains={"c": {"lease": f"{lease_s:g}s"}})
    replies = world.subscriber(broker, "out")
    lazy = world.raw_worker(gateway)
    lazy.hello("c")
    world.client(broker).publish("in", b"x")
    [first] = lazy.expect_deliveries(1)
    assert 0 < first.lease_ms <= 1000 * lease_s
    lazy.window(0)
    assert lazy.alive()
    diligent = world.raw_worker(gateway)
    diligent.hello("c")

    [second] = diligent.expect_deliveries(1)

    assert (second.message_id, second.attempt) == (first.message_id, 2)
    diligent.answer(second, topic="out")
    assert replies.expect(1)[0].payload == b"x"
    lazy.answer(first, topic="out")
    assert [result.code for result in lazy.expect_results(1)] == [pb.Result.CODE_STALE]
    assert lazy.alive()
    assert len(replies.payloads()) == 1


def test_an_extended_lease_keeps_the_message(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, chains={"c": {"lease": "1s"}})
    replies = world.subscriber(broker, "out")
    worker = world.raw_worker(gateway)
    worker.hello("c")
    world.client(broker).publish("in", b"x")
    [delivery] = worker.expect_deliveries(1)
    received = time.monotonic()

    worker.extend(delivery, 60_000)
    # Well past the first lease.
    wait_until(lambda: time.monotonic() - received > 2, "two seconds", 10)

    assert len(worker.deliveries) == 1
    worker.answer(delivery, topic="out")
    assert replies.expect(1)[0].payload == b"x"


def test_a_worker_that_reads_nothing_for_30_seconds_holds_up_nobody_else(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    deaf = world.raw_worker(gateway)
    deaf.hello("c", messages=100)
    deaf.stop_reading()
    world.echo_worker(gateway, chain="c", reply_topic="out", reply_qos=1)
    gateway.wait_metric("sluice_worker_streams", lambda streams: streams == 2)
    replies = world.subscriber(broker, "out")
    publisher = world.client(broker)
    # Of these the deaf one may get up to its window; they are answered once it is given up.
    first = [f"first {i}".encode() for i in range(300)]
    publisher.publish_all([("in", payload) for payload in first])
    gateway.wait_metric("sluice_queue_messages", lambda waiting: waiting == 0)

    began, batch, stuck = time.monotonic(), 0, set()
    while time.monotonic() - began < 30:
        batch += 1
        payloads = {f"batch {batch}, {i}".encode() for i in range(50)}
        publisher.publish_all([("in", payload) for payload in payloads])
        # At most the deaf worker's window stays away, whatever is published.
        deadline = deadline_in(10)
        wait_until(lambda: len(payloads - set(replies.payloads()[-400:])) + len(stuck) <= 100,
                   "the working worker's replies", 10)
        stuck |= payloads - set(replies.payloads())
        assert time.monotonic() < deadline

    replies.expect_payloads(first, seconds=30)
    replies.expect_payloads(stuck, seconds=30)
    deaf.go_on_reading()
    assert deaf.expect_end() is not None


def test_a_retry_comes_again_after_its_delay_as_the_next_attempt(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    worker = world.raw_worker(gateway)
    worker.hello("c")
    world.client(broker).publish("in", b"x")
    [first] = worker.expect_deliveries(1)
    began = time.monotonic()
    worker.settle(first, outcome=pb.OUTCOME_RETRY, retry_after_ms=500, reason="not now")

    [second] = worker.expect_deliveries(1)

    assert time.monotonic() - began >= 0.5
    assert (second.message_id, second.attempt) == (first.message_id, 2)
    assert second.delivery_id != first.delivery_id


def test_what_exhausts_its_attempts_or_is_rejected_becomes_a_dead_letter(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, chains={"c": {"maxAttempts": 2, "deadLetterTopic": "dead"}})
    dead = world.subscriber(broker, "dead")
    worker = world.raw_worker(gateway)
    worker.hello("c")
    publisher = world.client(broker)

    publisher.publish("in", b"hopeless")
    for attempt in (1, 2):
        [delivery] = worker.expect_deliveries(1)
        assert delivery.attempt == attempt
        worker.settle(delivery, outcome=pb.OUTCOME_RETRY, retry_after_ms=1, reason="cannot")
    [letter] = dead.expect(1)
    properties = dict(letter.properties.UserProperty)
    assert letter.payload == b"hopeless"
    assert "cannot" in properties["sluice-reason"]
    assert (properties["sluice-attempts"], properties["sluice-topic"]) == ("2", "in")

    publisher.publish("in", b"refused")
    [delivery] = worker.expect_deliveries(1)
    worker.settle(delivery, outcome=pb.OUTCOME_REJECT, reason="never")
    assert dead.expect(2)[1].payload == b"refused"
    assert worker.alive() and worker.taken == len(worker.deliveries)


def test_a_dropped_message_is_done_and_counted_apart(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    worker = world.raw_worker(gateway)
    worker.hello("c")
    world.client(broker).publish_all([("in", b"1"), ("in", b"2"), ("in", b"3")])
    deliveries = worker.expect_deliveries(3)
    worker.settle(deliveries[0], outcome=pb.OUTCOME_DROP)
    worker.settle(*deliveries[1:])
    gateway.wait_metric("sluice_in_flight_messages", lambda messages: messages == 0)
    assert gateway.metric("sluice_settled_total", outcome="drop") == 1
    assert gateway.metric("sluice_settled_total", outcome="ack") == 2


def test_a_cancelled_stream_gives_its_messages_to_others_at_once(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    quitter = world.raw_worker(gateway)
    quitter.hello("c")
    world.client(broker).publish_all([("in", f"{i}".encode()) for i in range(20)])
    quitter.expect_deliveries(20)
    other = world.raw_worker(gateway)
    other.hello("c")

    quitter.cancel()

    assert {delivery.attempt for delivery in other.expect_deliveries(20)} == {2}
