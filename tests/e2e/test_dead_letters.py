"""Dead letters, as an operator sees to them: kept, listed, shown, replayed, purged; over restarts and kills."""
import json
import os
import stat

import pytest
from sluice.v1 import worker_pb2 as pb

from harness.ctl import Ctl, ctl
from harness.wait import wait_until

CHAINS = {"c": {"maxAttempts": 2, "retryBackoff": "0"}}


def poison(world, broker, worker, *payloads, topic="in"):
    """Messages that the worker rejects; returns their ids."""
    world.client(broker).publish_all([(topic, payload) for payload in payloads])
    deliveries = worker.expect_deliveries(len(payloads))
    for delivery in deliveries:
        worker.settle(delivery, outcome=pb.OUTCOME_REJECT, reason="no such sensor")
    return [delivery.message_id for delivery in deliveries]


def wait_letters(operator, count, *filters):
    return wait_until(lambda: letters if len(letters := operator.letters(*filters)) == count else None,
                      lambda: f"{count} dead letters: {operator.letters(*filters)}")


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_poison_message_is_listed_shown_replayed_and_answered(world, protocol, qos):
    broker = world.broker()
    gateway = world.gateway(broker, {"in/#": "c"}, connection={"protocol": protocol}, chains=CHAINS)
    operator = Ctl(gateway)
    replies = world.subscriber(broker, "out")
    worker = world.raw_worker(gateway)
    worker.hello("c")
    world.client(broker).publish("in/a", b"81.5", qos=qos)
    for _ in range(2):
        [delivery] = worker.expect_deliveries(1)
        worker.settle(delivery, outcome=pb.OUTCOME_RETRY, reason="cannot read it", retry_after_ms=1)

    [letter] = wait_letters(operator, 1)

    assert (letter["id"], letter["chain"], letter["topic"]) == (delivery.message_id, "c", "in/a")
    assert (letter["attempts"], letter["qos"], letter["payload_bytes"]) == (2, qos, 4)
    assert "cannot read it" in letter["reason"] and letter["worker"] == "raw/e2e"
    assert operator.letters("--topic", "in/+") == [letter]
    assert operator.letters("--topic", "other/#") == []
    assert delivery.message_id in operator("dlq", "list", "--reason", "CANNOT")
    shown = operator("dlq", "show", delivery.message_id)
    assert "81.5" in shown and "cannot read it" in shown
    assert operator.status()["dead_letters"]["messages"] == 1

    assert "1 dead letter replayed" in operator("dlq", "replay", delivery.message_id)

    [again] = worker.expect_deliveries(1)
    assert (again.message_id, again.attempt, again.payload) == (delivery.message_id, 1, b"81.5")
    worker.answer(again, topic="out")
    assert replies.expect(1)[0].payload == b"81.5"
    assert operator.letters() == []


@pytest.mark.parametrize("journal", ["on", "off"])
def test_what_no_chain_can_take_is_kept_with_its_reason_and_routed_anew(world, journal):
    broker = world.broker()
    to_site = {"id": "site", "connection": "plant", "from": {"path": "in/+", "qos": 1}, "to": {"path": "chain:${site}"}}
    without = {"journal": {"enabled": False}, "admin": {"listen": "127.0.0.1:0"}}
    gateway = world.gateway(broker, [to_site], **({} if journal == "on" else without))
    operator = Ctl(gateway)
    publisher = world.client(broker)
    publisher.publish_all([("in/a", f"{i}".encode()) for i in range(80)])
    publisher.publish("in/b", b"said nothing", qos=0)

    if journal == "on":
        # Some of them stand in the journal only by now.
        gateway.kill()
        gateway.restart()

    letters = wait_letters(operator, 80)
    assert {letter["reason"] for letter in letters} == {
        "no chain: the message has no value for ${site} of the route's target"}
    assert {(letter.get("chain", ""), letter["route"], letter["connection"]) for letter in letters} == {
        ("", "site", "plant")}
    failed = operator("dlq", "replay", letters[0]["id"], status=1)
    assert "no value for ${site}" in failed
    if journal == "off":
        return
    gateway.stop()
    gateway.change_config(lambda config: config["routes"][0]["to"].update(path="chain:c"))
    gateway.restart()
    worker = world.raw_worker(gateway)
    worker.hello("c")
    assert "80 dead letters replayed" in operator("dlq", "replay", "--all", "--yes")
    assert {delivery.message_id for delivery in worker.expect_deliveries(80)} == {letter["id"] for letter in letters}


def test_dead_letters_survive_a_kill_and_a_restart(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, chains=CHAINS)
    worker = world.raw_worker(gateway)
    worker.hello("c")
    ids = poison(world, broker, worker, *[f"{i}".encode() for i in range(50)])
    # Some of them stand in the journal only by now.
    gateway.wait_metric("sluice_dead_letters_total", lambda dead: dead == 50)

    gateway.kill()
    gateway.restart()

    operator = Ctl(gateway)
    letters = wait_letters(operator, 50)
    assert {letter["id"] for letter in letters} == set(ids)
    assert {letter["reason"] for letter in letters} == {"rejected: no such sensor"}
    gateway.wait_metric("sluice_journal_messages", lambda messages: messages == 0)


def test_a_replayed_message_survives_a_kill(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, chains=CHAINS)
    worker = world.raw_worker(gateway)
    worker.hello("c")
    [message_id] = poison(world, broker, worker, b"x")
    wait_letters(Ctl(gateway), 1)
    worker.window(0)
    worker.alive()
    Ctl(gateway)("dlq", "replay", message_id)

    gateway.kill()
    gateway.restart()

    heir = world.raw_worker(gateway)
    heir.hello("c")
    [delivery] = heir.expect_deliveries(1)
    assert (delivery.message_id, delivery.attempt, delivery.payload) == (message_id, 1, b"x")
    assert Ctl(gateway).letters() == []


def test_a_purge_removes_what_it_selects_and_asks_first(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in/#": "c"}, chains=CHAINS)
    worker = world.raw_worker(gateway)
    worker.hello("c")
    operator = Ctl(gateway)
    poison(world, broker, worker, b"1", b"2", topic="in/a")
    kept = poison(world, broker, worker, b"3", topic="in/b")
    wait_letters(operator, 3)

    assert "nobody to ask" in operator("dlq", "purge", "--topic", "in/a", status=2)
    assert "give ids, or a filter" in operator("dlq", "purge", "--yes", status=2)
    assert len(operator.letters()) == 3
    assert "2 dead letters removed" in operator("dlq", "purge", "--topic", "in/a", "--yes")
    assert [letter["id"] for letter in operator.letters()] == kept
    assert "1 dead letter removed" in operator("dlq", "purge", *kept)
    assert "0 dead letters removed" in operator("dlq", "purge", *kept, status=1)


def test_a_letter_whose_route_is_gone_is_kept_and_said(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c", "other": "d"}, chains=CHAINS)
    worker = world.raw_worker(gateway)
    worker.hello("c")
    [message_id] = poison(world, broker, worker, b"x")
    wait_letters(Ctl(gateway), 1)
    gateway.stop()
    config = gateway.config_path.read_text()
    gateway.config_path.write_text(config.replace("id: route1", "id: renamed"))
    gateway.restart()

    operator = Ctl(gateway)
    assert "the route 'route1' is not configured any more" in operator("dlq", "replay", message_id, status=1)
    assert len(operator.letters()) == 1


def test_with_mqtt_3_a_dead_letter_is_published_as_an_envelope(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, connection={"protocol": "3.1.1"},
                            chains={"c": {"deadLetterTopic": "dead"}})
    dead = world.subscriber(broker, "dead")
    worker = world.raw_worker(gateway)
    worker.hello("c")
    [message_id] = poison(world, broker, worker, b"\x00x")

    envelope = json.loads(dead.expect(1)[0].payload)

    assert envelope["messageId"] == message_id
    assert (envelope["reason"], envelope["topic"], envelope["payload"]) == ("rejected: no such sensor", "in", "AHg=")


def test_the_socket_is_the_owners_alone_and_taken_over_from_a_dead_gateway(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    path = gateway.admin.removeprefix("unix:")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    gateway.kill()
    assert os.path.exists(path)
    assert "nobody listens there" in ctl("status", address=gateway.admin, status=1)

    gateway.restart()

    assert "ready" in Ctl(gateway)("status")


def test_without_a_journal_dead_letters_stand_in_memory(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, journal={"enabled": False}, admin={"listen": "127.0.0.1:0"},
                            chains=CHAINS)
    worker = world.raw_worker(gateway)
    worker.hello("c")
    [message_id] = poison(world, broker, worker, b"x")
    operator = Ctl(gateway)
    wait_letters(operator, 1)

    assert "1 dead letter replayed" in operator("dlq", "replay", "--all", "--yes")

    assert worker.expect_deliveries(1)[0].message_id == message_id
    assert not operator.status()["journal"]["persistent"]


def test_the_journal_of_a_stopped_gateway_is_inspected_and_verified(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    state = gateway.config_path.parent / "state"
    world.client(broker).publish_all([("in", b"%d" % i) for i in range(10)])
    gateway.wait_metric("sluice_journal_messages", lambda messages: messages == 10)
    assert "is held by process" in ctl("journal", "verify", state, status=1)

    gateway.kill()

    assert "sound; 10 messages" in ctl("journal", "verify", state)
    assert "alive: 10 messages" in ctl("journal", "inspect", state / "journal")
    assert json.loads(ctl("journal", "inspect", state, "--json"))["messages"] == 10
    [segment] = (state / "journal").glob("*.seg")
    data = bytearray(segment.read_bytes())
    data[200] ^= 1
    segment.write_bytes(data)
    assert "DAMAGED" in ctl("journal", "verify", state, status=1)
    assert "No such file" in ctl("journal", "inspect", state / "nowhere", status=1)
