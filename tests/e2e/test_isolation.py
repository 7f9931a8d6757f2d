"""Nobody slows another: a broker, a worker or a database that is stuck, and what goes on beside it."""
import contextlib
import signal
import sqlite3

import pytest
from sluice.v1 import worker_pb2 as pb

from harness.wait import wait_until

BOUND = 20
WINDOW = 20


def two_connections(brokers, **sections):
    """Connections a and b, each with a chain of its name."""
    return {
        "connections": {name: {"server": broker.url, "clientId": f"sluice-{name}", "keepAlive": "600s",
                               "receiveMaximum": WINDOW}
                        for name, broker in brokers.items()},
        "routes": [{"id": name, "connection": name, "from": {"path": "in", "qos": 1}, "to": {"path": f"chain:{name}"}}
                   for name in brokers],
        "workers": {"listen": "127.0.0.1:0", "insecure": True},
        "http": {"listen": "127.0.0.1:0"},
        "log": {"format": "json", "level": "debug"},
        **sections,
    }


@pytest.fixture
def scene(world):
    """A function that starts brokers a and b and a gateway at both."""
    def start(**sections):
        world.a, world.b = world.broker(), world.broker()
        sections.setdefault("replies", {"maxOutstandingMessages": BOUND})
        world.g = world.gateway_with(two_connections({"a": world.a, "b": world.b}, **sections))
        return world

    return start


def goes_through(world, worker, count=200):
    """So many messages of b are answered, a few at a time: they do not fill the outbox of b themselves."""
    publisher, replies = world.client(world.b), world.subscriber(world.b, "out")
    for first in range(0, count, 10):
        payloads = {b"%d" % i for i in range(first, first + 10)}
        publisher.publish_all([("in", payload) for payload in payloads])
        worker.answer(*worker.expect_deliveries(10), topic="out")
        replies.expect_payloads(payloads)


def fill_a(world, worker):
    """The outbox of a full, its broker frozen, and messages of its chain that wait. Returns those that a worker has."""
    world.client(world.a).publish_all([("in", b"%d" % i) for i in range(3 * BOUND)])
    deliveries = worker.expect_deliveries(2 * BOUND)
    world.g.wait_metric("sluice_queue_messages", lambda count: count == BOUND, chain="a")
    world.a.freeze()
    worker.answer(*deliveries[:BOUND], topic="out")
    world.g.wait_metric("sluice_outbox_connection_full", lambda full: full == 1, connection="a")
    return deliveries


def test_a_frozen_broker_with_a_full_outbox_slows_no_other(scene):
    world = scene()
    # One stream for both chains: it is read on, and gets no more of a.
    worker = world.raw_worker(world.g)
    worker.hello("a", "b", messages=2 * BOUND)
    mine = world.subscriber(world.a, "out")
    held = fill_a(world, worker)

    goes_through(world, worker)
    assert world.g.metric("sluice_outbox_connection_full", connection="a") == 1
    assert world.g.metric("sluice_queue_messages", chain="a") == BOUND
    # What it still had of a is taken.
    worker.answer(*held[BOUND:BOUND + 4], topic="out")
    world.g.wait_metric("sluice_outbox_connection_messages", lambda count: count == BOUND + 4, connection="a")
    goes_through(world, worker, 20)

    world.a.thaw()
    worker.answer(*held[BOUND + 4:], topic="out")
    worker.answer(*worker.expect_deliveries(BOUND), topic="out")
    mine.expect_payloads({b"%d" % i for i in range(3 * BOUND)})


def test_of_two_streams_only_the_one_that_floods_a_full_connection_is_not_read(scene):
    world = scene()
    flooding, other = world.raw_worker(world.g), world.raw_worker(world.g)
    flooding.hello("a", messages=2 * BOUND)
    other.hello("b")
    held = fill_a(world, flooding)
    for _ in range(10 * BOUND):
        flooding.reply(held[-1], topic="out", qos=1, payload=b"more")
    # A quarter of the bound is taken while it is full; then the stream waits.
    world.g.wait_metric("sluice_outbox_connection_messages", lambda count: count == BOUND * 5 // 4, connection="a")

    goes_through(world, other)
    assert world.g.metric("sluice_outbox_connection_messages", connection="a") == BOUND * 5 // 4

    world.a.thaw()
    # 20 answers, 200 more replies.
    world.g.wait_metric("sluice_replies_total", lambda count: count == BOUND + 10 * BOUND + 200, outcome="ok", seconds=60)


def test_a_start_with_replies_for_a_broker_that_is_away_holds_up_no_other(scene):
    world = scene()
    worker = world.raw_worker(world.g)
    worker.hello("a", "b", messages=2 * BOUND)
    held = fill_a(world, worker)
    worker.answer(*held[BOUND:BOUND + 5], topic="out")
    world.g.wait_metric("sluice_outbox_connection_messages", lambda count: count == BOUND + 5, connection="a")

    world.g.kill()
    world.g.restart(ready=False)
    again = world.raw_worker(world.g)
    again.hello("b")
    world.answering_worker(world.g, chain="a")
    goes_through(world, again)
    # As many of the replies that were left as there is room for; none of a's messages before the last of them.
    world.g.wait_metric("sluice_outbox_connection_full", lambda full: full == 1, connection="a")
    assert world.g.metric("sluice_deliveries_total", chain="a") == 0

    world.a.thaw()
    for metric in ("sluice_journal_messages", "sluice_outbox_messages"):
        world.g.wait_metric(metric, lambda count: count == 0, seconds=60)
    assert world.g.metric("sluice_deliveries_total", chain="a") >= 2 * BOUND - 5


def test_a_database_of_dead_letters_that_is_stuck_stops_only_the_chains_that_make_them(scene):
    world = scene(replies={})
    worker, good = world.raw_worker(world.g), world.raw_worker(world.g)
    worker.hello("a", messages=2_000)
    good.hello("b")
    path = world.g.config_path.parent / "state" / "dead-letters.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        publisher = world.client(world.a)
        rejected = 0
        while rejected < 10_000:
            publisher.publish_all([("in", b"bad")] * 500)
            worker.settle(*worker.expect_deliveries(500, seconds=60), outcome=pb.OUTCOME_REJECT)
            rejected += 500
        world.g.wait_metric("sluice_dead_letters_waiting", lambda count: count >= 10_000)
        publisher.publish_all([("in", b"bad")] * 2)
        worker.settle(*worker.expect_deliveries(1), outcome=pb.OUTCOME_REJECT)
        goes_through(world, good)
        database.execute("ROLLBACK")
    world.g.wait_metric("sluice_dead_letters_waiting", lambda count: count == 0, seconds=60)
    goes_through(world, good, 20)


def test_a_chain_without_workers_fills_its_share_of_the_journal_and_no_more(scene):
    world = scene(replies={}, chains={"a": {"queue": {"maxMessages": 10}, "backlog": {"maxMessages": 50}}})
    worker = world.raw_worker(world.g)
    worker.hello("b")
    mine = world.subscriber(world.a, "out")
    # One read of the gateway's is no more than a few of these.
    world.client(world.a).publish_all([("in", b"%d " % i + bytes(10_000)) for i in range(300)])
    world.g.wait_metric("sluice_intake_paused", lambda paused: paused == 1, connection="a")
    waiting = world.g.metric("sluice_on_disk_messages", chain="a")
    assert 50 <= waiting < 50 + 3 * WINDOW
    assert world.g.metric("sluice_on_disk_full", chain="a") == 1
    assert world.g.metric("sluice_intake_pauses_total", connection="a", reason="backlog_full") == 1
    assert "chain a: its share of the journal is full: the connections that feed it rest" in world.g.get("/readyz")[1]

    goes_through(world, worker)
    assert world.g.metric("sluice_on_disk_messages", chain="a") == waiting
    assert world.g.metric("sluice_intake_paused", connection="b") == 0
    world.answering_worker(world.g, chain="a")
    world.g.wait_metric("sluice_intake_paused", lambda paused: paused == 0, connection="a")
    assert len({reply.payload.split()[0] for reply in mine.expect(300, seconds=60)}) == 300


def test_a_worker_that_does_not_read_slows_no_other(scene):
    world = scene(replies={}, chains={"a": {"queue": {"maxMessages": 50}}})
    deaf, worker = world.raw_worker(world.g), world.raw_worker(world.g)
    # More than a stream's flow control lets through.
    deaf.hello("a", messages=1000)
    deaf.stop_reading()
    worker.hello("b")
    world.client(world.a).publish_all([("in", b"%d " % i + bytes(50_000)) for i in range(200)])
    world.g.wait_metric("sluice_backlog_messages", lambda count: count == 200, chain="a")

    goes_through(world, worker)
    assert world.g.metric("sluice_backlog_messages", chain="a") == 200
    deaf.go_on_reading()
    deaf.settle(*deaf.expect_deliveries(200))
    world.g.wait_metric("sluice_backlog_messages", lambda count: count == 0, chain="a")


def test_a_broker_that_is_down_with_a_full_outbox_slows_no_other(scene):
    world = scene()
    worker = world.raw_worker(world.g)
    worker.hello("a", "b", messages=2 * BOUND)
    held = fill_a(world, worker)
    world.a.kill()
    world.g.wait_metric("sluice_mqtt_connected", lambda up: up == 0, connection="a", role="replies")

    goes_through(world, worker)
    assert world.g.metric("sluice_outbox_connection_full", connection="a") == 1

    world.a.start()
    worker.answer(*held[BOUND:], topic="out")
    worker.answer(*worker.expect_deliveries(BOUND), topic="out")
    world.g.wait_metric("sluice_outbox_messages", lambda count: count == 0, seconds=60)


def test_at_the_end_what_is_stuck_stays_in_the_journal_and_the_others_go_on(scene):
    world = scene()
    worker, other = world.raw_worker(world.g), world.raw_worker(world.g)
    worker.hello("a", messages=2 * BOUND)
    other.hello("b")
    mine = world.subscriber(world.a, "out")
    held = fill_a(world, worker)

    world.g.process.signal(signal.SIGTERM)
    world.g.wait_not_ready("draining")
    goes_through(world, other)
    assert world.g.process.running(), "it waits for what the worker of a holds"
    worker.answer(*held[BOUND:], topic="out")
    assert world.g.process.wait() == 0, "all that is left stands in the journal"

    world.a.thaw()
    world.g.restart()
    world.answering_worker(world.g, chain="a")
    wait_until(lambda: {reply.split()[0] for reply in mine.payloads()} == {b"%d" % i for i in range(3 * BOUND)},
               lambda: f"all are answered; there are {len(mine.payloads())}")
