"""Which messages reach which chain, and as what."""
import pytest
from sluice.v1 import worker_pb2 as pb

from harness.ctl import Ctl
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


def test_a_publisher_of_endless_names_harms_nobody_else(world):
    broker = world.broker()
    gateway = world.gateway(broker, [route("lines", "lines/+", "chain:${topic.2}"), route("other", "other", "chain:other")],
                            maxTemplateChains=50, chainDefaults={"queue": {"maxMessages": 1000}})
    operator = Ctl(gateway)
    publisher = world.client(broker)
    publisher.publish_all([(f"lines/name-{i}", b"x") for i in range(3000)])

    wait_until(lambda: operator.status()["dead_letters"]["messages"] == 2950,
               lambda: f"2950 dead letters: {operator.status()['dead_letters']}")
    [letter, *_] = operator.letters("--reason", "maxTemplateChains")
    assert letter["reason"].startswith("no chain: messages have brought 50 chains already (maxTemplateChains)")
    lines = gateway.get("/metrics")[1].splitlines()
    assert len(lines) < 100 * 80
    # Workers are let in, for what is configured, for what they name, and for what devices have named; and all goes on.
    worker = world.raw_worker(gateway)
    worker.hello("other", "a-worker's", "name-7")
    assert worker.expect_deliveries(1)[0].chain == "name-7"
    publisher.publish_all([("other", b"1"), ("lines/a-worker's", b"2"), ("lines/one-more", b"3")])
    assert sorted(delivery.chain for delivery in worker.expect_deliveries(2)) == ["a-worker's", "other"]


def test_names_that_nobody_uses_make_room_for_others(world):
    broker = world.broker()
    gateway = world.gateway(broker, [route("lines", "lines/+", "chain:${topic.2}")], maxTemplateChains=2,
                            templateChainIdle="4s")
    worker = world.raw_worker(gateway)
    worker.hello("a", "b")
    publisher = world.client(broker)
    publisher.publish_all([("lines/c", b"1"), ("lines/d", b"2"), ("lines/e", b"3")])
    letters = Ctl(gateway).letters
    wait_until(lambda: len(letters()) == 1, lambda: f"one dead letter: {letters()}")
    other = world.raw_worker(gateway)
    other.hello("c", "d")
    for delivery in other.expect_deliveries(2):
        other.answer(delivery)
    gateway.wait_metric("sluice_settled_total", lambda settled: settled == 2)
    other.close()

    def taken():
        publisher.publish("lines/e", b"4")
        return gateway.metric("sluice_backlog_messages", chain="e")

    wait_until(taken, lambda: f"the name e is taken; dead letters: {letters()}")
    wait_until(lambda: 'chain="c"' not in gateway.get("/metrics")[1], lambda: "its series go with it")


@pytest.mark.parametrize("name", ["line-7", "a"])
def test_a_template_names_only_what_its_route_allows(world, name):
    broker = world.broker()
    allowed = route("lines", "lines/+", "chain:${topic.2}")
    allowed["to"]["chains"] = ["a", "line-*"]
    gateway = world.gateway(broker, [allowed])
    worker = world.raw_worker(gateway)
    welcome = worker.hello(name, "evil")
    assert [refused.chain for refused in welcome.refused_chains] == ["evil"]
    world.client(broker).publish_all([("lines/evil", b"1"), (f"lines/{name}", b"2")])
    assert worker.expect_deliveries(1)[0].chain == name
    [letter] = Ctl(gateway).letters()
    assert letter["reason"] == "no chain: the route does not allow the chain 'evil'"


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


@pytest.mark.parametrize("trusted", [False, True])
def test_a_device_steers_a_reply_only_where_the_route_trusts_it(world, trusted):
    broker = world.broker()
    steered = {**route("in", "in", "chain:c", ["headersToMetadata"]), "trustReplyHeaders": trusted}
    gateway = world.gateway(broker, [steered])
    worker = world.raw_worker(gateway)
    worker.hello("c")
    replies = world.subscriber(broker, "#")
    world.client(broker).publish("in", b"x", ResponseTopic="answers",
                                 UserProperty=[("RESPONSEtopic", "commands/open"), ("responseQos", "2"), ("unit", "K")])

    [delivery] = worker.expect_deliveries(1)
    # As a rule engine does, which hands the metadata on.
    worker.settle(delivery, replies=[pb.Reply(payload=b"y", metadata=dict(delivery.metadata))])

    topics = {"in", "commands/open" if trusted else "answers"}
    assert {message.topic for message in replies.expect(2)} == topics


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
