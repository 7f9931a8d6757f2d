"""Messages that kill the gateway: after a few starts it stays up, all others are answered, and the culprit is named."""
import base64
import json

from harness.ctl import Ctl
from harness.gateway import config_for
from harness.wait import wait_until

INNOCENT = [f"{i}".encode() for i in range(40)]
POISON = b"poison"


def settle_in(world, when):
    """A gateway with all of them in its journal, before it has touched one."""
    broker = world.broker()
    gateway = world.gateway_with(config_for(broker, {"in": "c"}), binary="sluice-gateway-failpoints",
                                 env={"SLUICE_POISON": f"{when}:{POISON.decode()}"})
    world.client(broker).publish_all([("in", payload) for payload in [*INNOCENT[:20], POISON, *INNOCENT[20:]]])
    gateway.wait_metric("sluice_journal_messages", lambda messages: messages == len(INNOCENT) + 1)
    return broker, gateway


def start(gateway):
    """False: it was killed before it served."""
    try:
        gateway.restart(ready=False)
    except AssertionError:
        if gateway.process.running():
            raise
        gateway.starts = len(gateway.events("serving"))
    return gateway.process.running()


def deaths(world, gateway, until, most=12):
    """Starts it again and again, with a worker, until `until`; how often it was killed."""
    for _ in range(most):
        if gateway.process.running() or start(gateway):
            try:
                # At once, or not at all: nobody listens any more once it has been killed.
                world.answering_worker(gateway, topic="out", wait_for_ready=False)
            except AssertionError:
                gateway.process.wait()  # Its death ended the stream.
        wait_until(lambda: not gateway.process.running() or until(), "its death, or that all is done", 20)
        if gateway.process.running():
            return len(gateway.events("sluice-gateway starts")) - 1  # The first death may come before the first look.
        gateway.process.wait()
    raise AssertionError(f"it was killed {most} times")


def answered(replies):
    return {payload.split()[0] for payload in replies.payloads()}


def kept(gateway):
    """The payloads of its dead letters."""
    return {base64.b64decode(json.loads(line)["payload"]) for line in Ctl(gateway)("dlq", "export", "-").splitlines()}


def test_a_message_that_kills_the_gateway_when_it_is_delivered_becomes_a_dead_letter(world):
    broker, gateway = settle_in(world, "delivered")
    replies = world.subscriber(broker, "out")

    killed = deaths(world, gateway, lambda: gateway.metric("sluice_dead_letters_kept") == 1
                    and gateway.metric("sluice_journal_messages") == 0)

    assert 3 <= killed <= 5
    wait_until(lambda: answered(replies) == set(INNOCENT), "all innocents are answered")
    [letter] = Ctl(gateway).letters()
    assert "killed or crashed" in letter["reason"]


def test_a_message_that_kills_the_gateway_when_it_is_read_is_left_out(world):
    broker, gateway = settle_in(world, "read")
    gateway.kill()
    replies = world.subscriber(broker, "out")

    killed = deaths(world, gateway, lambda: gateway.metric("sluice_journal_messages") == 1)

    assert killed <= 5
    wait_until(lambda: answered(replies) == set(INNOCENT), "all innocents are answered")
    assert gateway.events("a message stays in the journal: the gateway has ended each time it read it")
    # And so over a restart.
    assert gateway.stop() == 0
    gateway.restart()
    assert gateway.metric("sluice_journal_messages") == 1


def test_a_message_that_kills_the_gateway_before_it_is_journaled_becomes_a_dead_letter(world):
    broker = world.broker()
    gateway = world.gateway_with(config_for(broker, {"in": "c"}), binary="sluice-gateway-failpoints",
                                 env={"SLUICE_POISON": f"taken:{POISON.decode()}"})
    replies = world.subscriber(broker, "out")
    world.client(broker).publish_all([("in", payload) for payload in [*INNOCENT[:20], POISON, *INNOCENT[20:]]])

    killed = deaths(world, gateway, lambda: gateway.metric("sluice_dead_letters_kept") == 1
                    and gateway.metric("sluice_journal_messages") == 0 and answered(replies) == set(INNOCENT))

    # The first time nobody knows which it was; and it may have been before the first restart.
    assert 2 <= killed <= 3
    [letter] = Ctl(gateway).letters()
    assert letter["reason"] == ("undeliverable: the gateway was killed or crashed 3 times in a row as it took this "
                                "message in")
    assert gateway.metric("sluice_left_out_after_crashes_total", part="intake") == 1


def test_a_message_that_cannot_even_be_kept_is_said_and_got_past(world):
    broker = world.broker()
    gateway = world.gateway_with(config_for(broker, {"in": "c"}), binary="sluice-gateway-failpoints",
                                 env={"SLUICE_POISON": f"appended:{POISON.decode()}"})
    replies = world.subscriber(broker, "out")
    world.client(broker).publish_all([("in", payload) for payload in [*INNOCENT[:20], POISON, *INNOCENT[20:]]])

    killed = deaths(world, gateway, lambda: answered(replies) == set(INNOCENT))

    assert 3 <= killed <= 4
    [event] = gateway.events("a message is acknowledged and not kept: the gateway has ended each time it took it in")
    assert event["topic"] == "in"


def test_a_reply_that_kills_the_gateway_when_it_is_published_stays_in_the_journal(world):
    broker = world.broker()
    gateway = world.gateway_with(config_for(broker, {"in": "c"}), binary="sluice-gateway-failpoints",
                                 env={"SLUICE_POISON": f"published:{POISON.decode()}"})
    replies = world.subscriber(broker, "out")
    world.client(broker).publish_all([("in", payload) for payload in [*INNOCENT[:20], POISON, *INNOCENT[20:]]])

    # Its words too: the innocents may be through before the last death.
    given_up = "a reply stays in the journal: the gateway has ended each time it published it"
    killed = deaths(world, gateway, lambda: answered(replies) == set(INNOCENT) and gateway.events(given_up))

    assert 3 <= killed <= 4
    assert gateway.metric("sluice_journal_messages") == 0


def test_a_dead_letter_that_kills_the_gateway_when_it_is_written_stays_in_the_journal(world):
    broker = world.broker()
    # No route takes them, so they are dead letters at once.
    gateway = world.gateway_with(config_for(broker, [{"id": "r", "connection": "plant", "from": {"path": "in", "qos": 1},
                                                      "to": {"path": "chain:${metadata.no}"}}]),
                                 binary="sluice-gateway-failpoints", env={"SLUICE_POISON": f"kept:{POISON.decode()}"})
    world.client(broker).publish_all([("in", payload) for payload in [*INNOCENT[:20], POISON, *INNOCENT[20:]]])

    given_up = "a dead letter stays in the journal: the gateway has ended each time it wrote it to the database"
    killed = deaths(world, gateway, lambda: gateway.metric("sluice_dead_letters_kept") >= len(INNOCENT) and gateway.events(given_up))

    assert 3 <= killed <= 4
    # Those that a kill kept from being acknowledged came twice.
    wait_until(lambda: kept(gateway) == set(INNOCENT), "all innocents are kept")


def test_a_kill_with_a_message_in_a_workers_hands_counts_as_an_attempt(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    world.client(broker).publish("in", b"x", qos=1).wait_for_publish(10)
    for attempt in range(1, 4):
        worker = world.raw_worker(gateway)
        worker.hello("c")
        [delivery] = worker.expect_deliveries(1)
        assert delivery.attempt == attempt
        gateway.kill()
        worker.close()
        gateway.restart()


def test_an_end_that_was_asked_for_is_no_attempt(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, shutdown={"drain": "100ms"})
    world.client(broker).publish("in", b"x", qos=1).wait_for_publish(10)
    for _ in range(3):
        worker = world.raw_worker(gateway)
        worker.hello("c")
        [delivery] = worker.expect_deliveries(1)
        assert delivery.attempt == 1
        gateway.stop()
        worker.close()
        gateway.restart()
