"""How the gateway connects: rotating passwords, one connection for all, its status, retained messages."""
import os
import subprocess

import pytest


def echoes(world, gateway, broker):
    """A message through the gateway, and its reply back."""
    world.echo_worker(gateway, chain="c", reply_topic="out")
    replies = world.subscriber(broker, "out")
    world.client(broker).publish_all([("in", b"hello")])
    return replies.expect_payloads({b"hello"})


def test_a_password_that_is_rotated_is_read_anew_with_each_attempt(world, tmp_path):
    password = tmp_path / "token"
    password.write_text("old\n")
    broker = world.broker(users={"gw": "old"}, persistent=True)
    gateway = world.gateway(broker, {"in": "c"}, connection={
        "username": "gw", "passwordFile": str(password), "maxReconnectInterval": "1s"})

    broker.stop()
    subprocess.run(["mosquitto_passwd", "-b", str(broker.folder / "mosquitto.passwords"), "gw", "new"], check=True,
                   capture_output=True)
    broker.start()
    gateway.wait_not_ready("refused by the broker")
    password.write_text("new\n")
    gateway.wait_ready()

    password.unlink()
    broker.stop()
    broker.start()
    gateway.wait_not_ready(f"passwordFile '{password}': No such file or directory")
    password.write_text("new\n")
    gateway.wait_ready()
    for secret in ("old", "new"):
        assert f'"{secret}"' not in gateway.process.log()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
@pytest.mark.skipif(os.environ.get("SLUICE_DRIVER", "wire") != "wire", reason="replies: {connection: shared} needs it")
def test_one_connection_for_all_loses_nothing_over_kills_of_the_broker(world, protocol):
    broker = world.broker(persistent=True)
    proxy = world.proxy(broker)
    gateway = world.gateway(proxy, [{"id": "r", "from": {"path": "in", "qos": 1}, "to": {"path": "chain:c"}}],
                            connection={"maxReconnectInterval": "1s", "protocol": protocol,
                                        "replies": {"connection": "shared"}})
    world.echo_worker(gateway, chain="c", reply_topic="out")
    replies = world.client(broker, session=True).subscribe("out", qos=1)
    sent = set()
    for round_ in range(3):
        publisher = world.client(broker)
        payloads = [f"{round_}-{i}".encode() for i in range(100)]
        publisher.publish_all([("in", payload) for payload in payloads[:50]])
        replies.expect_payloads({payloads[0]})
        # The gateway gets no acknowledgement that the broker could forget, see Mosquitto.save(). For it this is a kill
        # at any instant: what the proxy holds is lost, be it messages, replies or acknowledgements.
        proxy.stall()
        publisher.publish_all([("in", payload) for payload in payloads[50:]])
        publisher.close()
        sent.update(payloads)
        broker.save()
        broker.kill()
        proxy.cut()
        proxy.resume()
        gateway.wait_not_ready("plant")
        broker.start()
    replies.expect_payloads(sent, seconds=30)
    gateway.wait_ready()  # The last replies may have been in the broker's file.
    assert gateway.metric("sluice_mqtt_connected", role="shared") == 1
    assert gateway.metric("sluice_mqtt_connected") == 1, "and there is no other"


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_the_status_says_whether_the_gateway_is_there(world, protocol):
    broker = world.broker()
    status = world.subscriber(broker, "gateways/one")
    gateway = world.gateway(broker, {"in": "c"}, connection={
        "protocol": protocol, "status": {"topic": "gateways/one", "online": "up", "offline": "down"}})
    assert status.expect(1)[0].payload == b"up"

    gateway.kill()
    assert status.expect(2)[1].payload == b"down"
    assert world.subscriber(broker, "gateways/one").expect(1)[0].payload == b"down", "retained"

    gateway.restart()
    assert status.expect(3)[2].payload == b"up"
    assert gateway.stop() == 0
    assert status.expect(4)[3].payload == b"down"


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
@pytest.mark.parametrize("retained, starts", [("all", [1, 1]), ("new", [1, 0]), ("none", [0, 0])])
def test_retained_messages_come_as_the_route_says(world, protocol, retained, starts):
    broker = world.broker(persistent=True)
    world.client(broker).publish("in", b"kept", retain=True).wait_for_publish(15)
    gateway = world.gateway(broker, [{"id": "r", "from": {"path": "in", "qos": 1, "retained": retained},
                                      "to": {"path": "chain:c"}}], connection={"protocol": protocol})
    for i, expected in enumerate(starts):
        if i > 0:
            assert gateway.stop() == 0
            gateway.restart()
        answers = world.subscriber(broker, "out")
        worker = world.echo_worker(gateway, chain="c", reply_topic="out")
        # Published last, so all else that comes has come.
        world.client(broker).publish_all([("in", b"live")])
        answers.expect_payloads({b"live"})
        assert answers.payloads().count(b"kept") == expected
        worker.close()
        assert gateway.metric("sluice_mqtt_retained_dropped_total") == (1 - expected if protocol == "3.1.1" else 0)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_route_that_is_added_gets_what_is_retained_and_those_of_before_do_not_again(world, protocol):
    broker = world.broker(persistent=True)
    for topic, payload in [("in", b"kept"), ("added", b"kept too")]:
        world.client(broker).publish(topic, payload, retain=True).wait_for_publish(15)
    route = {"id": "r", "from": {"path": "in", "qos": 1}, "to": {"path": "chain:c"}}
    added = {"id": "s", "from": {"path": "added", "qos": 1}, "to": {"path": "chain:c"}}
    gateway = world.gateway(broker, [route], connection={"protocol": protocol})
    for start, expected in enumerate([{b"kept"}, {b"kept too"}, set()]):
        if start > 0:
            assert gateway.stop() == 0
            gateway.change_config(lambda config: config.update(routes=[route, added]))
            gateway.restart()
        answers = world.subscriber(broker, "out")
        worker = world.echo_worker(gateway, chain="c", reply_topic="out")
        # Published last, so all else that comes has come.
        world.client(broker).publish_all([("in", b"live")])
        answers.expect_payloads({b"live"} | expected)
        assert sorted(answers.payloads()) == sorted({b"live"} | expected)
        worker.close()
