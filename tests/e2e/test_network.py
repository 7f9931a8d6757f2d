"""The network between gateway and broker breaks in every way, and the broker falls silent: noticed in time, nothing lost."""
import time

import pytest

from harness.gateway import config_for
from harness.wait import TIME_FACTOR, wait_until

KEEP_ALIVE_S = 2
# A lost peer is noticed after one and a half periods; the rest is the machine's.
NOTICED_S = 1.5 * KEEP_ALIVE_S + 1.5 * TIME_FACTOR
protocols = pytest.mark.parametrize("protocol", ["5", "3.1.1"])


class Site:
    def __init__(self, world, protocol, **sections):
        self.broker = world.broker()
        self.proxy = world.proxy(self.broker)
        self.gateway = world.gateway_with(config_for(self.proxy, {"in": "c"}, connection={
            "protocol": protocol, "keepAlive": f"{KEEP_ALIVE_S}s", "connectTimeout": "2s", "maxReconnectInterval": "1s"},
            **sections))
        self.worker = world.answering_worker(self.gateway)
        self.replies = world.subscriber(self.broker, "out")
        self.publisher = world.client(self.broker)
        self.payloads = []

    def publish(self, count, size=0):
        """Each with a number, padded to `size` bytes. The broker has accepted them."""
        payloads = [b"%d" % (len(self.payloads) + i) + b"." * size for i in range(count)]
        self.publisher.publish_all([("in", payload) for payload in payloads])
        self.payloads += payloads

    def expect_all_answered(self):
        def missing():
            return set(self.payloads) - {payload.split()[0] for payload in self.replies.payloads()}

        wait_until(lambda: not missing(), lambda: f"all answers; {len(missing())} of {len(self.payloads)} are missing", 30)

    def expect_loss_noticed(self, what):
        began = time.monotonic()
        self.gateway.wait_not_ready(what)
        assert time.monotonic() - began < NOTICED_S


@protocols
@pytest.mark.parametrize("direction", ["down", "up"])
def test_a_reset_in_the_middle_of_a_publish_loses_nothing(world, direction, protocol):
    """Down: of a message to the gateway; up: of a reply. Both cross the middle of the third one."""
    site = Site(world, protocol)
    size = 20_000
    site.publish(1, size)
    site.expect_all_answered()
    site.proxy.cut_after(2 * size + size // 2, direction)

    site.publish(10, size)

    site.expect_all_answered()
    assert site.proxy.cuts == 1
    assert site.proxy.connections >= 3, "it has connected again"


@protocols
@pytest.mark.parametrize("directions", [("up", "down"), ("up",), ("down",)], ids=["half-open", "up", "down"])
def test_a_link_that_swallows_what_it_is_given_is_noticed_in_time_and_loses_nothing(world, directions, protocol):
    site = Site(world, protocol)
    site.publish(20)
    site.expect_all_answered()

    site.proxy.swallow(*directions)
    site.publish(20)
    site.expect_loss_noticed("has not answered a ping in time")
    site.publish(20)
    site.proxy.restore()

    site.gateway.wait_ready()
    site.publish(20)
    site.expect_all_answered()


@protocols
def test_a_stalled_network_costs_time_only(world, protocol):
    """Shorter than the keepalive: the connection is not even given up."""
    site = Site(world, protocol)
    site.publish(5)
    site.expect_all_answered()
    connections = site.proxy.connections

    site.proxy.stall()
    site.publish(50)
    began = time.monotonic()
    wait_until(lambda: time.monotonic() - began > KEEP_ALIVE_S / 4, "half a second")
    site.proxy.resume()

    site.expect_all_answered()
    assert site.proxy.connections == connections


def test_a_broker_that_answers_nothing_while_the_end_comes_delays_it_by_the_drain_and_a_little(world):
    site = Site(world, "5", shutdown={"drain": "2s"})
    site.publish(10)
    site.expect_all_answered()
    site.broker.freeze()

    began = time.monotonic()
    site.gateway.stop()

    assert time.monotonic() - began < 2 + 6 * TIME_FACTOR
    site.broker.thaw()


def test_a_broker_that_answers_nothing_while_replies_wait_does_not_hold_up_the_end(world):
    """Replies that no broker has confirmed stand in the journal."""
    site = Site(world, "5", shutdown={"drain": "2s"})
    holder = world.raw_worker(site.gateway)
    holder.hello("c")
    site.worker.window(0)
    site.worker.alive()
    site.publish(10)
    deliveries = holder.expect_deliveries(10)
    site.broker.freeze()
    holder.answer(*deliveries, topic="out")
    site.gateway.wait_metric("sluice_outbox_messages", lambda messages: messages == 10)

    began = time.monotonic()
    status = site.gateway.stop()

    assert status == 0, "nothing is lost"
    assert time.monotonic() - began < 2 + 6 * TIME_FACTOR
    site.broker.thaw()
