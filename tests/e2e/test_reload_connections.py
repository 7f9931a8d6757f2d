"""Connections to brokers come, go and change while the gateway runs."""
import base64
import json
import random

import pytest

from harness.ctl import Ctl
from harness.reloading import Load, SettlingWorker, assert_whole, connects, reload, route
from harness.wait import wait_until


def on(connection, name, path, chain, **more):
    return {**route(name, path, chain), "connection": connection, **more}


class CountingWorker(SettlingWorker):
    """Also what it gets once more."""

    def took(self, deliveries):
        self.all = getattr(self, "all", set()) | {(delivery.topic, delivery.payload) for delivery in deliveries}
        super().took(deliveries)


def distinct(replies):
    """What was answered: the payload is the first word."""
    return {payload.split()[0] for payload in replies.payloads()}


def test_a_connection_is_added_and_removed_beside_one_that_nobody_touches(world):
    plant, hall = world.broker(), world.broker()
    gateway = world.gateway(plant, {"in": "c"})
    world.answering_worker(gateway)
    at_plant, at_hall = world.subscriber(plant, "out"), world.subscriber(hall, "out")
    before = connects(gateway)

    def add(config):
        config["connections"]["hall"] = {"server": hall.url, "clientId": "hall-1"}
        config["routes"].append(on("hall", "hall", "in", "c"))

    reload(gateway, add)
    wait_until(lambda: "connection hall (replies)" in gateway.readiness(), lambda: gateway.readiness())
    gateway.wait_ready()
    world.client(hall).publish_all([("in", b"from the hall")])
    at_hall.expect(1)
    assert gateway.metric("sluice_mqtt_connected", connection="hall", role="intake") == 1

    def remove(config):
        del config["connections"]["hall"]
        config["routes"].pop()

    reload(gateway, remove)
    assert "hall" not in gateway.readiness().replace("chain", "")
    assert 'sluice_mqtt_connected{connection="hall"' not in gateway.get("/metrics")[1]
    # Its session is ended at its broker: nothing is kept for it there.
    wait_until(lambda: any("hall-1" in str(event) for event in gateway.events("mqtt session left; it is ended")),
               "the session is left", 30)
    world.client(plant).publish_all([("in", b"from the plant")])
    at_plant.expect(1)
    assert len([event for event in gateway.events("mqtt connected") if event["connection"] == "plant"]) == before

    reload(gateway, add)
    wait_until(lambda: "connection hall (replies)" in gateway.readiness(), lambda: gateway.readiness())
    gateway.wait_ready()
    world.client(hall).publish_all([("in", b"back")])
    at_hall.expect(2)
    assert gateway.stop() == 0


def test_what_a_removed_connection_took_in_is_delivered_and_its_late_reply_is_a_dead_letter(world):
    plant, hall = world.broker(), world.broker()
    gateway = world.gateway(plant, {"in": "c"})

    def add(config):
        config["connections"]["hall"] = {"server": hall.url, "clientId": "hall-1"}
        config["routes"].append(on("hall", "hall", "in", "c"))

    def remove(config):
        del config["connections"]["hall"]
        config["routes"].pop()

    reload(gateway, add)
    gateway.wait_ready()
    world.client(hall).publish_all([("in", b"late")])
    gateway.wait_metric("sluice_journal_messages", lambda messages: messages == 1)
    reload(gateway, remove)
    worker = world.raw_worker(gateway)
    worker.hello("c")
    [delivery] = worker.expect_deliveries(1)
    assert delivery.payload == b"late"
    worker.answer(delivery, topic="out")
    wait_until(lambda: Ctl(gateway).letters(), "the reply is a dead letter")
    [letter] = Ctl(gateway).letters()
    assert letter["kind"] == "reply" and "its connection is not configured any more" in letter["reason"]
    # It is published once there is such a connection again.
    reload(gateway, add)
    gateway.wait_ready()
    replies = world.subscriber(hall, "out")
    Ctl(gateway)("dlq", "replay", "--all", "--yes")
    replies.expect(1)


def test_another_address_under_load_loses_nothing_and_keeps_the_order(world):
    broker = world.broker()
    proxy = world.proxy(broker)
    topics = [f"t/{i}" for i in range(4)]
    gateway = world.gateway(broker, [route("all", "t/#", "a"), route("asks", "ask", "c")],
                            chainDefaults={"orderBy": "topic"})
    worker = world.process(SettlingWorker, gateway, "a")
    world.answering_worker(gateway)
    replies = world.subscriber(broker, "out")
    asking = world.client(broker)
    load = world.process(Load, world.client(broker), topics, per_second=300)
    asked = 0
    for i in range(8):
        for _ in range(20):
            asking.publish("ask", b"%d" % asked)
            asked += 1
        reload(gateway, lambda config, i=i: config["connections"]["plant"].update(
            server=(proxy if i % 2 == 0 else broker).url, keepAlive=f"{20 + i}s"))
    gateway.wait_ready()
    load.stop()
    assert_whole(worker, load, topics)
    wait_until(lambda: distinct(replies) == {b"%d" % i for i in range(asked)},
               lambda: f"{asked} replies; there are {len(distinct(replies))}", 30)
    assert Ctl(gateway).status()["dead_letters"]["messages"] == 0


def test_a_password_is_exchanged_and_a_wrong_one_is_said(world):
    broker = world.broker(users={"old": "swordfish", "new": "marlin"})
    gateway = world.gateway(broker, {"in": "c"}, connection={"username": "old", "password": "swordfish"})
    world.answering_worker(gateway)
    replies = world.subscriber(broker, "out", username="old", password="swordfish")
    device = world.client(broker, username="old", password="swordfish")

    reload(gateway, lambda config: config["connections"]["plant"].update(username="new", password="guess"))
    gateway.wait_not_ready("connection plant")
    device.publish_all([("in", b"meanwhile")])
    reload(gateway, lambda config: config["connections"]["plant"].update(password="marlin"))
    gateway.wait_ready()
    assert replies.expect(1)[0].payload.startswith(b"meanwhile"), "the session at the broker has kept it"
    for secret in ("guess", "marlin", "swordfish"):
        assert secret not in gateway.process.log() and secret not in Ctl(gateway)("config", "show")


def test_a_password_file_is_read_anew_at_once_by_a_reconnect(world, tmp_path):
    broker = world.broker(users={"gw": "swordfish"})
    file = tmp_path / "password"
    file.write_text("swordfish")
    gateway = world.gateway(broker, {"in": "c"}, connection={"username": "gw", "passwordFile": str(file)})
    world.answering_worker(gateway)
    replies = world.subscriber(broker, "out", username="gw", password="swordfish")
    before = connects(gateway)
    file.write_text("guess")
    assert connects(gateway) == before, "what is connected stays"
    Ctl(gateway)("connection", "reconnect", "plant")
    gateway.wait_not_ready("connection plant")
    file.write_text("swordfish")
    Ctl(gateway)("connection", "reconnect", "plant")
    gateway.wait_ready()
    world.client(broker, username="gw", password="swordfish").publish("in", b"again")
    replies.expect(1)
    said = Ctl(gateway)("connection", "reconnect", "plnt", status=1)
    assert "there is no connection 'plnt'; there are: plant" in said


@pytest.mark.parametrize("more", [{"protocol": "3.1.1"}, {"replies": {"connection": "shared"}, "driver": "wire"}],
                         ids=["mqtt311", "shared"])
def test_filters_change_where_they_cannot_in_place(world, more):
    broker = world.broker()
    gateway = world.gateway(broker, [route("one", "one", "c")], connection=more)
    # A configuration has one route at least; this one is of a broker that stands for others.
    other = on("other", "other", "other", "c")
    world.answering_worker(gateway)
    replies = world.subscriber(broker, "out")
    device = world.client(broker)

    # Overlapping filters: with 3.1.1 these are two connections.
    reload(gateway, lambda config: config.update(routes=[route("one", "a/+", "c"), route("two", "a/#", "c")]))
    gateway.wait_ready()
    device.publish_all([("one", b"left"), ("a/b", b"both"), ("a/b/c", b"deep")])
    wait_until(lambda: len(replies.payloads()) == 3, lambda: replies.payloads())
    assert distinct(replies) == {b"both", b"deep"}

    # None at all, and some again.
    def none(config):
        config["connections"]["other"] = {"server": world.broker().url, "clientId": "other"}
        config["routes"] = [other]

    reload(gateway, none)
    device.publish_all([("a/b", b"nobody")])
    reload(gateway, lambda config: config.update(routes=[other, route("three", "three", "c")]))
    gateway.wait_ready()
    device.publish_all([("three", b"three")])
    wait_until(lambda: b"three" in distinct(replies), lambda: replies.payloads())
    assert b"nobody" not in distinct(replies) and len(replies.payloads()) == 4


def test_random_changes_of_connections_routes_and_shares_with_kills_lose_nothing(world):
    """Messages to topics that some route of some connection always takes, while all of it changes."""
    seed = 15
    dice = random.Random(seed)
    broker = world.broker()
    proxy = world.proxy(broker)
    topics = [f"t/{i}" for i in range(5)]

    def plan(config):
        side = dice.choice([broker, proxy])
        config["connections"]["plant"].update(server=side.url, keepAlive=f"{dice.randrange(10, 60)}s")
        if dice.random() < 0.5:
            config["connections"]["other"] = {"server": broker.url, "clientId": "other", "protocol": dice.choice(["5", "3.1.1"])}
            config["routes"] = [route("all", "t/#", dice.choice("ab")), on("other", "side", "side/#", "b")]
        else:
            config["connections"].pop("other", None)
            config["routes"] = [route("all", dice.choice(["t/#", "t/+", "+/+"]), dice.choice("ab"))]
        config["replies"] = {"allow": [f"out/{dice.randrange(9)}"]}

    gateway = world.gateway(broker, [route("all", "t/#", "a")], chainDefaults={"orderBy": "topic"}, chains={"b": {}})
    workers = [world.process(CountingWorker, gateway, "a", "b")]
    load = world.process(Load, world.client(broker), topics, per_second=300)
    for i in range(20):
        reload(gateway, plan)
        if i % 7 == 6:
            gateway.kill()
            gateway.restart()
            workers.append(world.process(CountingWorker, gateway, "a", "b"))
    gateway.wait_ready()
    load.stop()
    wanted = {(topic, b"%d" % n) for topic in topics for n in range(load.sent[topic])}

    def missing():
        # What came for a subscription that a killed gateway knew, and the next one does not, is a dead letter.
        letters = {(letter["topic"], base64.b64decode(letter["payload"])) for letter in
                   map(json.loads, Ctl(gateway)("dlq", "export", "-").splitlines())}
        return wanted - letters - set().union(*(worker.all for worker in workers))

    wait_until(lambda: not missing(), lambda: f"seed {seed}: {sorted(missing())[:10]} are missing", 30)
    assert gateway.stop() == 0
