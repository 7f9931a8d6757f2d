"""Replies that are not published: refused by the gateway, with a RETRY, expired, or hated by the broker."""
import time

import pytest
from sluice.v1 import worker_pb2 as pb

from harness.ctl import Ctl
from harness.wait import wait_until

Result = pb.Result


def deliver(world, worker, topic="in/x", payload=b"question", publisher=None):
    (publisher or world.client(world.b)).publish(topic, payload, qos=1)
    [delivery] = worker.expect_deliveries(1)
    return delivery


@pytest.fixture
def scene(world):
    """A function that starts a gateway; then world.b, world.g and world.w are broker, gateway and worker."""
    def start(connection=None, broker_options=(), hates=None, **sections):
        world.b = world.broker(options=broker_options)
        server = world.picky_proxy(world.b, hates) if hates else world.b
        world.g = world.gateway(server, {"in/#": "c"}, connection=connection, **sections)
        world.w = world.raw_worker(world.g)
        world.w.hello("c")
        return world

    return start


def test_a_reply_that_the_gateway_refuses_stands_in_the_dead_letters(scene):
    world = scene(replies={"allow": ["answers/#"]})
    delivery = deliver(world, world.w)

    world.w.settle(delivery, replies=[pb.Reply(topic="answer/x", qos=1, payload=b"42", reply_id=7)])

    [result] = world.w.expect_results(1)
    assert (result.reply_id, result.code) == (7, Result.CODE_DENIED)
    operator = Ctl(world.g)
    [letter] = wait_until(lambda: operator.letters("--kind", "reply"), "the refused reply is kept")
    assert (letter["topic"], letter["chain"], letter["answers"]) == ("answer/x", "c", delivery.message_id)
    assert letter["worker"] == "raw/e2e"
    assert letter["reason"].startswith("denied: ")
    [event] = world.g.events("reply refused by the gateway")
    assert (event["chain"], event["worker"], event["topic"], event["reason"]) == ("c", "raw/e2e", "answer/x", "denied")
    assert world.g.metric("sluice_replies_denied_total", chain="c", reason="denied") == 1
    world.g.wait_metric("sluice_outbox_messages", lambda count: count == 0)
    # Its topic is still not allowed.
    assert "refused again" in operator("dlq", "replay", letter["id"], status=1)

    world.g.kill()
    world.g.change_config(lambda config: config["replies"].update(allow=["answers/#", "answer/#"]))
    world.g.restart()
    replies = world.subscriber(world.b, "answer/x")
    Ctl(world.g)("dlq", "replay", "--all", "--yes")
    assert replies.expect(1)[0].payload == b"42"


def test_refused_replies_are_dropped_for_who_wants_that(scene):
    world = scene(replies={"allow": ["answers/#"], "onDenied": "drop"})
    world.w.settle(deliver(world, world.w), replies=[pb.Reply(topic="answer/x", qos=1, payload=b"42", reply_id=7)])

    assert world.w.expect_results(1)[0].code == Result.CODE_DENIED
    assert world.g.metric("sluice_replies_denied_total", chain="c", reason="denied") == 1
    assert world.g.events("reply refused by the gateway")[0]["then"] == "drop"
    assert Ctl(world.g).letters() == []


def test_a_retry_publishes_nothing_and_says_so(scene):
    world = scene(chains={"c": {"retryBackoff": "0s", "maxRetryBackoff": "0s"}})
    replies = world.subscriber(world.b, "out")
    delivery = deliver(world, world.w)

    world.w.settle(delivery, outcome=pb.OUTCOME_RETRY,
                   replies=[pb.Reply(topic="out", qos=1, payload=b"progress", reply_id=7)])

    [result] = world.w.expect_results(1)
    assert (result.reply_id, result.code) == (7, Result.CODE_NOT_PUBLISHED)
    [again] = world.w.expect_deliveries(1)
    world.w.answer(again, topic="out")
    assert [message.payload for message in replies.expect(1)] == [b"question"]


def expiring(payload, expiry_s, reply_id=0):
    return pb.Reply(topic="out", qos=1, payload=payload, expiry_s=expiry_s, reply_id=reply_id)


def test_a_reply_whose_expiry_is_over_is_not_published_late(scene):
    world = scene(replies={"resultTimeout": "60s"})
    delivery = deliver(world, world.w)
    world.b.kill()
    world.g.wait_not_ready("plant (replies)")

    world.w.settle(delivery, replies=[expiring(b"late", 1, reply_id=7), expiring(b"fresh", 600, reply_id=8)])

    # It is told when it is over, not when the broker comes back.
    [result] = world.w.expect_results(1)
    assert (result.reply_id, result.code) == (7, Result.CODE_EXPIRED)
    assert world.g.metric("sluice_replies_total", outcome="expired") == 1
    world.g.wait_metric("sluice_outbox_messages", lambda count: count == 1)
    world.b.start()
    assert {result.reply_id: result.code for result in world.w.expect_results(2)}[8] == Result.CODE_OK


def test_the_broker_is_told_what_is_left_of_an_expiry(scene):
    world = scene()
    delivery = deliver(world, world.w)
    world.b.kill()
    world.g.wait_not_ready("plant (replies)")
    world.w.settle(delivery, replies=[expiring(b"gone", 2), expiring(b"fresh", 600)])
    world.g.wait_metric("sluice_journal_replies", lambda count: count == 2)
    # The time of a restart counts, too.
    world.g.kill()
    made = time.monotonic()
    time.sleep(3)
    world.b.start()
    replies = world.subscriber(world.b, "out")

    world.g.restart()

    [message] = replies.expect(1)
    assert message.payload == b"fresh"
    assert 600 - 60 < message.properties.MessageExpiryInterval <= 600 - int(time.monotonic() - made)
    world.g.wait_metric("sluice_replies_total", lambda count: count == 1, outcome="expired")
    world.g.wait_metric("sluice_outbox_messages", lambda count: count == 0)


@pytest.mark.parametrize("reply", [
    pb.Reply(topic="out/\x01", qos=1),
    pb.Reply(topic="out/￿", qos=1),
    pb.Reply(topic="out", qos=1, user_properties=[pb.UserProperty(name="a", value="b\x02")]),
    pb.Reply(topic="out", qos=1, content_type="text\x7f"),
    pb.Reply(topic="out", qos=1, response_topic="back/\x01"),
], ids=["topic", "non-character", "user-property", "content-type", "response-topic"])
def test_what_a_broker_may_disconnect_over_is_not_sent(scene, reply):
    world = scene()
    reply.reply_id = 7
    reply.payload = b"bad"
    delivery = deliver(world, world.w)

    world.w.settle(delivery, replies=[reply])

    [result] = world.w.expect_results(1)
    invalid_topic = reply.topic != "out"
    assert result.code == (Result.CODE_INVALID_TOPIC if invalid_topic else Result.CODE_INVALID)
    assert world.g.metric("sluice_mqtt_connects_total", role="replies", result="ok") == 1
    wait_until(lambda: Ctl(world.g).letters("--kind", "reply"), "it stands in the dead letters")


def test_a_reply_over_which_the_broker_disconnects_holds_up_nobody(scene):
    # mosquitto closes the connection over control characters.
    world = scene(replies={"allowControlCharacters": True})
    replies = world.subscriber(world.b, "out")
    bad = [pb.Reply(topic=f"bad/{i}/\x01", qos=1, payload=b"bad", reply_id=100 + i) for i in range(3)]
    world.w.settle(deliver(world, world.w), replies=bad)
    world.w.settle(deliver(world, world.w), replies=[pb.Reply(topic="out", qos=1, payload=b"good")])

    assert replies.expect(1, seconds=3)[0].payload == b"good"
    refused = {result.reply_id: result.code for result in world.w.expect_results(3, seconds=45)}
    assert refused == {100 + i: Result.CODE_REFUSED for i in range(3)}
    world.g.wait_metric("sluice_outbox_messages", lambda count: count == 0)
    assert len(Ctl(world.g).letters("--kind", "reply")) == 3


def pauses(gateway):
    """How often replies had to wait for a connection, and not just for a new one at once."""
    return sum(1 for event in gateway.events("mqtt connection lost")
               if event["role"] == "replies" and event["retry_ms"] > 20)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_three_replies_that_break_connections_make_nobody_wait_for_more_than_one_reconnect(scene, protocol):
    world = scene(connection={"protocol": protocol}, hates=lambda topic, qos: topic.startswith("bad"))
    replies = world.subscriber(world.b, "out/#")

    def reply(topic, qos=1, **fields):
        return pb.Reply(topic=topic, qos=qos, payload=topic.encode(), **fields)

    # Beside them, before, between and behind, and what is written at QoS 0.
    mixed = [reply("out/before")]
    for i in range(3):
        mixed += [reply(f"bad/{i}", reply_id=100 + i), reply(f"out/noise/{i}", qos=0), reply(f"out/{i}", qos=1 + i % 2)]
    world.w.settle(deliver(world, world.w), replies=mixed)

    replies.expect_payloads([b"out/before", b"out/0", b"out/1", b"out/2"])
    assert pauses(world.g) == 1
    # They are tried three times each. Meanwhile all others go their way.
    refused, sent, publisher = [], 0, world.client(world.b)
    while len(refused) < 3:
        sent += 1
        world.w.settle(deliver(world, world.w, publisher=publisher),
                       replies=[reply(f"out/noise/n{sent}", qos=0), reply(f"out/later/{sent}")])
        replies.expect_payloads([f"out/later/{sent}".encode()], seconds=3)
        refused = [result for result in world.w.results if result.reply_id]
    assert {result.reply_id: result.code for result in refused} == {100 + i: Result.CODE_REFUSED for i in range(3)}
    assert pauses(world.g) == 1
    world.g.wait_metric("sluice_outbox_messages", lambda count: count == 0)


def test_a_broker_without_qos_2_and_without_words_for_it_holds_up_nobody(scene):
    world = scene(connection={"protocol": "3.1.1"}, broker_options=["max_qos 1"])
    replies = world.subscriber(world.b, "out/#")
    delivery = deliver(world, world.w)
    world.w.settle(delivery, replies=[
        *[pb.Reply(topic=f"out/{i}", qos=2, payload=b"2", reply_id=100 + i) for i in range(3)],
        pb.Reply(topic="out/good", qos=1, payload=b"good")])

    assert replies.expect(1, seconds=3)[0].payload == b"good"
    codes = {result.reply_id: result.code for result in world.w.expect_results(3, seconds=30)}
    assert set(codes.values()) == {Result.CODE_INVALID_QOS}
    connects = world.g.metric("sluice_mqtt_connects_total", role="replies", result="ok")
    # It has learnt that: what comes breaks nothing.
    world.w.settle(deliver(world, world.w), replies=[pb.Reply(topic="out/4", qos=2, payload=b"2", reply_id=104)])
    assert {result.reply_id: result.code for result in world.w.expect_results(4)}[104] == Result.CODE_INVALID_QOS
    assert world.g.metric("sluice_mqtt_connects_total", role="replies", result="ok") == connects
