"""The gateway dies by SIGKILL at each step of a message's path, and is started again: nothing the broker had accepted
is lost, nothing is answered more often than the windows allow, and a message keeps its id in every attempt.

SLUICE_PROTOCOL and SLUICE_QOS choose the cell of the matrix; without them all are played.
"""
import collections
import os
import threading

import pytest

from harness.gateway import config_for
from harness.wait import wait_on, wait_until

WINDOW = 10
POINTS = ["journal.append.before", "journal.append.after", "intake.handed_over", "journal.settle.before",
          "journal.settle.after", "egress.published", "egress.confirmed.before_record"]
CELLS = [(protocol, qos) for protocol in ("5", "3.1.1") for qos in (1, 2)
         if os.environ.get("SLUICE_PROTOCOL", protocol) == protocol and int(os.environ.get("SLUICE_QOS", qos)) == qos]
cells = pytest.mark.parametrize("protocol, qos", CELLS, ids=[f"mqtt{protocol}-qos{qos}" for protocol, qos in CELLS])


class Site:
    """Broker, gateway, publisher and the replies; a worker joins with work()."""

    def __init__(self, world, protocol, qos, failpoint=None, proxied=False):
        self.world = world
        self.qos = qos
        # What 3.1.1 has in place of Receive Maximum is the broker's own bound.
        self.broker = world.broker(options=[f"max_inflight_messages {WINDOW}"])
        self.proxy = world.proxy(self.broker) if proxied else None
        config = config_for(self.proxy or self.broker, {"in": "c"}, connection={
            "protocol": protocol, "receiveMaximum": WINDOW, "publishWindow": WINDOW, "maxReconnectInterval": "1s"},
            journal={"path": str(world.folder / "state")})
        self.gateway = world.gateway_with(config, env={"SLUICE_FAILPOINT": failpoint or ""},
                                          binary="sluice-gateway-failpoints")
        self.replies = world.client(self.broker).subscribe("out", qos=2)
        self.publisher = world.client(self.broker)
        # The broker's bound holds for what it takes in, too: mosquitto 2.0.11 confirms what is above it and drops it.
        self.publisher.client.max_inflight_messages_set(WINDOW)
        self.accepted = []
        self.attempts = collections.defaultdict(list)  # Of each message id, as workers got them: (payload, attempt).

    def publish(self, count):
        """Returns when the broker has accepted them."""
        payloads = [f"{len(self.accepted) + i}".encode() for i in range(count)]
        self.publisher.publish_all([("in", payload) for payload in payloads], qos=self.qos)
        self.accepted += payloads

    def work(self):
        return self.world.answering_worker(self.gateway, qos=self.qos, messages=WINDOW)

    def restart(self):
        self.gateway.restart(env={})

    def note(self, worker):
        with worker.changed:
            for delivery in worker.deliveries:
                self.attempts[delivery.message_id].append((delivery.payload, delivery.attempt))

    def answers(self):
        """(payload, message id) of every reply."""
        return [tuple(payload.split()[:2]) for payload in self.replies.payloads()]

    def expect_all_answered(self, seconds=5):
        def missing():
            return set(self.accepted) - {payload for payload, _ in self.answers()}

        wait_on(self.replies.changed, lambda: not missing(),
                lambda: f"an answer to all of {len(self.accepted)}; LOST {len(missing())}: {sorted(missing())[:10]}", seconds)

    def quiesce(self):
        """The gateway has nothing left to do, so no further repetition can come."""
        self.gateway.wait_metric("sluice_in_flight_messages", lambda n: n == 0)
        self.gateway.wait_metric("sluice_outbox_messages", lambda n: n == 0)
        self.gateway.wait_metric("sluice_journal_messages", lambda n: n == 0)
        marker = self.broker_round_trip()
        wait_on(self.replies.changed, lambda: marker in self.replies.payloads(), "the end of the replies")

    def broker_round_trip(self):
        """What was published before this has reached the subscriber when this has."""
        marker = b"marker marker 0"
        self.publisher.publish_all([("out", marker)], qos=2)
        return marker

    def check(self, workers):
        """The promise, once all is answered and still."""
        for worker in workers:
            self.note(worker)
        answers = [answer for answer in self.answers() if answer[0] != b"marker"]
        ids_of = collections.defaultdict(set)
        for message_id, attempts in self.attempts.items():
            assert len({payload for payload, _ in attempts}) == 1, f"{message_id} named two messages: {attempts}"
            ids_of[attempts[0][0]].add(message_id)
        # Every message a worker ever had is answered under the id it had then: no attempt got another one.
        assert set(self.attempts) == {message_id.decode() for _, message_id in answers}
        again = {payload: ids for payload, ids in ids_of.items() if len(ids) > 1}
        if self.qos == 2:
            assert not again, "a message of QoS 2 was taken for two"
        # The broker sends again what it saw no acknowledgement of: a window's worth of new ids at most. To a gateway that
        # is held up mosquitto 2.0.11 sends more than its window; all of that stands in the journal then.
        held = max(event["messages"] for event in self.gateway.events("journal opened"))
        assert sum(len(ids) - 1 for ids in again.values()) <= max(WINDOW, held)
        # And the gateway publishes again what it saw no confirmation of.
        repeated = len(answers) - len(set(answers))
        assert repeated <= WINDOW, f"{repeated} replies came again"


@cells
@pytest.mark.parametrize("point", POINTS)
def test_a_gateway_killed_at_any_point_loses_nothing(world, point, protocol, qos):
    site = Site(world, protocol, qos, failpoint=f"{point}:3")
    first = site.work()

    # A few at a time, so that the path is busy at every step; each point is passed with every few messages.
    def killed():
        site.publish(WINDOW // 2)
        return not site.gateway.process.running()

    wait_until(killed, f"the gateway dies at {point}", 30)
    assert site.gateway.process.wait() == -9
    site.publish(WINDOW * 2)  # While it is away.
    site.restart()
    second = site.work()
    site.publish(WINDOW)

    site.expect_all_answered()
    site.quiesce()
    site.check([first, second])


@cells
def test_a_gateway_killed_while_workers_hold_messages_delivers_them_again(world, protocol, qos):
    """dispatch.delivered: the worker has them, and nothing is settled."""
    site = Site(world, protocol, qos)
    holder = world.raw_worker(site.gateway)
    holder.hello("c", messages=WINDOW // 2)
    site.publish(WINDOW * 2)
    held = holder.expect_deliveries(WINDOW // 2)
    site.gateway.wait_metric("sluice_journal_messages", lambda n: n == WINDOW * 2)

    site.gateway.kill()
    site.restart()
    heir = site.work()

    site.expect_all_answered()
    site.quiesce()
    heirs = {delivery.message_id: delivery for delivery in heir.deliveries}
    assert all(delivery.message_id in heirs and heirs[delivery.message_id].payload == delivery.payload for delivery in held)
    site.check([holder, heir])


@cells
def test_a_gateway_killed_twice_in_a_row_loses_nothing(world, protocol, qos):
    """Recovery itself is no special case: the second kill comes in the middle of it."""
    site = Site(world, protocol, qos)
    site.publish(WINDOW * 5)
    site.gateway.wait_metric("sluice_journal_messages", lambda n: n == WINDOW * 5)
    site.gateway.kill()
    site.gateway.restart(env={"SLUICE_FAILPOINT": "journal.settle.after:2"}, ready=False)
    first = site.work()
    wait_until(lambda: not site.gateway.process.running(), "the gateway dies while it recovers", 30)
    site.restart()
    second = site.work()

    site.expect_all_answered()
    site.quiesce()
    site.check([first, second])


@pytest.mark.skipif(os.environ.get("SLUICE_QOS", "2") != "2", reason="about QoS 2 only")
@pytest.mark.parametrize("protocol", sorted({protocol for protocol, _ in CELLS}))
def test_a_publish_of_qos_2_that_was_received_before_the_kill_makes_no_second_delivery(world, protocol):
    """The broker has not seen the PUBREC, so it sends the message again, DUP set, to a gateway that was restarted."""
    site = Site(world, protocol, 2, proxied=True)
    site.proxy.stall("up")  # What the gateway says, PUBREC first of all, does not arrive.
    publishing = threading.Thread(target=site.publish, args=(WINDOW,))
    publishing.start()
    site.gateway.wait_metric("sluice_journal_messages", lambda n: n == WINDOW)
    publishing.join()
    site.gateway.kill()
    site.proxy.cut()
    site.proxy.resume()
    received = site.gateway.metric  # Of the process to come.

    site.restart()
    worker = site.work()
    site.expect_all_answered()
    site.publish(1)  # In the broker's order: behind everything that it sends again.
    site.expect_all_answered()
    site.quiesce()

    assert len(worker.deliveries) == WINDOW + 1
    assert received("sluice_messages_received_total", qos="2") <= WINDOW + 1
    site.check([worker])
