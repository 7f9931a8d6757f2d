"""QoS 0, 1 and 2, in and out, in any mixture, with MQTT 5 and 3.1.1."""
import pytest


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
@pytest.mark.parametrize("qos_out", [0, 1, 2])
@pytest.mark.parametrize("qos_in", [0, 1, 2])
def test_every_message_is_answered_once_at_the_qos_the_reply_asks_for(world, qos_in, qos_out, protocol):
    broker = world.broker()
    gateway = world.gateway(broker, {"in/#": "echo"}, connection={"protocol": protocol})
    world.echo_worker(gateway, reply_topic="out", reply_qos=qos_out)
    replies = world.subscriber(broker, "out", protocol=protocol)
    payloads = [f"message {i}".encode() for i in range(20)]

    replies.publish_all([("in/x", payload) for payload in payloads], qos=qos_in)

    replies.expect_payloads(payloads)
    replies.publish_all([("in/x", b"the last")], qos=qos_in)
    replies.expect_payloads([b"the last"])
    assert sorted(replies.payloads()) == sorted([*payloads, b"the last"]), "nothing is answered twice"
    assert {message.qos for message in replies.messages} == {qos_out}


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_delivery_says_how_the_broker_delivered_it(world, qos):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "echo"})
    worker = world.raw_worker(gateway)
    worker.hello("echo")
    world.client(broker).publish("in", b"x", qos=qos)

    [delivery] = worker.expect_deliveries(1)

    assert (delivery.qos, delivery.retain, delivery.dup, delivery.attempt) == (qos, False, False, 1)
    assert (delivery.topic, delivery.chain, delivery.payload) == ("in", "echo", b"x")


def test_a_retained_message_arrives_marked_as_retained_and_a_reply_can_be_retained(world):
    broker = world.broker()
    publisher = world.client(broker)
    publisher.publish_all([])
    publisher.publish("in", b"kept", qos=1, retain=True).wait_for_publish(10)
    gateway = world.gateway(broker, {"in": "echo"})
    worker = world.raw_worker(gateway)
    worker.hello("echo")

    [delivery] = worker.expect_deliveries(1)
    assert delivery.retain
    worker.reply(delivery, topic="out", qos=1, retain=True, payload=b"also kept", reply_id=1)
    worker.expect_results(1)

    [message] = world.subscriber(broker, "out").expect(1)
    assert (message.payload, message.retain) == (b"also kept", True)
