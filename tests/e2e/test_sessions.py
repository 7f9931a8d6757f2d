"""What a session holds at the broker is what is configured, whatever earlier configurations asked for; and what a broker
passes on that is no MQTT stops nothing."""
import shutil
import subprocess

import paho.mqtt.client as paho
import pytest

from harness.ctl import Ctl
from harness.wait import TIME_FACTOR, wait_until

MOSQUITTO_PUB = shutil.which("mosquitto_pub")
protocols = pytest.mark.parametrize("protocol", ["5", "3.1.1"])


def route(name, path, chain="c"):
    return {"id": name, "connection": "plant", "from": {"path": path, "qos": 1}, "to": {"path": f"chain:{chain}"}}


def with_routes(*routes):
    def change(config):
        config["routes"] = list(routes)
    return change


def restart_with(gateway, *routes, **options):
    gateway.kill()
    gateway.change_config(with_routes(*routes))
    gateway.restart(**options)


def worker_of(world, gateway):
    return world.answering_worker(gateway, topic=None)


def wait_payloads(worker, wanted):
    def payloads():
        return sorted(delivery.payload for delivery in worker.deliveries)

    wait_until(lambda: len(payloads()) >= len(wanted), lambda: f"{len(wanted)} deliveries: {payloads()}")
    assert payloads() == sorted(wanted)


def letters_of(gateway, count):
    operator = Ctl(gateway)
    wait_until(lambda: len(operator.letters()) == count, lambda: f"{count} dead letters: {operator.letters()}")
    return operator.letters()


def numbers(begin, end):
    return [f"{i}".encode() for i in range(begin, end)]


@protocols
def test_a_gateway_that_comes_back_without_a_shared_route_leaves_the_share_and_loses_none(world, protocol):
    broker = world.broker()
    shared = route("shared", "$share/g/plant/+/temp")
    gateways = [world.gateway(broker, [shared, route("own", f"own/{i}")],
                              connection={"clientId": f"sluice-{i}", "protocol": protocol}) for i in range(2)]
    publisher = world.client(broker)
    gateways[0].kill()
    worker = worker_of(world, gateways[1])
    # The broker keeps the share's turn for the session of the one that is away.
    publisher.publish_all([("plant/7/temp", payload) for payload in numbers(0, 20)])
    wait_until(lambda: len(worker.deliveries) >= 10, lambda: f"10 deliveries: {len(worker.deliveries)}")

    gateways[0].change_config(with_routes(route("own", "own/0")))
    gateways[0].restart()
    publisher.publish_all([("plant/7/temp", payload) for payload in numbers(20, 40)])

    wait_until(lambda: set(numbers(20, 40)) <= {delivery.payload for delivery in worker.deliveries},
               lambda: f"all that comes after: {len(worker.deliveries)}")
    answered = [delivery.payload for delivery in worker.deliveries]
    letters = letters_of(gateways[0], 40 - len(answered))
    assert len(set(answered)) == len(answered)
    assert all(letter["reason"].startswith("no route") and letter["qos"] == 1 for letter in letters)
    # The next start has nothing to leave any more.
    gateways[0].kill()
    gateways[0].restart()
    events = gateways[0].events("mqtt unsubscribed from what an earlier configuration had asked for")
    assert [event["filter"] for event in events] == ["$share/g/plant/+/temp"]


@protocols
@pytest.mark.parametrize("before, after", [
    ("plant/#", "plant/+/temp"),
    ("plant/+/temp", "$share/g/plant/+/temp"),
    ("$share/g/plant/+/temp", "$share/h/plant/+/temp"),
    ("$share/g/plant/+/temp", "plant/+/temp"),
])
def test_a_filter_that_was_changed_brings_no_message_twice(world, protocol, before, after):
    broker = world.broker()
    gateway = world.gateway(broker, [route("r", before)], connection={"protocol": protocol})
    restart_with(gateway, route("r", after))
    worker = worker_of(world, gateway)

    world.client(broker).publish_all([("plant/7/temp", payload) for payload in numbers(0, 20)])

    wait_payloads(worker, numbers(0, 20))
    assert letters_of(gateway, 0) == []


def test_what_waited_for_an_earlier_filter_is_nobody_elses(world):
    """Its copy carries that filter's identifier: another replica, or the new filter, may have had one of its own."""
    broker = world.broker()
    gateway = world.gateway(broker, [route("r", "plant/#")])
    gateway.kill()
    world.client(broker).publish_all([("plant/7/temp", b"early")])
    gateway.change_config(with_routes(route("r", "plant/+/temp")))
    gateway.restart()
    worker = worker_of(world, gateway)

    [letter] = letters_of(gateway, 1)
    world.client(broker).publish_all([("plant/7/temp", b"late")])

    assert "earlier configuration" in letter["reason"]
    assert (letter["topic"], letter["payload_bytes"]) == ("plant/7/temp", 5)
    wait_payloads(worker, [b"late"])


def test_without_a_memory_a_message_gives_the_earlier_filter_away(world):
    broker = world.broker()
    gateway = world.gateway(broker, [route("r", "plant/#"), route("s", "own")], journal={"enabled": False},
                            admin={"listen": f"unix:{world.folder / 'admin.sock'}"})
    gateway.kill()
    gateway.change_config(with_routes(route("s", "own")))
    gateway.restart()
    publisher = world.client(broker)

    publisher.publish_all([("plant/7/temp", b"first")])

    [letter] = letters_of(gateway, 1)
    assert "earlier configuration" in letter["reason"]
    wait_until(lambda: gateway.events("mqtt unsubscribed from what an earlier configuration had asked for"),
               "it is left")
    publisher.publish_all([("plant/7/temp", b"second"), ("own", b"mine")])
    worker = worker_of(world, gateway)
    wait_payloads(worker, [b"mine"])
    assert letters_of(gateway, 1) == [letter]


def session_present(broker, client_id):
    """Of a client that connects and takes an existing session up."""
    found = []
    arguments = {"client_id": client_id, "protocol": paho.MQTTv311, "clean_session": False}
    if hasattr(paho, "CallbackAPIVersion"):
        arguments["callback_api_version"] = paho.CallbackAPIVersion.VERSION1
    client = paho.Client(**arguments)
    client.on_connect = lambda _client, _data, flags, _reason: found.append(flags["session present"] == 1)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    wait_until(lambda: found, f"{client_id} is connected")
    client.disconnect()
    client.loop_stop()
    return found[0]


def test_a_session_that_the_plan_does_not_need_any_more_is_ended(world):
    broker = world.broker()
    gateway = world.gateway(broker, [route("r", "a/#"), route("s", "a/+")], connection={"protocol": "3.1.1"})
    restart_with(gateway, route("r", "a/#"))

    [event] = wait_until(lambda: gateway.events("a session that no configuration uses any more is left and ended at its broker"),
                         "it is told")
    memory = gateway.config_path.parent / "state" / "sessions"
    wait_until(lambda: event["client_id"] not in memory.read_text(), "the session is ended")
    assert not session_present(broker, event["client_id"])


def test_a_session_of_a_connection_that_is_not_configured_any_more_is_told(world):
    broker = world.broker()
    gateway = world.gateway(broker, [route("r", "a/#")])
    gateway.kill()

    def rename(config):
        config["connections"] = {"hall": {**config["connections"]["plant"], "clientId": "another"}}
        config["routes"][0]["connection"] = "hall"

    gateway.change_config(rename)
    gateway.restart()

    [event] = [event for event in gateway.events() if "may live on at its broker" in event.get("event", "")]
    assert (event["connection"], event["client_id"], event["filters"]) == ("plant", "sluice-e2e", "a/#")


# ---- what is no MQTT

@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_malformed_message_that_a_broker_passes_on_stops_nothing(world, qos):
    broker = world.broker()
    gateway = world.gateway(broker, [route("r", "plant/#")], connection={"driver": "wire"})
    worker = worker_of(world, gateway)
    publisher = world.client(broker)
    publisher.publish_all([("plant/x", b"before")])

    subprocess.run([MOSQUITTO_PUB, "-V", "5", "-h", "127.0.0.1", "-p", str(broker.port), "-q", str(qos), "-t", "plant/x",
                    "-m", "evil", "-D", "publish", "payload-format-indicator", "2"], check=True, timeout=20 * TIME_FACTOR)
    publisher.publish_all([("plant/x", b"after")], qos=qos)

    wait_payloads(worker, [b"before", b"after"])
    assert gateway.metric("sluice_mqtt_malformed_packets_total", connection="plant", reason="property_value") == 1
    letters = letters_of(gateway, min(qos, 1))
    for letter in letters:
        assert "malformed PUBLISH to 'plant/x': the Payload Format Indicator must not be 2" in letter["reason"]
        assert "evil" in Ctl(gateway)("dlq", "show", letter["id"])
    assert len(gateway.events("mqtt connected")) == 2, "intake and replies, once each"
    # Nothing of it comes again.
    gateway.kill()
    gateway.restart()
    publisher.publish_all([("plant/x", b"later")])
    worker = worker_of(world, gateway)
    wait_payloads(worker, [b"later"])
    assert len(letters_of(gateway, min(qos, 1))) == len(letters)


@protocols
def test_a_message_larger_than_allowed_stops_nothing(world, protocol):
    broker = world.broker()
    gateway = world.gateway(broker, [route("r", "plant/#")],
                            connection={"driver": "wire", "protocol": protocol, "maxPacketBytes": "100KiB"})
    worker = worker_of(world, gateway)

    world.client(broker).publish_all([("plant/x", b"x" * 300_000), ("plant/x", b"after")])

    wait_payloads(worker, [b"after"])
    [letter] = letters_of(gateway, 1)
    assert "has 300" in letter["reason"] and "more than the 102400 that are allowed" in letter["reason"]


@protocols
def test_messages_around_the_limit_arrive_or_are_dead_letters(world, protocol):
    """A broker that is told the limit drops what is larger, or what it takes for that, and nobody hears of it."""
    broker = world.broker()
    limit = 100 * 1024
    gateway = world.gateway(broker, [route("r", "in")],
                            connection={"driver": "wire", "protocol": protocol, "maxPacketBytes": limit})
    worker = worker_of(world, gateway)
    # Fixed header, topic, packet identifier; with MQTT 5 the properties' length and a subscription identifier of four bytes.
    overhead = 4 + 4 + 2 + (6 if protocol == "5" else 0)
    sizes = range(limit - 6, limit + 7)

    world.client(broker).publish_all([("in", b"x" * (size - overhead)) for size in sizes])

    wait_payloads(worker, [b"x" * (size - overhead) for size in sizes if size <= limit])
    letters = letters_of(gateway, sum(size > limit for size in sizes))
    assert all("more than the 102400 that are allowed" in letter["reason"] for letter in letters)
    assert gateway.metric("sluice_mqtt_connects_total", role="intake", result="ok") == 1


@protocols
def test_messages_of_a_route_that_is_gone_are_dead_letters_with_the_reason(world, protocol):
    broker = world.broker()
    gateway = world.gateway(broker, [route("r", "gone/#"), route("own", "own")], connection={"protocol": protocol})
    gateway.kill()
    world.client(broker).publish_all([("gone/1", b"one"), ("gone/2", b"two")])
    gateway.change_config(with_routes(route("own", "own")))
    gateway.restart()

    letters = letters_of(gateway, 2)
    assert {(letter["topic"], letter["connection"], letter.get("chain", "")) for letter in letters} == {
        ("gone/1", "plant", ""), ("gone/2", "plant", "")}
    assert all(letter["reason"].startswith("no route") for letter in letters), letters
    assert gateway.metric("sluice_dead_letters_total", reason_kind="no_route") == 2

    # It comes back, and so do they.
    gateway.stop()
    gateway.change_config(with_routes(route("r", "gone/#"), route("own", "own")))
    gateway.restart()
    worker = worker_of(world, gateway)
    assert "2 dead letters replayed" in Ctl(gateway)("dlq", "replay", "--all", "--yes")
    wait_payloads(worker, [b"one", b"two"])
