"""More messages than the queue holds: they wait on disk, over a kill too, and come in their order."""
from harness.wait import wait_until

QUEUE = 50
SMALL_QUEUE = {"chains": {"c": {"queue": {"maxMessages": QUEUE}}}}
PAGE = 512  # What is read back at once (server/backlog).


def numbered(begin, end):
    return [f"{i}".encode() for i in range(begin, end)]


def publish(world, broker, payloads):
    world.client(broker).publish_all([("in", payload) for payload in payloads], qos=1)


def payloads_of(deliveries):
    return [delivery.payload for delivery in deliveries]


def test_what_a_full_queue_does_not_take_waits_on_disk_and_comes_in_order(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, **SMALL_QUEUE)
    publish(world, broker, numbered(0, 1000))
    gateway.wait_metric("sluice_backlog_messages", lambda value: value == 1000, chain="c")
    gateway.wait_metric("sluice_on_disk_messages", lambda value: value >= 1000 - QUEUE - PAGE, chain="c")
    assert gateway.ready(), "the broker goes on sending"

    worker = world.raw_worker(gateway)
    worker.hello("c", messages=10_000)
    assert payloads_of(worker.expect_deliveries(1000)) == numbered(0, 1000)
    assert gateway.metric("sluice_on_disk_messages", chain="c") == 0


def test_after_a_kill_the_journals_messages_come_first_and_in_order(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, **SMALL_QUEUE)
    publish(world, broker, numbered(0, 1000))
    gateway.wait_metric("sluice_backlog_messages", lambda value: value == 1000, chain="c")
    gateway.kill()
    publish(world, broker, numbered(1000, 1100))
    gateway.restart()
    gateway.wait_metric("sluice_journal_messages", lambda value: value == 1100)

    worker = world.raw_worker(gateway)
    worker.hello("c", messages=10_000)
    deliveries = worker.expect_deliveries(1100)
    assert payloads_of(deliveries) == numbered(0, 1100)
    worker.settle(*deliveries)
    gateway.wait_metric("sluice_journal_messages", lambda value: value == 0)


def test_without_a_worker_the_end_does_not_wait_for_the_drain(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, shutdown={"drain": "10m"})
    publish(world, broker, numbered(0, 10))
    gateway.wait_metric("sluice_journal_messages", lambda value: value == 10)
    assert gateway.stop() == 0, "nothing is lost"
    drained = gateway.events("drained: the journal keeps what is left for the next start")
    assert drained and drained[0]["unsettled_messages"] == 10

    gateway.restart()
    worker = world.raw_worker(gateway)
    worker.hello("c", messages=100)
    assert payloads_of(worker.expect_deliveries(10)) == numbered(0, 10)


def test_a_message_whose_route_is_gone_is_still_delivered(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c", "other": "d"})
    publish(world, broker, numbered(0, 3))
    gateway.wait_metric("sluice_journal_messages", lambda value: value == 3)
    gateway.kill()
    gateway.change_config(lambda config: config["routes"].pop(0))
    gateway.restart()
    worker = world.raw_worker(gateway)
    worker.hello("c", messages=100)
    replies = world.subscriber(broker, "reply")
    worker.answer(*worker.expect_deliveries(3))
    replies.expect(3)
    wait_until(lambda: gateway.metric("sluice_journal_messages") == 0, "the journal is empty")
