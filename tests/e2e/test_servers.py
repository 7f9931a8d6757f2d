"""Connections with several servers, and brokers that send the gateway to others."""
import os
import socket
import threading

import pytest

from harness.wait import wait_until

needs_wire = pytest.mark.skipif(os.environ.get("SLUICE_DRIVER", "wire") != "wire", reason="Paho hands none of this on")


class Doorman:
    """Listens, and answers each CONNECT with these bytes."""

    def __init__(self, answer):
        self.answer = answer
        self.connects = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                if connection.recv(4096):
                    self.connects += 1
                    connection.sendall(self.answer)
                    connection.recv(4096)

    @property
    def url(self):
        return f"mqtt://127.0.0.1:{self.port}"

    def close(self):
        self.listener.close()


def refers_to(port):
    """CONNACK 0x9C (use another server), with a Server Reference."""
    name = f"127.0.0.1:{port}".encode()
    properties = b"\x1c" + len(name).to_bytes(2, "big") + name
    body = b"\x00\x9c" + bytes([len(properties)]) + properties
    return b"\x20" + bytes([len(body)]) + body


@pytest.fixture
def doorman(request):
    def make(answer):
        made = Doorman(answer)
        request.addfinalizer(made.close)
        return made

    return make


def gateway_at(world, servers, ready=True, **connection):
    """A gateway whose connection has these servers."""
    urls = [server.url for server in servers]
    return world.gateway(servers[0], {"in": "c"}, ready=ready,
                         connection={"server": urls if len(urls) > 1 else urls[0], "maxReconnectInterval": "1s", **connection})


def goes_through(world, gateway, broker, payload):
    replies = world.subscriber(broker, "out")
    world.answering_worker(gateway, chain="c", topic="out")
    world.client(broker).publish("in", payload)
    assert replies.expect(1)[0].payload.split()[0] == payload


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_the_second_server_takes_over_when_the_first_is_killed_and_the_other_way_round(world, protocol):
    first, second = world.broker(), world.broker()
    gateway = gateway_at(world, [first, second], protocol=protocol)
    assert f"[+] connection plant: connected to tcp://127.0.0.1:{first.port}" in gateway.readiness()
    assert gateway.metric("sluice_mqtt_server_place", role="intake") == 1
    goes_through(world, gateway, first, b"1")

    first.kill()
    for role in ("intake", "replies"):
        gateway.wait_metric("sluice_mqtt_server_place", lambda place: place == 2, role=role)
    gateway.wait_ready()
    assert f"[+] connection plant: connected to tcp://127.0.0.1:{second.port}" in gateway.readiness()
    goes_through(world, gateway, second, b"2")

    first.start()
    second.kill()
    gateway.wait_metric("sluice_mqtt_server_place", lambda place: place == 1, role="replies")
    gateway.wait_ready()
    goes_through(world, gateway, first, b"3")


def test_what_a_session_of_the_other_server_keeps_comes_when_that_is_taken_up_again(world):
    """QoS 2, with packet identifiers that both sessions use."""
    first, second = world.broker(persistent=True), world.broker()
    gateway = gateway_at(world, [first, second])
    goes_through(world, gateway, first, b"1")
    first.stop()
    gateway.wait_metric("sluice_mqtt_server_place", lambda place: place == 2, role="intake")
    gateway.wait_ready()
    publisher = world.client(second)
    replies = world.subscriber(second, "out")
    publisher.publish_all([("in", b"b%d" % i) for i in range(20)], qos=2)
    replies.expect(20)

    first.start()
    kept = world.subscriber(first, "out")
    world.client(first).publish_all([("in", b"a%d" % i) for i in range(20)], qos=2)
    second.kill()
    assert {reply.payload.split()[0] for reply in kept.expect(20)} >= {b"a%d" % i for i in range(20)}


def test_a_server_that_is_away_at_the_start_costs_no_pause(world):
    first, second = world.broker(), world.broker()
    first.kill()
    gateway = gateway_at(world, [first, second])
    assert gateway.metric("sluice_mqtt_server_place", role="intake") == 2
    failed = [event for event in gateway.events("mqtt connect failed") if event["role"] == "intake"]
    assert [(event["server"], event["retry_ms"]) for event in failed] == [(f"tcp://127.0.0.1:{first.port}", 0)]


def test_a_list_that_changes_is_a_changed_connection(world):
    first, second = world.broker(), world.broker()
    gateway = gateway_at(world, [first, second])
    gateway.change_config(lambda config: config["connections"]["plant"].update(server=[second.url, first.url]))
    gateway.process.signal(1)
    wait_until(lambda: f"[+] connection plant: connected to tcp://127.0.0.1:{second.port}" in gateway.readiness(),
               lambda: f"the other is the first now: {gateway.readiness()}")
    assert gateway.metric("sluice_mqtt_server_place", role="intake") == 1


@needs_wire
def test_a_broker_that_names_another_is_followed_where_that_is_wanted(world, doorman):
    broker = world.broker()
    door = doorman(refers_to(broker.port))
    gateway = gateway_at(world, [door], followServerReference=True)
    assert f"connected to tcp://127.0.0.1:{broker.port}" in gateway.readiness()
    assert gateway.metric("sluice_mqtt_server_place", role="intake") == 0
    goes_through(world, gateway, broker, b"1")

    other = gateway_at(world, [door], ready=False, clientId="other")
    other.wait_not_ready(f"the broker names '127.0.0.1:{broker.port}' instead")


@needs_wire
def test_brokers_that_send_the_gateway_to_each_other_make_it_pause(world, doorman):
    one = doorman(b"")
    two = doorman(refers_to(one.port))
    one.answer = refers_to(two.port)
    gateway = gateway_at(world, [one], ready=False, followServerReference=True)

    def attempts():
        return [event for event in gateway.events("mqtt connect failed") if event["role"] == "intake"]

    wait_until(lambda: len(attempts()) >= 6, "six attempts")
    assert [event["retry_ms"] > 0 for event in attempts()][:5] == [False, False, False, False, True]


@needs_wire
def test_a_broker_that_asks_for_enhanced_authentication_is_told_with_its_method(world, doorman):
    method = b"SCRAM-SHA-256"
    properties = b"\x15" + len(method).to_bytes(2, "big") + method
    body = b"\x18" + bytes([len(properties)]) + properties
    gateway = gateway_at(world, [doorman(b"\xf0" + bytes([len(body)]) + body)], ready=False)
    gateway.wait_not_ready("the broker asks for the authentication method 'SCRAM-SHA-256', which the gateway does not have")
