"""SIGTERM and SIGINT: what was taken in is answered, and the process ends in time."""
import signal
import threading
import time

import grpc
import pytest
from sluice.v1 import worker_pb2 as pb

from harness.wait import TIME_FACTOR, wait_until


class Load:
    """Publishes numbered messages, one after the other, until stopped: fewer than a chain's queue holds, so that a
    gateway without workers takes them in."""

    def __init__(self, client, topic):
        self.client = client
        self.topic = topic
        self.payloads = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.stopping.is_set() and len(self.payloads) < 8_000:
            payload = f"{len(self.payloads)}".encode()
            self.payloads.append(payload)
            info = self.client.publish(self.topic, payload, qos=1)
            if len(self.payloads) % 100 == 0:
                info.wait_for_publish(30)

    def stop(self):
        self.stopping.set()
        self.thread.join(60)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ending_under_load_loses_nothing(world, number):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    worker = world.echo_worker(gateway, chain="c", reply_topic="out", reply_qos=1)
    replies = world.subscriber(broker, "out")
    load = Load(world.client(broker), "in")
    replies.expect(500)

    began = time.monotonic()
    gateway.process.signal(number)
    assert gateway.process.wait(25) == 0
    assert time.monotonic() - began < 20 * TIME_FACTOR, "within shutdown.drain"
    load.stop()

    # What the gateway had not acknowledged stayed in its session; worker and gateway go on where they stopped.
    worker.kill()
    gateway.restart()
    world.echo_worker(gateway, chain="c", reply_topic="out", reply_qos=1)
    replies.expect_payloads(load.payloads, seconds=60)


def test_what_a_worker_settled_before_the_end_is_published(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    worker = world.raw_worker(gateway)
    worker.hello("c")
    replies = world.subscriber(broker, "out")
    load = Load(world.client(broker), "in")
    settled = []

    def answer_all():
        try:
            while True:
                [delivery] = worker.expect_deliveries(1)
                worker.answer(delivery, topic="out")
                settled.append(delivery.payload)
        except AssertionError:
            pass  # The stream has ended.

    answering = threading.Thread(target=answer_all, daemon=True)
    answering.start()
    replies.expect(200)
    assert gateway.stop() == 0
    load.stop()
    answering.join(30)

    assert worker.expect_end()[0] == grpc.StatusCode.UNAVAILABLE
    replies.expect_payloads(settled)


def test_a_draining_gateway_is_alive_but_not_ready_and_tells_its_workers(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    worker = world.raw_worker(gateway)
    worker.hello("c")
    replies = world.subscriber(broker, "out")
    world.client(broker).publish("in", b"x")
    [delivery] = worker.expect_deliveries(1)

    gateway.process.signal(signal.SIGTERM)

    gateway.wait_not_ready("draining")
    assert gateway.get("/healthz")[0] == 200
    assert not worker.drains, "it goes on delivering while something is left"
    worker.answer(delivery, topic="out")
    assert replies.expect(1)[0].payload == b"x"
    wait_until(lambda: worker.drains, "a Drain")
    assert 0 < worker.drains[0].deadline_ms <= 2000
    worker.half_close()
    assert worker.expect_end()[0] == grpc.StatusCode.OK
    assert gateway.process.wait() == 0


def test_what_is_settled_after_the_drain_frame_is_not_lost(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, shutdown={"drain": "2s"})
    worker = world.raw_worker(gateway)
    worker.hello("c", messages=1)
    replies = world.subscriber(broker, "out")
    world.client(broker).publish("in", b"x")
    [delivery] = worker.expect_deliveries(1)

    gateway.process.signal(signal.SIGTERM)
    wait_until(lambda: worker.drains, "a Drain")
    worker.answer(delivery, topic="out")

    assert replies.expect(1)[0].payload == b"x"
    assert gateway.process.wait() == 0


def test_a_worker_that_never_settles_holds_up_the_end_no_longer_than_the_drain(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, shutdown={"drain": "2s"})
    worker = world.raw_worker(gateway)
    worker.hello("c")
    world.client(broker).publish("in", b"x")
    worker.expect_deliveries(1)

    began = time.monotonic()
    status = gateway.stop()

    assert status == 3, "a worker did not settle what it held, and the exit status says so"
    assert 1.9 < time.monotonic() - began < 8 * TIME_FACTOR
    assert worker.expect_end()[0] == grpc.StatusCode.UNAVAILABLE


def test_what_no_worker_can_take_is_not_waited_for(world):
    """One chain has no worker, while that of another is connected: what waits stays in the journal."""
    broker = world.broker()
    gateway = world.gateway(broker, {"alone": "alone", "served": "served"}, shutdown={"drain": "10m"})
    world.answering_worker(gateway, chain="served", topic="out")
    replies = world.subscriber(broker, "out")
    world.client(broker).publish_all([("alone", b"a"), ("served", b"1")])
    replies.expect(1)
    gateway.wait_metric("sluice_journal_messages", lambda messages: messages == 1)
    assert gateway.metric("sluice_journal_found_messages") == 0

    assert gateway.stop() == 0, "nothing is lost"

    gateway.restart()
    assert gateway.metric("sluice_journal_found_messages") == 1
    heir = world.raw_worker(gateway)
    heir.hello("alone")
    assert heir.expect_deliveries(1)[0].payload == b"a"


def test_without_a_journal_the_end_waits_for_what_no_worker_takes(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, shutdown={"drain": "2s"}, journal={"enabled": False})
    client = world.client(broker)
    client.publish("in", b"x", qos=1).wait_for_publish(10)
    gateway.wait_metric("sluice_journal_messages", lambda messages: messages == 1)

    gateway.process.signal(signal.SIGTERM)
    gateway.wait_not_ready("draining")
    late = world.raw_worker(gateway)
    late.hello("c")
    late.settle(*late.expect_deliveries(1))
    assert gateway.process.wait() == 0


def test_chains_that_flow_are_answered_while_a_slow_one_comes_to_its_end(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"slow": "slow", "quick": "quick"})
    snail = world.raw_worker(gateway)
    snail.hello("slow", messages=1)
    world.answering_worker(gateway, chain="quick", topic="out")
    replies = world.subscriber(broker, "out")
    client = world.client(broker)
    client.publish_all([("slow", b"1"), ("slow", b"2")])
    [held] = snail.expect_deliveries(1)

    gateway.process.signal(signal.SIGTERM)
    gateway.wait_not_ready("draining")
    count, until = 0, time.monotonic() + 1
    while time.monotonic() < until:  # The snail's chain is a slow one by then.
        began = time.monotonic()
        count += 1
        client.publish("quick", b"%d" % count)
        replies.expect(count)
        assert time.monotonic() - began < 2 * TIME_FACTOR
    assert gateway.process.running(), "it waits for the snail"

    snail.settle(held)
    assert gateway.process.wait() == 0
    assert len(snail.deliveries) == 1, "the slow chain gets nothing more"


def test_replies_that_no_broker_confirms_wait_for_the_next_start(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    worker = world.raw_worker(gateway)
    worker.hello("c")
    replies = world.subscriber(broker, "out")
    world.client(broker).publish("in", b"x")
    [delivery] = worker.expect_deliveries(1)
    broker.freeze()
    worker.answer(delivery, topic="out")
    gateway.wait_metric("sluice_outbox_messages", lambda messages: messages == 1)

    began = time.monotonic()
    assert gateway.stop() == 0, "the reply stands in the journal"
    assert time.monotonic() - began < 15 * TIME_FACTOR, "less than shutdown.drain"

    broker.thaw()
    gateway.restart()
    assert b"x" in {message.payload for message in replies.expect(1)}


def test_a_second_signal_ends_at_once(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    worker = world.raw_worker(gateway)
    worker.hello("c")
    world.client(broker).publish("in", b"x")
    worker.expect_deliveries(1)
    gateway.process.signal(signal.SIGTERM)
    gateway.wait_not_ready("draining")

    began = time.monotonic()
    gateway.process.signal(signal.SIGTERM)

    assert gateway.process.wait() != 0
    assert time.monotonic() - began < 2 * TIME_FACTOR


def test_an_idle_gateway_ends_soon_whatever_its_connections_do(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    worker = world.raw_worker(gateway)
    worker.hello("c")

    began = time.monotonic()
    assert gateway.stop() == 0
    assert time.monotonic() - began < 5 * TIME_FACTOR
    assert worker.expect_end()[0] == grpc.StatusCode.UNAVAILABLE


def test_a_gateway_whose_broker_is_away_ends_in_time(world):
    broker = world.broker(start=False)
    gateway = world.gateway(broker, {"in": "c"}, ready=False, shutdown={"drain": "3s"})
    began = time.monotonic()
    assert gateway.stop() == 0
    assert time.monotonic() - began < 8 * TIME_FACTOR


def test_a_shared_subscription_is_left_before_the_drain(world):
    broker = world.broker()
    shared = [{"id": "r", "connection": "plant", "from": {"path": "$share/g/in", "qos": 1}, "to": {"path": "chain:c"}}]
    leaving = world.gateway(broker, shared, connection={"clientId": "leaving"})
    staying = world.gateway(broker, shared, connection={"clientId": "staying"})
    holder = world.raw_worker(leaving)
    holder.hello("c")
    publisher = world.client(broker)
    # Until the one that is to leave holds a message.
    wait_until(lambda: publisher.publish("in", b"x") and holder.deliveries, "a message for the first gateway")

    leaving.process.signal(signal.SIGTERM)
    leaving.wait_not_ready("draining")
    # The broker logs "leaving 1 $share/g/in" for the subscription, and without the QoS for its end.
    wait_until(lambda: "leaving $share/g/in" in broker.process.log(), "it has left the share")
    other = world.raw_worker(staying)
    other.hello("c")
    publisher.publish_all([("in", f"after {i}".encode()) for i in range(10)])
    wait_until(lambda: {f"after {i}".encode() for i in range(10)} <= {d.payload for d in other.deliveries},
               "all later messages at the gateway that stays")
    holder.settle(*holder.deliveries, outcome=pb.OUTCOME_ACK)
    assert leaving.process.wait() == 0
