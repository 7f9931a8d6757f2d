"""What counts as an attempt: only work that was begun; and who is to blame when a worker dies."""
import sys

import pytest
from sluice.v1 import worker_pb2 as pb

from harness.process import SOURCE, Process
from harness.wait import TIME_FACTOR, wait_until


class PoisonedWorker(Process):
    def __init__(self, folder, gateway, *features):
        script = SOURCE / "tests" / "e2e" / "harness" / "poisoned_worker.py"
        super().__init__("poisoned-worker", [sys.executable, "-B", script, gateway.workers, "c", "out", *features], folder)


NO_FRAME_ABOVE_100_KB = [("grpc.max_receive_message_length", 100_000), ("grpc.use_local_subchannel_pool", 1)]


def crash_until(done, start, ended, most=20):
    """Starts workers, one after the other, until `done`; how many came to an end."""
    for crashes in range(most):
        worker = start()
        wait_until(lambda: done() or ended(worker), "the worker dies, or nothing is left", 30)
        if done():
            return crashes
    raise AssertionError(f"not done after {most} workers")


def reason_of(letter):
    return dict(letter.properties.UserProperty)["sluice-reason"]


@pytest.mark.parametrize("features", [(), ("began",)], ids=["silent", "began"])
def test_of_sixty_messages_only_the_one_that_kills_its_workers_becomes_a_dead_letter(world, features):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, chains={"c": {"maxAttempts": 3, "deadLetterTopic": "dead"}})
    replies = world.subscriber(broker, "out")
    dead = world.subscriber(broker, "dead")
    innocent = [f"{i}".encode() for i in range(59)]
    payloads = [*innocent[:17], b"poison", *innocent[17:]]
    world.client(broker).publish_all([("in", payload) for payload in payloads])
    gateway.wait_metric("sluice_queue_messages", lambda waiting: waiting == 60)

    crashes = crash_until(lambda: len(dead.payloads()) > 0 and set(replies.payloads()) >= set(innocent),
                          lambda: world.process(PoisonedWorker, gateway, *features),
                          lambda worker: not worker.running())

    # Nobody says that it has begun the poison: with the feature that costs two crashes more.
    assert crashes == (5 if features else 3)
    assert dead.payloads() == [b"poison"]
    assert reason_of(dead.expect(1)[0]) == "gave up after 3 attempts: worker lost while it held only this message"
    assert set(replies.payloads()) == set(innocent)


def test_a_message_too_large_for_its_workers_takes_no_other_along(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, chains={"c": {"maxAttempts": 3, "deadLetterTopic": "dead"}})
    replies = world.subscriber(broker, "out")
    dead = world.subscriber(broker, "dead")
    innocent = [f"{i}".encode() for i in range(20)]
    payloads = [*innocent[:7], bytes(200_000), *innocent[7:]]
    world.client(broker).publish_all([("in", payload) for payload in payloads])
    gateway.wait_metric("sluice_queue_messages", lambda waiting: waiting == 21)

    def answered():
        return {payload.split()[0] for payload in replies.payloads()}

    crash_until(lambda: len(dead.payloads()) > 0 and answered() == set(innocent),
                lambda: world.answering_worker(gateway, options=NO_FRAME_ABOVE_100_KB),
                lambda worker: worker.ended is not None)

    assert [len(payload) for payload in dead.payloads()] == [200_000]


def test_what_waits_in_a_slow_worker_goes_to_one_that_joins_and_has_used_no_attempt(world):
    broker = world.broker()
    lease_s = 2 * TIME_FACTOR
    gateway = world.gateway(broker, {"in": "c"}, chains={"c": {"lease": f"{lease_s:g}s"}})
    slow = world.raw_worker(gateway)
    assert list(slow.hello("c", messages=10, features=["began"]).features) == ["began"]
    world.client(broker).publish_all([("in", f"{i}".encode()) for i in range(10)])
    held = slow.expect_deliveries(10)
    slow.window(0)
    slow.send(began=[held[0].delivery_id])
    slow.extend(held[0], 60_000)
    helper = world.raw_worker(gateway)
    helper.hello("c")

    again = helper.expect_deliveries(9)

    assert {delivery.message_id for delivery in again} == {delivery.message_id for delivery in held[1:]}
    assert {delivery.attempt for delivery in again} == {1}
    revokes = slow.expect_revokes(9)
    assert {revoke.reason for revoke in revokes} == {pb.Revoke.REASON_NOT_BEGUN}
    assert {revoke.delivery_id for revoke in revokes} == {delivery.delivery_id for delivery in held[1:]}
    slow.settle(held[0])
    gateway.wait_metric("sluice_in_flight_messages", lambda messages: messages == 9)


def test_a_lost_lease_and_a_clipped_one_are_told(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, chains={"c": {"lease": "1s", "maxLease": "2s"}})
    worker = world.raw_worker(gateway)
    [accepted] = worker.hello("c").accepted_chains
    assert (accepted.chain, accepted.lease_ms, accepted.max_lease_ms) == ("c", 1000, 2000)
    world.client(broker).publish("in", b"x")
    [delivery] = worker.expect_deliveries(1)
    worker.extend(delivery, 60_000)
    [clipped] = worker.expect_results(1)
    assert (clipped.code, clipped.delivery_id) == (pb.Result.CODE_CLIPPED, delivery.delivery_id)
    assert 0 < clipped.lease_ms <= 2000
    [revoke] = worker.expect_revokes(1)
    assert (revoke.delivery_id, revoke.reason) == (delivery.delivery_id, pb.Revoke.REASON_LEASE_ENDED)


def test_a_worker_that_joins_beside_a_slow_one_gets_its_share_within_a_second(world):
    """What waits, waits with the gateway: a worker of the SDK's holds no more than its threads are at."""
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, chains={"c": {"lease": "120s"}})
    ones, twos = world.subscriber(broker, "one"), world.subscriber(broker, "two")
    slow = ("--delay-ms", "200", "--concurrency", "2")
    world.client(broker).publish_all([("in", f"{i}".encode()) for i in range(300)])  # Half a minute for one of them.
    world.echo_worker(gateway, chain="c", reply_topic="one", name="first", more=slow)
    ones.expect(10)

    world.echo_worker(gateway, chain="c", reply_topic="two", name="second", more=slow)

    wait_until(lambda: any(event["worker"].startswith("second") for event in gateway.events("worker stream opened")), "it joins")
    twos.expect(1, seconds=1)
    assert gateway.metric("sluice_in_flight_messages") <= 8
    assert gateway.metric("sluice_queue_messages") > 100
    # From then on both work.
    before = len(ones.payloads())
    twos.expect(20)
    assert len(ones.payloads()) - before < 60
