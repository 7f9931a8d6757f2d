"""Looking at a running gateway, and steering it: workers, chains, connections."""
import json

import grpc
from sluice.v1 import worker_pb2 as pb

from harness.ctl import Ctl
from harness.wait import wait_until


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def only(ctl, *command):
    """The one thing that is there."""
    found = lines(ctl(*command, "--json"))
    assert len(found) == 1, found
    return found[0]


def publish(world, broker, count, topic="in", prefix=""):
    world.client(broker).publish_all([(topic, f"{prefix}{i}".encode()) for i in range(count)], qos=1)


def test_workers_are_shown_with_what_they_hold_and_what_became_of_it(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c", "other": "d"})
    ctl = Ctl(gateway)
    assert ctl("workers", "list") == "no worker is connected\n"
    worker = world.raw_worker(gateway)
    worker.hello("c", "d", messages=4, sdk="mine/7")
    publish(world, broker, 6)
    first = worker.expect_deliveries(4)
    seen = only(ctl, "workers", "list")
    assert (seen["worker"], seen["state"], seen["chains"]) == ("raw/e2e", "open", ["c", "d"])
    assert (seen["in_flight"], seen["window_messages"]) == (4, 4)
    assert seen["session"] == worker.welcome.session_id
    assert seen["user_agent"].startswith("grpc-python/") and seen["sdk"] == "mine/7"
    assert gateway.events("worker stream opened")[-1]["sdk"] == "mine/7"
    assert seen["oldest_delivery_ms"] >= 0 and seen["counts"]["deliveries"] == 4

    worker.settle(first[0])
    worker.settle(first[1], outcome=pb.OUTCOME_REJECT)
    worker.settle(first[2], outcome=pb.OUTCOME_DROP)
    wait_until(lambda: only(ctl, "workers", "list")["counts"]["dropped"] == 1, "it is settled")
    counts = only(ctl, "workers", "show", "raw")["counts"]
    assert (counts["acked"], counts["retried"], counts["rejected"], counts["dropped"]) == (1, 0, 1, 1)
    assert only(ctl, "workers", "show", "raw/e2e")["settle_rate"] > 0
    table = ctl("workers", "list").splitlines()
    assert table[0].startswith("SESSION") and table[1].split()[1:3] == ["raw/e2e", "open"]
    assert "mine/7" in table[1] and "sdk             mine/7\n" in ctl("workers", "show", "raw")
    assert "1 rejected" in ctl("workers", "show", worker.welcome.session_id)
    assert "called 'nobody'" in ctl("workers", "show", "nobody", status=1)


def test_chains_and_connections_are_shown_at_work(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c", "other": "d"})
    ctl = Ctl(gateway)
    publish(world, broker, 5)
    wait_until(lambda: only(ctl, "chains", "status", "c")["waiting"] == 5, "they wait")
    wait_until(lambda: only(ctl, "connections", "status")["receive_rate"] > 0, "the rate is known")
    chain = only(ctl, "chains", "status", "c")
    assert (chain["workers"], chain["arrivals"], chain["in_flight"]) == (0, 5, 0)
    assert chain["oldest_ms"] >= 0 and chain["arrival_rate"] > 0 and "pause" not in chain
    assert [chain["name"] for chain in lines(ctl("chains", "status", "--json"))] == ["c", "d"]
    assert ctl("chains", "status").splitlines()[1].split()[:4] == ["c", "stuck", "0", "5"]
    assert "there is no chain 'x'" in ctl("chains", "status", "x", status=1)

    worker = world.answering_worker(gateway, chain="c")
    wait_until(lambda: only(ctl, "chains", "status", "c")["counts"]["acked"] == 5, "they are answered")
    worker.close()
    wait_until(lambda: only(ctl, "connections", "status")["published"] == 5, "replies are confirmed")
    assert only(ctl, "connections", "status")["published_bytes"] > 0
    connection = only(ctl, "connections", "status")
    assert connection["received"] == 5 and connection["received_bytes"] > 0
    assert connection["server"].endswith(str(broker.port)) and connection["outbox_messages"] == 0
    assert all(link["ready"] for link in connection["links"]) and len(connection["links"]) == 2
    wait_until(lambda: only(ctl, "connections", "status")["publish_rate"] > 0, "their rate is known")
    broker.kill()
    wait_until(lambda: "is not ready: " in ctl("connections", "status"), "it says why")


def test_a_drained_worker_settles_and_goes_and_a_disconnected_one_goes_at_once(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    ctl = Ctl(gateway)
    worker = world.raw_worker(gateway)
    worker.hello("c", messages=1)
    publish(world, broker, 2)
    (held,) = worker.expect_deliveries(1)
    assert "drains: it gets nothing more" in ctl("worker", "drain", "raw/e2e", "--within", "10m", "--reason", "upgrade")
    wait_until(lambda: worker.drains, "it is told")
    assert "upgrade" in worker.drains[0].reason
    assert only(ctl, "workers", "list")["state"] == "draining"
    worker.settle(held)
    wait_until(lambda: only(ctl, "workers", "list")["in_flight"] == 0, "it has settled")
    assert len(worker.deliveries) == 1, "it got nothing more"
    worker.half_close()
    assert worker.expect_end()[0] == grpc.StatusCode.OK

    other = world.raw_worker(gateway)
    other.hello("c", messages=10)
    (message,) = other.expect_deliveries(1)
    assert "it held 1 message" in ctl("worker", "disconnect", other.welcome.session_id)
    code, details = other.expect_end()
    assert code == grpc.StatusCode.UNAVAILABLE and "operator" in details
    third = world.raw_worker(gateway)
    third.hello("c")
    (again,) = third.expect_deliveries(1)
    assert (again.message_id, again.attempt) == (message.message_id, message.attempt), "no attempt counts"


def test_a_name_that_several_workers_have_is_not_steered(world):
    gateway = world.gateway(world.broker(), {"in": "c"})
    for _ in range(2):
        world.raw_worker(gateway).hello("c")
    said = Ctl(gateway)("worker", "disconnect", "raw", status=1)
    assert "2 worker streams are called 'raw'; name one by its session: " in said


def test_a_paused_chain_keeps_its_messages_over_a_reload_and_a_kill(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c", "other": "d"}, chains={"c": {"queue": {"maxMessages": 50}}})
    ctl = Ctl(gateway)
    worker = world.raw_worker(gateway)
    worker.hello("c", "d", messages=1)
    publish(world, broker, 1)
    (held,) = worker.expect_deliveries(1)
    said = ctl("chain", "pause", "c", "--reason", "bad deploy")
    assert said == "chain 'c' is paused: 0 messages and what comes wait; 1 with workers go on\n"
    assert "was paused already" in ctl("chain", "pause", "c")
    assert gateway.metric("sluice_chains_paused") == 1
    assert gateway.ready(), "a paused chain is no reason to send nobody here"
    assert "paused: c" in gateway.readiness()

    worker.settle(held)
    worker.window(10)
    publish(world, broker, 500, prefix="p")  # More than the queue holds: they wait on disk.
    publish(world, broker, 1, topic="other")
    assert [delivery.topic for delivery in worker.expect_deliveries(1)] == ["other"], "the other chain goes on"
    pause = only(ctl, "chains", "status", "c")["pause"]
    assert pause["reason"] == "bad deploy" and pause["by"].startswith("unix:")

    gateway.change_config(lambda config: config["chains"]["c"].update(maxAttempts=7))
    assert "chain 'c'" in ctl("config", "apply")
    assert only(ctl, "chains", "status", "c")["pause"]["reason"] == "bad deploy"

    gateway.kill()
    gateway.restart()
    worker = world.raw_worker(gateway)
    worker.hello("c", messages=1000)
    wait_until(lambda: sum(only(ctl, "chains", "status", "c")[what] for what in ("waiting", "on_disk")) == 500,
               "all are there again")
    assert only(ctl, "chains", "status", "c")["pause"]["reason"] == "bad deploy"
    assert not worker.deliveries
    assert ctl("chain", "resume", "c") == "chain 'c' goes on\n"
    deliveries = worker.expect_deliveries(500)
    assert [delivery.payload for delivery in deliveries] == [f"p{i}".encode() for i in range(500)]
    assert gateway.metric("sluice_chains_paused") == 0
    assert "there is no chain 'x' now; there are: c, d" in ctl("chain", "pause", "x", status=1)


def test_a_drained_gateway_leaves_what_comes_to_others_finishes_and_stays(world):
    broker = world.broker()
    route = {"id": "r", "connection": "plant", "from": {"path": "$share/g/in", "qos": 1}, "to": {"path": "chain:c"}}
    gateway, other = (world.gateway(broker, [route], connection={"clientId": name}) for name in ("one", "two"))
    ctl = Ctl(gateway)
    worker, others = world.raw_worker(gateway), world.raw_worker(other)
    worker.hello("c")
    others.hello("c")
    publish(world, broker, 10)
    wait_until(lambda: len(worker.deliveries) + len(others.deliveries) == 10, "both get theirs")
    held = len(worker.deliveries)
    assert held > 0
    said = ctl("gateway", "drain", "--reason", "maintenance")
    assert f"{held} messages to settle" in said
    gateway.wait_not_ready("maintenance")
    assert "maintenance" in ctl("connections", "status"), "intake rests"
    wait_until(lambda: "one $share/g/in" in broker.process.log(), "it has left the share")
    publish(world, broker, 20, prefix="later")
    wait_until(lambda: len(others.deliveries) == 10 - held + 20, "the other one gets all")
    worker.settle(*worker.expect_deliveries(held))
    wait_until(lambda: only(ctl, "chains", "status", "c")["counts"]["acked"] == held, "what it had is settled")
    gateway.process.assert_running()
    assert len(worker.deliveries) == held

    assert ctl("gateway", "resume") == "the gateway takes messages again\n"
    gateway.wait_ready()

    def gets_its_turn():
        publish(world, broker, 2, prefix="after")
        return len(worker.deliveries) > held

    wait_until(gets_its_turn, "it has its part again")


def test_every_act_stands_in_the_audit_log(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    ctl = Ctl(gateway)
    world.raw_worker(gateway).hello("c")
    ctl("workers", "list")
    ctl("chain", "pause", "c", "--reason", "why")
    ctl("chain", "resume", "c")
    ctl("worker", "drain", "raw")
    ctl("gateway", "drain")
    ctl("gateway", "resume")
    ctl("worker", "disconnect", "nobody", status=1)
    acts = [(event["what"], event["outcome"], event["detail"]) for event in gateway.events("audit")]
    assert [act[:2] for act in acts] == [
        ("PauseChain", "done"), ("ResumeChain", "done"), ("DrainWorker", "done"), ("DrainGateway", "done"),
        ("ResumeGateway", "done"), ("DisconnectWorker", "failed")], acts
    assert acts[0][2] == "chain c: why"
