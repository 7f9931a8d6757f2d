"""Where a reply goes, and what a worker hears of one that cannot go there."""
import signal

import pytest
from sluice.v1 import worker_pb2 as pb

from harness.ctl import Ctl
from harness.wait import wait_until

Result = pb.Result


@pytest.fixture
def held(world):
    """A broker, a worker, and one delivery that it holds."""
    world.b = world.broker()
    world.g = world.gateway(world.b, {"in/#": "c"})
    world.w = world.raw_worker(world.g)
    world.w.hello("c")
    world.client(world.b).publish("in/x", b"question")
    [world.delivery] = world.w.expect_deliveries(1)
    return world


def result_of(worker, delivery, **reply):
    worker.reply(delivery, reply_id=7, **reply)
    [result] = worker.expect_results(1)
    assert (result.reply_id, result.delivery_id) == (7, delivery.delivery_id)
    return result


@pytest.mark.parametrize("topic", ["a/+", "#", "a/#", "a/+/b", "nul\0", "x" * 65_536, "é" * 32_768],
                         ids=["plus", "hash", "trailing-hash", "inner-plus", "nul", "long", "long-utf8"])
def test_an_invalid_topic_gets_its_result_and_the_stream_lives(held, topic):
    result = result_of(held.w, held.delivery, topic=topic, payload=b"no")

    assert result.code == Result.CODE_INVALID_TOPIC
    assert result.message
    assert held.w.alive()
    held.w.answer(held.delivery, topic="out")


@pytest.mark.parametrize("qos", [3, 4, 255, 256, 257, 2**31, 2**32 - 1])
def test_an_invalid_qos_gets_its_result_and_the_stream_lives(held, qos):
    result = result_of(held.w, held.delivery, topic="out", qos=qos, payload=b"no")

    assert result.code == Result.CODE_INVALID_QOS
    assert held.w.alive()


@pytest.mark.parametrize("qos", ["3", "-1", "256"])
def test_an_invalid_qos_in_the_metadata_is_no_other(held, qos):
    result = result_of(held.w, held.delivery, metadata={"responseTopic": "out", "responseQos": qos})

    assert result.code == Result.CODE_INVALID_QOS


@pytest.mark.parametrize("topic", ["$SYS/broker", "$share/g/x"])
def test_topics_of_the_broker_are_denied(held, topic):
    assert result_of(held.w, held.delivery, topic=topic).code == Result.CODE_DENIED


def test_a_topic_that_the_gateway_takes_in_itself_is_denied(held):
    assert result_of(held.w, held.delivery, topic="in/again").code == Result.CODE_DENIED


def test_loops_are_there_for_who_asks_for_them(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in/#": "c"}, replies={"allowLoops": True})
    worker = world.raw_worker(gateway)
    worker.hello("c")
    world.client(broker).publish("in/x", b"1")
    [delivery] = worker.expect_deliveries(1)
    worker.answer(delivery, topic="in/again")
    assert worker.expect_deliveries(1)[0].topic == "in/again"


def test_only_allowed_topics_are_published(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, replies={"allow": ["plant/+/reply/#"]})
    worker = world.raw_worker(gateway)
    worker.hello("c")
    everything = world.subscriber(broker, "#")
    world.client(broker).publish("in", b"")
    [delivery] = worker.expect_deliveries(1)
    worker.reply(delivery, topic="plant/a/reply/x", payload=b"yes", reply_id=1, qos=1)
    worker.reply(delivery, topic="plant/a/other", payload=b"no", reply_id=2, qos=1)
    worker.reply(delivery, topic="plant/a/reply", payload=b"last", reply_id=3, qos=1)

    codes = {result.reply_id: result.code for result in worker.expect_results(3)}

    assert codes == {1: Result.CODE_OK, 2: Result.CODE_DENIED, 3: Result.CODE_OK}
    assert [message.payload for message in everything.expect(3)] == [b"", b"yes", b"last"]


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_published_reply_says_so_to_who_asks(held, qos):
    replies = held.subscriber(held.b, "out")
    assert result_of(held.w, held.delivery, topic="out", qos=qos, payload=b"a").code == Result.CODE_OK
    assert replies.expect(1)[0].qos == qos


def test_a_reply_without_any_topic_is_no_error(held):
    assert result_of(held.w, held.delivery, payload=b"nowhere").code == Result.CODE_OK


@pytest.mark.parametrize("names", [("responseTopic", "responseQos"), ("RESPONSETOPIC", "responseqos")])
def test_the_metadata_names_topic_and_qos_as_in_rulego(held, names):
    replies = held.subscriber(held.b, "out")
    held.w.settle(held.delivery, replies=[pb.Reply(payload=b"a", metadata={names[0]: "out", names[1]: "2"})])
    [message] = replies.expect(1)
    assert (message.payload, message.qos) == (b"a", 2)


def test_a_field_of_the_reply_beats_its_metadata(held):
    replies = held.subscriber(held.b, "#")
    held.w.settle(held.delivery, replies=[
        pb.Reply(topic="field", qos=1, payload=b"a", metadata={"responseTopic": "metadata", "responseQos": "2"})])
    [message] = [message for message in replies.expect(1) if message.payload == b"a"]
    assert (message.topic, message.qos) == ("field", 1)


def test_a_request_is_answered_on_its_response_topic_with_its_correlation_data(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    worker = world.raw_worker(gateway)
    worker.hello("c")
    replies = world.subscriber(broker, "back/#")
    publisher = world.client(broker)
    publisher.publish("in", b"q", ResponseTopic="back/1", CorrelationData=b"\x00\xff\x01")
    [delivery] = worker.expect_deliveries(1)
    worker.settle(delivery, replies=[
        pb.Reply(payload=b"echoed"),
        pb.Reply(payload=b"own", correlation_data=b"mine"),
        pb.Reply(topic="back/2", payload=b"elsewhere"),
    ])

    got = {message.payload: message for message in replies.expect(3)}

    assert got[b"echoed"].topic == "back/1"
    assert got[b"echoed"].properties.CorrelationData == b"\x00\xff\x01"
    assert got[b"own"].properties.CorrelationData == b"mine"
    assert got[b"elsewhere"].topic == "back/2"
    assert not hasattr(got[b"elsewhere"].properties, "CorrelationData")


def test_a_reply_carries_its_mqtt5_properties(held):
    replies = held.subscriber(held.b, "out")
    held.w.settle(held.delivery, replies=[pb.Reply(
        topic="out", payload=b"a", content_type="text/plain", response_topic="back", correlation_data=b"\xff",
        user_properties=[pb.UserProperty(name="k", value="1"), pb.UserProperty(name="k", value="2")], expiry_s=60)])
    [message] = replies.expect(1)
    properties = message.properties
    assert (properties.ContentType, properties.ResponseTopic) == ("text/plain", "back")
    assert properties.CorrelationData == b"\xff"
    assert properties.UserProperty == [("k", "1"), ("k", "2")]
    assert 0 < properties.MessageExpiryInterval <= 60


def test_several_replies_before_and_with_the_settle_keep_their_order(held):
    replies = held.subscriber(held.b, "out")
    for i in range(5):
        held.w.reply(held.delivery, topic="out", qos=1, payload=f"{i}".encode())
    held.w.settle(held.delivery, replies=[pb.Reply(topic="out", qos=1, payload=f"{i}".encode()) for i in range(5, 10)])
    assert [message.payload for message in replies.expect(10)] == [f"{i}".encode() for i in range(10)]


def test_a_reply_to_a_settled_delivery_is_stale_and_not_published(held):
    replies = held.subscriber(held.b, "out")
    held.w.answer(held.delivery, topic="out")
    replies.expect(1)
    assert result_of(held.w, held.delivery, topic="out", payload=b"late").code == Result.CODE_STALE
    assert len(replies.payloads()) == 1


@pytest.fixture
def choosy(world, tmp_path):
    """A function that starts a gateway with `onRefused`, on a broker that lets it publish to "open" only."""
    acl = tmp_path / "acl"
    acl.write_text("topic read in/#\ntopic write in/#\ntopic readwrite open\ntopic read closed\n")
    world.b = world.broker(options=[f"acl_file {acl}"])

    def start(on_refused):
        world.g = world.gateway(world.b, {"in/#": "c"}, replies={"onRefused": on_refused})
        world.w = world.raw_worker(world.g)
        world.w.hello("c")
        world.client(world.b).publish("in/x", b"question")
        [world.delivery] = world.w.expect_deliveries(1)
        return world

    world.acl, world.start = acl, start
    return world


@pytest.mark.parametrize(("on_refused", "outcome"), [("deadLetter", "dead_letter"), ("drop", "drop"), ("retry", "retry")])
def test_a_worker_is_told_at_once_that_the_broker_refused_its_reply(choosy, on_refused, outcome):
    choosy.start(on_refused)
    replies = choosy.subscriber(choosy.b, "open")

    result = result_of(choosy.w, choosy.delivery, topic="closed", qos=1, payload=b"no")

    assert (result.code, result.mqtt_reason_code) == (Result.CODE_REFUSED, 0x87)
    assert "not authorized" in result.message
    choosy.g.wait_metric("sluice_replies_refused_total", lambda count: count == 1, then=outcome)
    choosy.w.settle(choosy.delivery, replies=[pb.Reply(topic="open", qos=1, payload=b"yes")])
    assert replies.expect(1)[0].payload == b"yes"


def test_a_refused_reply_stands_in_the_dead_letters_and_is_published_when_it_is_replayed(choosy):
    choosy.start("deadLetter")
    replies = choosy.subscriber(choosy.b, "closed")
    choosy.w.settle(choosy.delivery, replies=[pb.Reply(topic="closed", qos=1, payload=b"yes", content_type="text/plain")])
    operator = Ctl(choosy.g)
    [letter] = wait_until(lambda: operator.letters("--kind", "reply"), "the refused reply is kept")
    assert (letter["answers"], letter["topic"], letter["chain"]) == (choosy.delivery.message_id, "closed", "c")
    assert "not authorized" in letter["reason"]
    choosy.g.wait_metric("sluice_outbox_messages", lambda count: count == 0)

    choosy.acl.write_text("topic readwrite #\n")
    choosy.b.process.signal(signal.SIGHUP)

    def published():
        operator("dlq", "replay", "--all", "--yes")  # Until the broker has read its rules again.
        return replies.payloads()

    assert set(wait_until(published, "the reply is published")) == {b"yes"}
    assert replies.messages[0].properties.ContentType == "text/plain"
    wait_until(lambda: operator.letters() == [], "the dead letters are empty")


def test_a_refused_reply_that_is_retried_comes_once_the_broker_takes_it(choosy):
    choosy.start("retry")
    replies = choosy.subscriber(choosy.b, "closed")
    result_of(choosy.w, choosy.delivery, topic="closed", qos=1, payload=b"yes")
    assert choosy.g.metric("sluice_outbox_messages") == 1

    choosy.acl.write_text("topic readwrite #\n")
    choosy.b.process.signal(signal.SIGHUP)

    assert replies.expect(1)[0].payload == b"yes"
    choosy.g.wait_metric("sluice_outbox_messages", lambda count: count == 0)


@pytest.fixture
def left(held):
    """A gateway that was killed with replies in its journal that no broker had seen: 1 and 3 of QoS 1, 2 of QoS 0."""
    held.b.kill()
    held.g.wait_not_ready("plant (replies)")
    held.w.settle(held.delivery, replies=[
        pb.Reply(topic="out", qos=1, payload=b"1"), pb.Reply(topic="out", qos=0, payload=b"2"),
        pb.Reply(topic="out", qos=1, payload=b"3")])
    held.g.wait_metric("sluice_journal_replies", lambda count: count == 3)
    held.g.kill()
    held.b.start()
    return held


def test_replies_that_no_broker_saw_are_published_by_the_next_start_in_order(left):
    replies = left.subscriber(left.b, "out")

    left.g.restart()

    assert [message.payload for message in replies.expect(3)] == [b"1", b"2", b"3"]
    left.g.wait_metric("sluice_outbox_messages", lambda count: count == 0)
    left.g.wait_metric("sluice_journal_messages", lambda count: count == 0)


def test_workers_get_messages_again_once_the_old_replies_are_handed_over(left):
    replies = left.subscriber(left.b, "out")
    left.g.restart()
    worker = left.raw_worker(left.g)
    worker.hello("c")

    left.client(left.b).publish("in/x", b"another", qos=1)
    [delivery] = worker.expect_deliveries(1)
    worker.settle(delivery, replies=[pb.Reply(topic="out", qos=1, payload=b"4")])

    assert [message.payload for message in replies.expect(4)] == [b"1", b"2", b"3", b"4"]


def test_replies_of_a_connection_that_is_gone_are_refused(left):
    path = left.g.config_path
    path.write_text(path.read_text().replace("plant", "works") + "replies: {onRefused: drop}\n")

    left.g.restart()

    left.g.wait_metric("sluice_replies_refused_total", lambda count: count == 3, then="drop")
    [event] = left.g.events("reply refused")
    assert event["reason"] == "connection 'plant' is not configured any more"
