"""More comes in than goes out: intake rests, shares are left to other gateways, and nothing is lost by it."""
import os

import pytest
from harness.wait import TIME_FACTOR, wait_until

# So that what waits lies in the chains' queues, whose bounds press.
IN_MEMORY = {"enabled": False}


def shared(chain="c", topic="in"):
    return {"id": chain, "connection": "plant", "from": {"path": f"$share/g/{topic}", "qos": 1},
            "to": {"path": f"chain:{chain}"}}


def replica(world, broker, name, routes, **pressure):
    return world.gateway(broker, routes, connection={"clientId": name}, journal=IN_MEMORY,
                         pressure={"replicas": 2, "leaveShareAfter": 0, "noWorkersAfter": 0, **pressure})


def numbered(prefix, count):
    return [f"{prefix} {i}".encode() for i in range(count)]


def payloads(worker):
    with worker.changed:
        return {delivery.payload for delivery in worker.deliveries}


def has_left(gateway, broker, name):
    gateway.wait_metric("sluice_shared_filters_left", lambda left: left == 1)
    # The broker logs "NAME 1 $share/g/in" for a subscription, and without the QoS for its end.
    wait_until(lambda: f"{name} $share/g/in" in broker.process.log(), "it has left the share")


def gets_its_turn(worker, publisher, topic="in"):
    before = len(worker.deliveries)
    wait_until(lambda: publisher.publish(topic, b"whose turn is it?").wait_for_publish(5) or
               len(worker.deliveries) > before, "a message of the share")


def test_a_chain_without_workers_leaves_its_share_until_a_worker_comes(world):
    broker = world.broker()
    routes = [shared("c"), shared("busy", "other")]
    lonely = replica(world, broker, "lonely", routes, noWorkersAfter=f"{round(2 * TIME_FACTOR)}s")
    keeper = world.raw_worker(lonely)
    keeper.hello("busy")
    served = replica(world, broker, "served", routes)
    worker = world.raw_worker(served)
    worker.hello("c", "busy")
    publisher = world.client(broker)

    has_left(lonely, broker, "lonely")
    assert lonely.ready(), "or workers would not find it"
    assert "[+] chain c: no worker is connected; its shared filters are left to others" in lonely.readiness()
    sent = numbered("left", 20)
    publisher.publish_all([("in", payload) for payload in sent])
    wait_until(lambda: set(sent) <= payloads(worker), "all of them at the replica with a worker")
    gets_its_turn(keeper, publisher, "other")  # The other chain's share is still its own.

    late = world.raw_worker(lonely)
    late.hello("c")
    gets_its_turn(late, publisher)
    assert "chain c" not in lonely.readiness()
    assert lonely.metric("sluice_shared_filters_left") == 0
    assert lonely.metric("sluice_shared_filter_leaves_total", reason="no_workers") == 1
    assert lonely.metric("sluice_chain_workers", chain="c") == 1


def test_a_gateway_on_its_own_keeps_its_shares(world):
    broker = world.broker()
    gateway = world.gateway(broker, [shared()], journal=IN_MEMORY, pressure={"noWorkersAfter": "1ms"})
    sent = numbered("kept", 20)
    world.client(broker).publish_all([("in", payload) for payload in sent])
    gateway.wait_metric("sluice_backlog_messages", lambda backlog: backlog == 20)
    assert gateway.metric("sluice_shared_filters_left") == 0
    worker = world.raw_worker(gateway)
    worker.hello("c")
    wait_until(lambda: set(sent) <= payloads(worker), "all of them")


def test_intake_that_rests_leaves_its_shares_and_comes_back(world):
    if os.environ.get("SLUICE_DRIVER") == "paho":
        pytest.skip("paho is disconnected while intake rests, and leaves when it is back")
    broker = world.broker()
    full = world.gateway(broker, [shared()], connection={"clientId": "full", "receiveMaximum": 20}, journal=IN_MEMORY,
                         chains={"c": {"queue": {"maxMessages": 20}}},
                         pressure={"replicas": 2, "leaveShareAfter": "1s"})
    slow = world.raw_worker(full)
    slow.hello("c", messages=1)
    publisher = world.client(broker)
    sent = numbered("first", 100)
    publisher.publish_all([("in", payload) for payload in sent])

    full.wait_not_ready("paused: the queue of chain 'c' is full; its shared filters are left to others")
    has_left(full, broker, "full")
    other = replica(world, broker, "other", [shared()])
    worker = world.raw_worker(other)
    worker.hello("c")
    later = numbered("later", 20)
    publisher.publish_all([("in", payload) for payload in later])
    wait_until(lambda: set(later) <= payloads(worker), "all later messages at the other replica")

    slow.window(1000)

    def all_settled():
        slow.answer(*slow.expect_deliveries(len(slow.deliveries) - slow.taken))
        return set(sent) <= payloads(slow) | payloads(worker)

    wait_until(all_settled, "all of the first messages")
    full.wait_ready()
    gets_its_turn(slow, publisher)
    assert full.metric("sluice_shared_filter_leaves_total", reason="resting") == 1


def test_a_journal_that_fills_up_makes_intake_rest(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, connection={"receiveMaximum": 10},
                            journal={"path": str(world.folder / "state"), "maxMessages": 200})
    sent = numbered("m", 250)
    publisher = world.client(broker)
    publisher.publish_all([("in", payload) for payload in sent[:185]])
    gateway.wait_not_ready("paused: the journal is full")
    assert "[-] journal space: at its high watermark" in gateway.readiness()
    publisher.publish_all([("in", payload) for payload in sent[185:]])
    assert gateway.metric("sluice_messages_received_total") <= 195, "no more than the window"

    worker = world.raw_worker(gateway)
    worker.hello("c")

    def all_settled():
        worker.settle(*worker.expect_deliveries(len(worker.deliveries) - worker.taken))
        return set(sent) <= payloads(worker)

    wait_until(all_settled, "all of them")
    gateway.wait_ready()
    assert gateway.metric("sluice_intake_pauses_total", reason="journal_full") == 1


def test_resting_intake_stops_neither_replies_nor_the_connection(world):
    broker = world.broker(options=["log_type debug"])
    gateway = world.gateway(broker, {"in": "c"}, connection={"keepAlive": "1s", "receiveMaximum": 20}, journal=IN_MEMORY,
                            chains={"c": {"queue": {"maxMessages": 20}}})
    worker = world.raw_worker(gateway)
    worker.hello("c", messages=5)
    replies = world.subscriber(broker, "out")
    connects = gateway.metric("sluice_mqtt_connects_total", role="intake")
    sent = numbered("m", 200)
    world.client(broker).publish_all([("in", payload) for payload in sent])
    gateway.wait_not_ready("paused: the queue of chain 'c' is full")
    assert gateway.metric("sluice_intake_paused") == 1
    assert gateway.metric("sluice_intake_pauses_total", reason="queue_full") >= 1

    [first, *held] = worker.expect_deliveries(5)
    worker.answer(first, topic="out")
    replies.expect_payloads([first.payload])
    assert gateway.metric("sluice_intake_paused") == 1

    if os.environ.get("SLUICE_DRIVER") != "paho":  # Which disconnects for the time.
        pings = "Received PINGREQ from sluice-e2e\n"
        wait_until(lambda: broker.process.log().count(pings) >= 4, "four keep-alive periods")
        assert gateway.metric("sluice_mqtt_connects_total", role="intake") == connects
        assert gateway.metric("sluice_intake_paused") == 1

    worker.answer(*held, topic="out")
    worker.window(1000)

    def all_answered():
        worker.answer(*worker.expect_deliveries(len(worker.deliveries) - worker.taken), topic="out")
        return set(sent) <= set(replies.payloads())

    wait_until(all_answered, "all of them are answered")
    gateway.wait_ready()
    assert gateway.metric("sluice_intake_paused") == 0
