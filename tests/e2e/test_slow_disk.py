"""The journal's disk stalls: acknowledgements and settles wait for it, and nothing else does."""
import signal

import pytest

from harness.reloading import connects, reload, route, runs, write
from harness.wait import wait_until
from test_isolation import two_connections


class Site:
    """A gateway at brokers a and b, each with a chain of its name, on a journal whose disk stalls when the test wants."""

    def __init__(self, world):
        self.world = world
        self.switch = world.folder / "the-disk-stalls"
        self.brokers = {"a": world.broker(), "b": world.broker()}
        config = two_connections(self.brokers, journal={"path": str(world.folder / "state"), "segmentBytes": "1MiB"},
                                 workers={"listen": "127.0.0.1:0", "insecure": True, "heartbeat": "1s"})
        self.gateway = world.gateway_with(config, binary="sluice-gateway-failpoints",
                                          env={"SLUICE_DISK_FAULT": f"stall:{self.switch}"})

    def stall(self):
        self.switch.touch()

    def go_on(self):
        self.switch.unlink()

    def publish(self, name, payload, qos=1):
        self.world.client(self.brokers[name]).publish_all([("in", payload)], qos=qos)


def test_a_disk_that_stalls_delays_acknowledgements_and_settles_and_nothing_else(world):
    site = Site(world)
    gateway = site.gateway
    silent = world.raw_worker(gateway, silent=True)
    silent.hello("a")
    site.publish("a", b"with a worker that falls silent")
    silent.expect_deliveries(1)
    worker = world.raw_worker(gateway)
    worker.hello("b")
    site.publish("b", b"settled while the disk stalls")
    settled = worker.expect_deliveries(1)
    replies = {name: world.subscriber(broker, "out") for name, broker in site.brokers.items()}

    site.stall()
    other = world.raw_worker(gateway)
    other.hello("a")
    worker.answer(*settled, topic="out")
    assert worker.alive(), "and so the settle has been read, before any of those that follow"
    site.publish("a", b"not acknowledged")

    # What is at most once goes its way.
    publisher = world.client(site.brokers["b"])
    for i in range(20):
        publisher.publish_all([("in", b"%d" % i)], qos=0)
        worker.answer(*worker.expect_deliveries(1), topic="out", qos=0)
        replies["b"].expect_payloads({b"%d" % i})
        assert gateway.ready(), gateway.readiness()
    # A stream that is silent is ended in time, and what it held goes to another worker.
    silent.expect_end()
    lost = other.expect_deliveries(1)
    assert lost[0].payload == b"with a worker that falls silent"
    other.answer(*lost, topic="out")
    assert worker.alive() and other.alive()
    # All that time neither of these had an answer.
    assert gateway.metric("sluice_journal_messages") == 2
    assert b"settled while the disk stalls" not in replies["b"].payloads()

    site.go_on()
    replies["b"].expect_payloads({b"settled while the disk stalls"})
    other.answer(*other.expect_deliveries(1), topic="out")
    replies["a"].expect_payloads({b"with a worker that falls silent", b"not acknowledged"})
    gateway.wait_metric("sluice_journal_messages", lambda count: count == 0)


class OneConnection:
    """A gateway with one connection, which pings every second, on a journal whose disk stalls when the test wants."""

    def __init__(self, world, qos, share=False):
        self.world, self.qos = world, qos
        self.switch = world.folder / "the-disk-stalls"
        self.broker = world.broker(options=["log_type debug"])
        in_ = route("in", "in", "chain:c")
        in_["from"]["qos"] = 2
        config = {
            "connections": {"plant": {"server": self.broker.url, "clientId": "sluice-plant", "keepAlive": "1s",
                                      "driver": "wire"}},
            "routes": [in_],
            "journal": {"path": str(world.folder / "state"), "segmentBytes": "1MiB"},
            "workers": {"listen": "127.0.0.1:0", "insecure": True},
            "http": {"listen": "127.0.0.1:0"},
            "log": {"format": "json", "level": "debug"},
        }
        if share:
            config["connections"]["plant"]["replies"] = {"connection": "shared"}
        self.gateway = world.gateway_with(config, binary="sluice-gateway-failpoints",
                                          env={"SLUICE_DISK_FAULT": f"stall:{self.switch}"})
        self.publisher = world.client(self.broker)
        self.payloads = [b"%d" % i for i in range(5)]

    def broker_heard(self, packet):
        return self.broker.process.log().count(f"Received {packet} from sluice-plant")

    def stall_over_messages(self):
        """Messages of QoS 1 or 2 have come, and their write stands still."""
        self.switch.touch()
        self.publisher.publish_all([("in", payload) for payload in self.payloads], qos=self.qos)

    def at_most_once_goes_through(self, worker, pings, topic="in"):
        """Before and after the broker has had so many pings, which go out where nothing else does."""
        replies = self.world.subscriber(self.broker, "out")
        pinged = self.broker_heard("PINGREQ")
        for i in range(20):
            if i == 10:
                wait_until(lambda: self.broker_heard("PINGREQ") >= pinged + pings, "the broker has had pings")
            payload = b"at most once %d" % i
            self.publisher.publish_all([(topic, payload)], qos=0)
            [delivery] = worker.expect_deliveries(1)
            assert delivery.payload == payload
            worker.answer(delivery, topic="out", qos=0)
            replies.expect_payloads({payload})
            assert self.gateway.ready(), self.gateway.readiness()

    def expect_once(self, worker):
        deliveries = worker.expect_deliveries(len(self.payloads))
        assert [delivery.payload for delivery in deliveries] == self.payloads
        worker.answer(*deliveries, topic="done")
        self.gateway.wait_metric("sluice_journal_messages", lambda count: count == 0)
        self.publisher.publish_all([("in", b"the last")], qos=self.qos)
        [last] = worker.expect_deliveries(1)
        assert last.payload == b"the last", "nothing comes twice"

    def worker(self):
        worker = self.world.raw_worker(self.gateway)
        worker.hello("c")
        return worker


@pytest.mark.parametrize("share", [False, True], ids=["apart", "shared"])
@pytest.mark.parametrize("qos", [1, 2])
def test_what_else_comes_on_the_connection_goes_on_and_the_broker_keeps_it(world, qos, share):
    site = OneConnection(world, qos, share)
    worker = site.worker()

    site.stall_over_messages()
    site.at_most_once_goes_through(worker, pings=5)
    assert site.broker_heard("PUBACK") == site.broker_heard("PUBREC") == 0

    site.switch.unlink()
    site.expect_once(worker)
    assert connects(site.gateway) == (1 if share else 2), "no connection was lost"


@pytest.mark.parametrize("qos", [1, 2])
def test_a_reload_while_the_disk_stalls_asks_for_what_is_new(world, qos):
    site = OneConnection(world, qos)
    worker = site.worker()

    site.stall_over_messages()
    reload(site.gateway, lambda config: config["routes"].append(route("new", "new", "chain:c")))
    site.gateway.wait_ready()
    site.at_most_once_goes_through(worker, pings=1, topic="new")

    site.switch.unlink()
    site.expect_once(worker)


@pytest.mark.parametrize("qos", [1, 2])
def test_a_connection_that_is_made_anew_while_the_disk_stalls_loses_nothing(world, qos):
    site = OneConnection(world, qos)
    worker = site.worker()

    site.stall_over_messages()
    text = write(site.gateway, lambda config: config["connections"]["plant"].update(keepAlive="2s"))
    site.gateway.process.signal(signal.SIGHUP)
    wait_until(lambda: site.broker_heard("DISCONNECT") >= 1, "the old connection is gone")
    site.switch.unlink()
    wait_until(lambda: runs(site.gateway, text), "the new configuration runs")

    deliveries = worker.expect_deliveries(len(site.payloads))
    if qos == 2:
        assert sorted(delivery.payload for delivery in deliveries) == site.payloads
    else:
        while {delivery.payload for delivery in deliveries} != set(site.payloads):
            deliveries += worker.expect_deliveries(1)


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_an_end_while_the_disk_stalls_loses_nothing(world, qos, how):
    site = OneConnection(world, qos)
    site.stall_over_messages()
    wait_until(lambda: site.broker_heard("PINGREQ") >= 2, "the gateway goes on")
    if how == "kill":
        site.gateway.kill()
    else:
        site.gateway.process.signal(signal.SIGTERM)
        wait_until(lambda: site.broker_heard("DISCONNECT") >= 1, "the connection is gone")
    site.switch.unlink()
    if how == "stop":
        site.gateway.stop()
    site.gateway.restart()

    worker = site.worker()
    deliveries = worker.expect_deliveries(len(site.payloads))
    if qos == 2:
        assert sorted(delivery.payload for delivery in deliveries) == site.payloads
        worker.answer(*deliveries, topic="done")
        site.publisher.publish_all([("in", b"the last")], qos=2)
        [last] = worker.expect_deliveries(1)
        assert last.payload == b"the last", "nothing comes twice"
    else:
        while {delivery.payload for delivery in deliveries} != set(site.payloads):
            deliveries += worker.expect_deliveries(1)
