"""What a gateway holds in memory, whatever brokers and workers send."""
import re
import time

from sluice.v1 import worker_pb2 as pb

from harness.ctl import Ctl

MIB = 1 << 20
PROCESS = 64 * MIB  # docs/operations.md.
# Allocator, gRPC's and TCP's buffers.
SLACK = 1.2


def memory(gateway, kind="VmHWM"):
    """In bytes. VmHWM: the most there ever was; VmRSS: now."""
    with open(f"/proc/{gateway.process.pid}/status", encoding="ascii") as status:
        return int(re.search(rf"^{kind}:\s+(\d+) kB", status.read(), re.MULTILINE)[1]) * 1024


def test_a_worker_that_replies_without_end_to_a_frozen_broker_fills_no_memory(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, connection={"keepAlive": "600s"},
                            chains={"c": {"lease": "10s", "maxAttempts": 1}},
                            replies={"maxOutstandingMessages": 10_000, "maxOutstandingBytes": "16MiB"})
    worker = world.raw_worker(gateway)
    worker.hello("c")
    world.client(broker).publish("in", b"question", qos=1)
    [delivery] = worker.expect_deliveries(1)
    broker.freeze()

    # 8,000 replies, 160 MB, of one delivery and ahead of its settle.
    reply = pb.Reply(delivery_id=delivery.delivery_id, topic="out", qos=1, payload=bytes(20_000))
    frame = pb.WorkerFrame(replies=[reply] * 100).SerializeToString()
    for _ in range(80):
        worker.send_garbage(frame)
    worker.settle(delivery)

    held = 16 * MIB
    gateway.wait_metric("sluice_outbox_messages", lambda count: count >= held / (20_000 + 512 + 3), seconds=60)
    # Nothing more is read, and as nobody hears the worker its lease stands still.
    before = gateway.metric("sluice_outbox_messages")
    time.sleep(11)  # Longer than the lease.
    assert gateway.metric("sluice_outbox_messages") == before
    assert before * 20_000 < held + 3 * MIB
    assert Ctl(gateway).letters() == []
    most = memory(gateway)
    assert most < (PROCESS + held + 8 * MIB) * SLACK, f"{most / MIB:.0f} MiB"

    broker.thaw()
    gateway.wait_metric("sluice_replies_total", lambda count: count == 8_000, seconds=60, outcome="ok")
    gateway.wait_metric("sluice_journal_messages", lambda count: count == 0)
    # Now frames are read as fast as they come: what workers have just sent (docs/operations.md).
    assert memory(gateway) < (PROCESS + held + 80 * MIB) * SLACK


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


def test_messages_larger_than_a_packet_may_be_are_not_sent_to_the_gateway(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    publisher = world.client(broker)
    for payload in (bytes(64 * MIB), bytes(64 * MIB), b"after"):
        publisher.publish("in", payload, qos=1)

    gateway.wait_metric("sluice_journal_messages", lambda count: count == 1, seconds=60)

    most = memory(gateway)
    assert most < PROCESS * SLACK, f"{most / MIB:.0f} MiB"
