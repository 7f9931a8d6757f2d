"""The journal's disk stalls: acknowledgements and settles wait for it, and nothing else does."""
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
