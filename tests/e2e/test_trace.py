"""What has become of a message: sluicectl trace."""
import json

from sluice.v1 import worker_pb2 as pb

from harness.ctl import Ctl
from harness.wait import wait_until

UNKNOWN = "01890a5d-ac96-774b-bcce-b302099a8057"


def traced(ctl, *which):
    return json.loads(ctl("trace", "--json", *which))


def trace(ctl, message_id):
    (message,) = traced(ctl, message_id)["messages"]
    return message


def kinds(message):
    return [step["kind"] for step in message["steps"]]


def wait_for_state(ctl, message_id, state):
    wait_until(lambda: trace(ctl, message_id)["state"] == state, lambda: f"{state}: {trace(ctl, message_id)}")
    return trace(ctl, message_id)


def publish(world, broker, *messages):
    world.client(broker).publish_all(messages, qos=1)


def test_a_message_that_is_acked_with_a_reply(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in/#": "c"})
    ctl = Ctl(gateway)
    worker = world.answering_worker(gateway, chain="c", topic="out")
    publish(world, broker, ("in/7", b"21.5"))
    wait_until(lambda: worker.deliveries, "it is delivered")
    message_id = worker.deliveries[0].message_id
    wait_until(lambda: kinds(trace(ctl, message_id))[-1] == "confirmed", lambda: f"{trace(ctl, message_id)}")
    message = trace(ctl, message_id)
    assert kinds(message) == ["received", "journaled", "queued", "delivered", "settled", "replied", "confirmed"]
    times = [step["at_unix_us"] for step in message["steps"]]
    assert times == sorted(times)
    assert (message["topic"], message["chain"], message["qos"], message["payload_bytes"]) == ("in/7", "c", 1, 4)
    by_kind = {step["kind"]: step for step in message["steps"]}
    assert by_kind["delivered"]["worker"].startswith("raw/") and by_kind["delivered"]["attempt"] == 1
    assert by_kind["settled"]["outcome"] == "ack" and by_kind["settled"]["worker"].startswith("raw/")
    assert by_kind["replied"]["topic"] == by_kind["confirmed"]["topic"] == "out"
    assert by_kind["confirmed"]["outcome"] == "ok"
    assert message["state"] == "done" and not message["incomplete"]
    text = ctl("trace", message_id)
    assert "in/7" in text and "it is done" in text and "21.5" not in text, "payloads are not shown"


def test_one_that_is_retried_is_acked_by_another_worker(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    ctl = Ctl(gateway)
    first = world.raw_worker(gateway)
    first.hello("c")
    publish(world, broker, ("in", b"x"))
    (delivery,) = first.expect_deliveries(1)
    message = trace(ctl, delivery.message_id)
    assert message["state"] == "with_worker" and message["worker"].startswith("raw/")
    assert message["due_unix_ms"] > message["state_since_unix_ms"] > 0
    first.window(0)
    first.settle(delivery, outcome=pb.OUTCOME_RETRY, reason="busy", retry_after_ms=2_000)
    delayed = wait_for_state(ctl, delivery.message_id, "delayed")
    assert delayed["due_unix_ms"] > message["state_since_unix_ms"] + 1_000
    second = world.raw_worker(gateway)
    second.send(hello=pb.Hello(worker_name="other", instance="e2e", chains=["c"], window=pb.Window(messages=9)))
    (again,) = second.expect_deliveries(1)
    assert again.message_id == delivery.message_id
    second.settle(again)
    message = wait_for_state(ctl, delivery.message_id, "done")
    assert kinds(message)[3:] == ["delivered", "settled", "delivered", "settled"]
    assert [(step["worker"].split("/")[0], step["attempt"], step["outcome"], step["detail"])
            for step in message["steps"][4::2]] == [("raw", 1, "retry", "busy"), ("other", 2, "ack", "")]


def test_a_lease_that_ends_and_a_worker_that_is_lost_are_steps(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    ctl = Ctl(gateway)
    first = world.raw_worker(gateway)
    first.hello("c", lease_ms=1_000)
    publish(world, broker, ("in", b"x"))
    (delivery,) = first.expect_deliveries(1)
    first.window(0)
    wait_until(lambda: "lease_ended" in kinds(trace(ctl, delivery.message_id)), lambda: f"{trace(ctl, delivery.message_id)}")
    lost = world.raw_worker(gateway)
    lost.hello("c")
    lost.expect_deliveries(1)
    lost.cancel()
    wait_until(lambda: "worker_lost" in kinds(trace(ctl, delivery.message_id)), lambda: f"{trace(ctl, delivery.message_id)}")
    second = world.raw_worker(gateway)
    second.hello("c")
    second.settle(*second.expect_deliveries(1))
    message = wait_for_state(ctl, delivery.message_id, "done")
    steps = [(step["kind"], step["attempt"]) for step in message["steps"]]
    assert steps[3:7] == [("delivered", 1), ("lease_ended", 1), ("delivered", 2), ("worker_lost", 2)]
    assert all(step["worker"].startswith("raw/") for step in message["steps"][3:7])
    text = ctl("trace", delivery.message_id)
    assert "  lease ended  worker=raw/e2e attempt=1\n" in text and "  worker lost  worker=raw/e2e attempt=2\n" in text


def test_one_that_has_died_is_found_with_its_reason(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    ctl = Ctl(gateway)
    worker = world.raw_worker(gateway)
    worker.hello("c")
    publish(world, broker, ("in", b"x"))
    (delivery,) = worker.expect_deliveries(1)
    worker.settle(delivery, outcome=pb.OUTCOME_REJECT, reason="no such plant")
    wait_until(ctl.letters, "it is a dead letter")
    message = wait_for_state(ctl, delivery.message_id, "dead_letter")
    assert "no such plant" in message["state_detail"] and message["worker"].startswith("raw/")
    assert kinds(message)[-1] == "died"
    assert "is a dead letter" in ctl("trace", delivery.message_id)

    gateway.kill()
    gateway.restart()
    message = trace(Ctl(gateway), delivery.message_id)
    assert message["state"] == "dead_letter" and "no such plant" in message["state_detail"]
    assert message["steps"] == [] and message["incomplete"]


def test_one_that_has_expired_was_dropped(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    ctl = Ctl(gateway)
    world.client(broker).publish("in", b"x", MessageExpiryInterval=1).wait_for_publish(10)
    wait_until(lambda: gateway.metric("sluice_messages_dropped_total", reason="expired") == 1, "it expires")
    (message,) = traced(ctl, "--topic", "in")["messages"]
    assert kinds(message)[-1] == "dropped" and message["state"] == "dropped"
    assert message["state_detail"] == "its expiry interval is over"
    assert "was dropped at " in ctl("trace", message["message_id"])


def test_one_of_qos_0_for_which_there_was_no_room_was_dropped(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in/#": "c"}, chains={"c": {"queue": {"maxMessages": 1}}})
    ctl = Ctl(gateway)
    world.client(broker).publish_all([("in/0", b""), ("in/1", b"")], qos=0)
    wait_until(lambda: gateway.metric("sluice_messages_dropped_total", reason="queue_full") == 1, "there is no room for both")
    states = {message["topic"]: (message["state"], message["state_detail"]) for message in traced(ctl, "--topic", "in/#")["messages"]}
    assert states["in/0"] == ("dropped", "QoS 0, and its chain's queue is full") and states["in/1"][0] == "waiting"


def test_one_that_no_chain_takes_is_found(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in/#": "chain:${userProperty.no-such}"})
    ctl = Ctl(gateway)
    publish(world, broker, ("in/1", b"x"))
    wait_until(ctl.letters, "it is a dead letter")
    (message,) = traced(ctl, "--topic", "in/1")["messages"]
    assert message["state"] == "dead_letter" and kinds(message) == ["received", "journaled", "died"]
    assert message["state_detail"].startswith("no chain")


def test_one_that_waits_is_found_by_its_topic_and_after_a_kill_by_what_the_journal_knows(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in/#": "c"})
    ctl = Ctl(gateway)
    publish(world, broker, ("in/1/temp", b"1"), ("in/2/door", b"2"), ("in/3/temp", b"3"))
    wait_until(lambda: len(traced(ctl, "--topic", "in/+/temp")["messages"]) == 2, "they wait")
    found = traced(ctl, "--topic", "in/+/temp")["messages"]
    assert [message["topic"] for message in found] == ["in/1/temp", "in/3/temp"]
    newest = traced(ctl, "--topic", "in/#", "--last", "1")
    assert [message["topic"] for message in newest["messages"]] == ["in/3/temp"] and newest["more"]
    assert traced(ctl, "--topic", "in/#", "--since", "1h")["messages"] and not traced(ctl, "--topic", "other")["messages"]
    for message in found:
        assert message["state"] == "waiting" and message["journaled"]
        assert message["state_detail"] == "no worker serves chain 'c'"
        assert kinds(message) == ["received", "journaled", "queued"]
    text = ctl("trace", "--topic", "in/3/temp")
    assert "waits in memory, and stands in the journal: no worker serves chain 'c'" in text

    gateway.kill()
    gateway.restart()
    ctl = Ctl(gateway)
    again = wait_for_state(ctl, found[1]["message_id"], "waiting")
    assert (again["topic"], again["chain"], again["journaled"]) == ("in/3/temp", "c", True)
    assert again["received_unix_ms"] == found[1]["received_unix_ms"]
    assert again["incomplete"] and kinds(again) == ["queued"], "it was read back"
    assert again["steps"][0]["detail"] == "from the journal"
    assert len(traced(ctl, "--topic", "in/+/temp")["messages"]) == 2


def test_what_a_full_queue_leaves_on_disk_is_found_there(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in/#": "c"}, chains={"c": {"queue": {"maxMessages": 10}}})
    ctl = Ctl(gateway)
    publish(world, broker, *((f"in/{i}", b"x") for i in range(2_000)))
    gateway.wait_metric("sluice_backlog_messages", lambda value: value == 2_000, chain="c")
    (message,) = traced(ctl, "--topic", "in/1999")["messages"]
    assert message["state"] == "on_disk" and "no worker serves" in message["state_detail"]
    assert trace(ctl, message["message_id"])["state"] == "on_disk"
    assert kinds(message) == ["received", "journaled"], "it is not in the queue yet"


def test_a_reply_that_the_broker_refuses_is_told_with_its_reason(world):
    broker = world.broker()
    gateway = world.gateway(world.picky_proxy(broker, hates=b"hated"), {"in": "c"})
    worker = world.answering_worker(gateway, chain="c", topic="hated")
    publish(world, broker, ("in", b"x"))
    wait_until(lambda: worker.deliveries, "it is delivered")
    ctl = Ctl(gateway)
    wait_until(ctl.letters, "its reply is a dead letter")
    message = wait_for_state(ctl, worker.deliveries[0].message_id, "dead_letter")
    assert "its reply to hated: " in message["state_detail"]
    confirmed = next(step for step in message["steps"] if step["kind"] == "confirmed")
    assert confirmed["topic"] == "hated" and confirmed["outcome"] not in ("", "ok")


def test_an_unknown_one_is_said_to_be_so(world):
    gateway = world.gateway(world.broker(), {"in": "c"})
    ctl = Ctl(gateway)
    said = ctl("trace", UNKNOWN, status=1)
    assert f"nothing is known of message {UNKNOWN}" in said and "its id was made before" in said
    assert "it is a UUID" in ctl("trace", "nonsense", status=1)
    assert "there is none" in ctl("trace", "--topic", "in")
    assert "give a message's id, or --topic" in ctl("trace", status=2)


def test_the_bounds_change_while_it_runs_and_0_keeps_nothing(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, tracing={"keep": 0})
    ctl = Ctl(gateway)
    worker = world.raw_worker(gateway)
    worker.hello("c")
    publish(world, broker, ("in", b"x"))
    (delivery,) = worker.expect_deliveries(1)
    message = trace(ctl, delivery.message_id)
    assert message["state"] == "with_worker" and message["steps"] == [], "where it is is known all the same"
    assert "steps are not kept" in ctl("trace", delivery.message_id)
    assert gateway.metric("sluice_tracing_bytes") == 0
    gateway.change_config(lambda config: config.update(tracing={"keep": "1m"}))
    ctl("config", "apply")
    worker.settle(delivery)
    wait_until(lambda: kinds(trace(ctl, delivery.message_id)) == ["settled"], "it is kept")
    assert gateway.metric("sluice_tracing_bytes") > 0
