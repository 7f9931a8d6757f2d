"""What a gateway holds in memory, whatever brokers and workers send."""
import re
import time

import pytest
from sluice.v1 import worker_pb2 as pb

from harness.ctl import Ctl

MIB = 1 << 20
PROCESS = 60 * MIB  # docs/operations.md.
# Allocator, gRPC's and TCP's buffers.
SLACK = 1.2


def memory(gateway, kind="VmHWM"):
    """In bytes. VmHWM: the most there ever was; VmRSS: now."""
    with open(f"/proc/{gateway.process.pid}/status", encoding="ascii") as status:
        return int(re.search(rf"^{kind}:\s+(\d+) kB", status.read(), re.MULTILINE)[1]) * 1024


def test_a_worker_that_replies_without_end_to_a_frozen_broker_fills_no_memory(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, connection={"keepAlive": "600s"},
                            chains={"c": {"lease": "2s", "maxAttempts": 1}},
                            replies={"maxOutstandingMessages": 10_000, "maxOutstandingBytes": "64MiB"})
    worker = world.raw_worker(gateway)
    worker.hello("c")
    world.client(broker).publish("in", b"question", qos=1)
    [delivery] = worker.expect_deliveries(1)
    broker.freeze()

    # 40,000 replies, 800 MB, of one delivery and ahead of its settle.
    reply = pb.Reply(delivery_id=delivery.delivery_id, topic="out", qos=1, payload=bytes(20_000))
    frame = pb.WorkerFrame(replies=[reply] * 100).SerializeToString()
    for _ in range(400):
        worker.send_garbage(frame)
    worker.settle(delivery)

    held = 64 * MIB
    gateway.wait_metric("sluice_outbox_messages", lambda count: count > held / 21_000, seconds=60)
    # Nothing more is read, and as nobody hears the worker its lease stands still.
    before = gateway.metric("sluice_outbox_messages")
    time.sleep(4)  # Twice the lease.
    assert gateway.metric("sluice_outbox_messages") == before
    assert before * 20_000 < held + 3 * MIB
    assert Ctl(gateway).letters() == []
    most = memory(gateway)
    assert most < (PROCESS + held + 3 * MIB) * SLACK, f"{most / MIB:.0f} MiB"

    broker.thaw()
    gateway.wait_metric("sluice_replies_total", lambda count: count == 40_000, seconds=120, outcome="ok")
    gateway.wait_metric("sluice_journal_messages", lambda count: count == 0)
    assert memory(gateway) < (PROCESS + held + 3 * MIB) * SLACK


def test_a_start_with_more_replies_than_the_outbox_may_hold_reads_them_as_there_is_room(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, replies={"maxOutstandingBytes": "128MiB"})
    worker = world.raw_worker(gateway)
    worker.hello("c")
    world.client(broker).publish("in", b"question", qos=1)
    [delivery] = worker.expect_deliveries(1)
    broker.freeze()
    for _ in range(120):
        worker.send(replies=[pb.Reply(delivery_id=delivery.delivery_id, topic="out", qos=1, payload=bytes(MIB))])
    gateway.wait_metric("sluice_outbox_messages", lambda count: count >= 110, seconds=60)
    gateway.kill()
    gateway.change_config(lambda config: config["replies"].update(maxOutstandingBytes="16MiB"))
    gateway.restart(ready=False)

    gateway.wait_metric("sluice_outbox_messages", lambda count: count >= 15)
    most = memory(gateway)
    assert most < (PROCESS + (16 + 4) * MIB) * SLACK, f"{most / MIB:.0f} MiB"
    broker.thaw()
    gateway.wait_metric("sluice_outbox_messages", lambda count: count == 0, seconds=60)


@pytest.mark.parametrize("largest", [None, "256MiB"], ids=["default", "raised"])
def test_two_messages_of_250_mb_are_within_what_the_limit_of_the_packet_says(world, largest):
    """By default the broker does not send them; who raises the limit has them in memory up to three times, one by one."""
    broker = world.broker()
    options = {"maxPacketBytes": largest} if largest else {}
    gateway = world.gateway(broker, {"in": "c"}, connection=options, workers={"maxFrameBytes": "260MiB"} if largest else {})
    publisher = world.client(broker)
    size = 250_000_000
    publisher.publish("in", bytes(size), qos=1)
    publisher.publish("in", bytes(size), qos=1)
    publisher.publish("in", b"after", qos=1)

    # The default: a packet of 32 MiB three times. Raised: three times a packet, and the other one in the queue.
    bound = PROCESS + (4 * 256 * MIB if largest else 3 * 32 * MIB)
    gateway.wait_metric("sluice_journal_messages", lambda count: count == (3 if largest else 1), seconds=60)
    most = memory(gateway)
    assert most < bound * SLACK, f"{most / MIB:.0f} MiB"
    gateway.kill()
    gateway.restart()
    worker = world.raw_worker(gateway)
    worker.hello("c", messages=1)
    for expected in ([size, size, 5] if largest else [5]):
        [delivery] = worker.expect_deliveries(1, seconds=60)
        assert len(delivery.payload) == expected
        worker.settle(delivery)
    most = memory(gateway)
    assert most < bound * SLACK, f"{most / MIB:.0f} MiB"
