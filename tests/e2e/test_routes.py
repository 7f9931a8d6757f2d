"""Which messages reach which chain, and as what."""
import pytest
from sluice.v1 import worker_pb2 as pb

from harness.wait import wait_until


def route(name, path, target, processors=(), to_processors=(), qos=1):
    return {"id": name, "connection": "plant", "from": {"path": path, "qos": qos, "processors": list(processors)},
            "to": {"path": target, "processors": list(to_processors)}}


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_overlapping_routes_each_get_a_message_once(world, protocol):
    broker = world.broker()
    gateway = world.gateway(broker, [route("one", "a/+/c", "chain:one"), route("two", "a/b/#", "chain:two", qos=2),
                                     route("three", "a/b/c", "chain:three"), route("again", "a/b/c", "chain:four")],
                            connection={"protocol": protocol})
    worker = world.raw_worker(gateway)
    worker.hello("one", "two", "three", "four")
    publisher = world.client(broker, protocol=protocol)
    publisher.publish_all([("a/b/c", b"1"), ("a/b/c", b"2"), ("a/b/other", b"3")])

    got = sorted((delivery.route, delivery.payload) for delivery in worker.expect_deliveries(9))

    assert got == sorted([(name, payload) for name in ("one", "two", "three", "again") for payload in (b"1", b"2")]
                         + [("two", b"3")])
    # A copy too many would have come before this one.
    publisher.publish_all([("a/b/other", b"last")])
    assert [delivery.payload for delivery in worker.expect_deliveries(1)] == [b"last"]


def test_two_gateways_of_a_share_split_the_messages(world):
    broker = world.broker()
    workers = []
    for i in range(2):
        gateway = world.gateway(broker, [route("shared", "$share/group/in/#", "chain:echo")],
                                connection={"clientId": f"sluice-{i}"})
        workers.append(world.raw_worker(gateway))
        workers[-1].hello("echo")
    payloads = {f"{i}".encode() for i in range(100)}

    world.client(broker).publish_all([("in/x", payload) for payload in payloads])

    def received():
        return [delivery.payload for worker in workers for delivery in worker.deliveries]

    wait_until(lambda: len(received()) >= 100, lambda: f"100 deliveries, of which {len(received())} came")
    assert sorted(received()) == sorted(payloads)
    assert all(worker.deliveries for worker in workers)


def test_topics_of_any_script_and_binary_payloads_pass_unchanged(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"größe/+/🌡": "echo"})
    worker = world.raw_worker(gateway)
    worker.hello("echo")
    replies = world.subscriber(broker, "réponse/#")
    payload = bytes(range(256)) * 16
    world.client(broker).publish("größe/温度/🌡", payload)

    [delivery] = worker.expect_deliveries(1)
    assert (delivery.topic, delivery.payload) == ("größe/温度/🌡", payload)
    worker.answer(delivery, topic="réponse/温度")

    [message] = replies.expect(1)
    assert (message.topic, message.payload) == ("réponse/温度", payload)


def test_the_target_names_chain_and_start_node(world):
    broker = world.broker()
    gateway = world.gateway(broker, [route("node", "in", "chain:temperature:node3")])
    worker = world.raw_worker(gateway)
    worker.hello("temperature")
    world.client(broker).publish("in", b"")

    [delivery] = worker.expect_deliveries(1)
    assert (delivery.chain, delivery.start_node, delivery.route) == ("temperature", "node3", "node")


def test_a_target_may_take_its_chain_from_the_topic(world):
    broker = world.broker()
    gateway = world.gateway(broker, [route("template", "sensors/#", "chain:${topic}")])
    worker = world.raw_worker(gateway)
    worker.hello("sensors/a")
    world.client(broker).publish_all([("sensors/b", b"other"), ("sensors/a", b"mine")])

    [delivery] = worker.expect_deliveries(1)
    assert (delivery.chain, delivery.payload) == ("sensors/a", b"mine")


def test_processors_set_the_data_type_make_hex_and_copy_headers(world):
    broker = world.broker()
    gateway = world.gateway(broker, [
        route("json", "json", "chain:c", ["setJsonDataType", "headersToMetadata"], ["metadataToHeaders"]),
        route("hex", "hex", "chain:c", ["toHex"])])
    worker = world.raw_worker(gateway)
    worker.hello("c")
    replies = world.subscriber(broker, "out")
    publisher = world.client(broker)

    publisher.publish("json", b"{}", UserProperty=[("unit", "°C"), ("_debugMode", "true")])
    [delivery] = worker.expect_deliveries(1)
    assert delivery.data_type == pb.DATA_TYPE_JSON
    assert dict(delivery.metadata) == {"unit": "°C"}, "a device never sets the engine's keys"
    assert [(p.name, p.value) for p in delivery.user_properties] == [("unit", "°C"), ("_debugMode", "true")]
    worker.settle(delivery, replies=[pb.Reply(topic="out", payload=b"y", metadata={"alarm": "no"})])
    [message] = replies.expect(1)
    assert ("alarm", "no") in message.properties.UserProperty

    publisher.publish("hex", b"\x00\xff")
    [delivery] = worker.expect_deliveries(1)
    assert delivery.payload.lower() == b"00ff"


def test_mqtt5_properties_reach_the_worker(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    worker = world.raw_worker(gateway)
    worker.hello("c")
    world.client(broker).publish("in", b"x", ContentType="text/plain", ResponseTopic="back", CorrelationData=b"\x00\xff",
                                 UserProperty=[("a", "1"), ("a", "2")], MessageExpiryInterval=100)

    [delivery] = worker.expect_deliveries(1)
    assert (delivery.content_type, delivery.response_topic) == ("text/plain", "back")
    assert delivery.correlation_data == b"\x00\xff"
    assert [(p.name, p.value) for p in delivery.user_properties] == [("a", "1"), ("a", "2")]
    assert 0 < delivery.expiry_s <= 100
    assert 29_000 < delivery.lease_ms <= 30_000


def test_messages_of_one_ordering_key_come_one_after_the_other(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in/#": "c"}, chains={"c": {"orderBy": "topic level 2"}})
    worker = world.raw_worker(gateway)
    worker.hello("c")
    world.client(broker).publish_all([(f"in/{key}", f"{key}{i}".encode()) for i in range(5) for key in "xy"])

    order = {"x": [], "y": []}
    for _ in range(5):
        pair = worker.expect_deliveries(2)
        assert worker.alive()
        assert len(worker.deliveries) == worker.taken, "one in flight to a key"
        assert {delivery.ordering_key for delivery in pair} == {"x", "y"}
        for delivery in pair:
            order[delivery.ordering_key].append(delivery.payload.decode())
        worker.settle(*pair)
    assert order == {key: [f"{key}{i}" for i in range(5)] for key in "xy"}
