"""What a gateway holds in memory, whatever brokers and workers send."""
import itertools
import re
import socket
import time

from sluice.v1 import worker_pb2 as pb

from harness.ctl import Ctl
from harness.wait import wait_until

MIB = 1 << 20
PROCESS = 64 * MIB  # docs/operations.md.
# The allocator's.
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

    # Frames until the outbox is full, and then a quarter more.
    held, frame_bytes = 16 * MIB, 100 * (20_000 + 512 + 3)
    frames = -(-held // frame_bytes) + -(-held // 4 // frame_bytes)
    gateway.wait_metric("sluice_outbox_messages", lambda count: count >= 100 * frames, seconds=60)
    # Nothing more is read, and as nobody hears the worker its lease stands still.
    before = gateway.metric("sluice_outbox_messages")
    time.sleep(11)  # Longer than the lease.
    assert gateway.metric("sluice_outbox_messages") == before
    assert before == 100 * frames
    assert Ctl(gateway).letters() == []
    most = memory(gateway)
    assert most < (PROCESS + held * 5 // 4 + 8 * MIB) * SLACK, f"{most / MIB:.0f} MiB"

    broker.thaw()
    gateway.wait_metric("sluice_replies_total", lambda count: count == 8_000, seconds=60, outcome="ok")
    gateway.wait_metric("sluice_journal_messages", lambda count: count == 0)
    # Now frames are read as fast as they come.
    most = memory(gateway)
    assert most < (PROCESS + held * 5 // 4 + 8 * MIB) * SLACK, f"{most / MIB:.0f} MiB"


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


def largest_messages_and_restarts(world, gateway, broker, size, count):
    """Messages of `size` come in, wait over two kills, and go to a worker, which is handed them one by one."""
    publisher = world.client(broker)
    for _ in range(count):
        publisher.publish("in", bytes(size), qos=1)
    gateway.wait_metric("sluice_journal_messages", lambda waiting: waiting == count, seconds=60)
    peaks = [memory(gateway)]
    for _ in range(2):
        gateway.kill()
        gateway.restart()
        peaks.append(memory(gateway))
    worker = world.raw_worker(gateway)
    worker.hello("c")
    # More than `count` where a kill came before the broker saw the acknowledgement.
    for settled in itertools.count():
        gateway.wait_metric("sluice_settled_total", lambda total, settled=settled: total == settled)
        wait_until(lambda: gateway.metric("sluice_in_flight_messages") or not gateway.metric("sluice_journal_messages"), "the next one is delivered")
        if not gateway.metric("sluice_journal_messages"):
            break
        worker.settle(*worker.expect_deliveries(1, seconds=60))
    return [*peaks, memory(gateway)]


def test_the_largest_messages_and_restarts_fit_the_charts_limit_as_an_address_space(world):
    """The defaults in the gibibyte of the chart, which here bounds even what is only reserved (stacks, arenas)."""
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, address_space=1024 * MIB)
    peaks = largest_messages_and_restarts(world, gateway, broker, 31 * MIB, 8)

    # Three times the packet, a queue, a window.
    assert max(peaks) < (PROCESS + (3 * 32 + 64 + 64) * MIB) * SLACK, [f"{peak / MIB:.0f} MiB" for peak in peaks]


def test_messages_larger_than_a_queue_and_a_window_fit_the_documented_sum(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, connection={"maxPacketBytes": "80MiB"}, workers={"maxFrameBytes": "82MiB"},
                            chains={"c": {"lease": "300s"}})
    peaks = largest_messages_and_restarts(world, gateway, broker, 78 * MIB, 2)

    # A message that is larger alone counts as a queue, and as a window.
    assert max(peaks) < (PROCESS + (3 * 80 + 78 + 78) * MIB) * SLACK, [f"{peak / MIB:.0f} MiB" for peak in peaks]


def properties_bomb(topic, count):
    """A PUBLISH of QoS 1 with so many empty user properties, five bytes each."""
    properties = b"\x26\x00\x00\x00\x00" * count
    body = len(topic).to_bytes(2, "big") + topic + b"\x00\x01" + variable(len(properties)) + properties + b"bomb"
    return b"\x32" + variable(len(body)) + body


def variable(number):
    digits = b""
    while True:
        number, digit = divmod(number, 128)
        digits += bytes([digit | (128 if number else 0)])
        if not number:
            return digits


def test_a_message_of_a_million_empty_properties_is_passed_over(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    with socket.create_connection(("127.0.0.1", broker.port)) as device:
        device.sendall(b"\x10\x11\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x04bomb")
        assert device.recv(100)[0] == 0x20
        device.sendall(properties_bomb(b"in", 1_000_000))
        assert device.recv(100)[0] == 0x40
    world.client(broker).publish("in", b"after", qos=1)

    gateway.wait_metric("sluice_journal_messages", lambda count: count == 1, seconds=30)
    [letter] = wait_until(lambda: Ctl(gateway).letters(), "it stands in the dead letters")
    assert "has more than 1000 user properties" in letter["reason"]
    most = memory(gateway)
    # The packet, and what of it is written to the journal and the database.
    assert most < (PROCESS + 4 * 5 * MIB) * SLACK, f"{most / MIB:.0f} MiB"


def test_a_reply_of_many_empty_properties_is_refused(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    worker = world.raw_worker(gateway)
    worker.hello("c")
    world.client(broker).publish("in", b"question", qos=1)
    [delivery] = worker.expect_deliveries(1)

    for reply_id in range(1, 21):
        worker.send(replies=[pb.Reply(delivery_id=delivery.delivery_id, reply_id=reply_id, topic="out", qos=1,
                                      user_properties=[pb.UserProperty()] * 99_000)])
    worker.settle(delivery)

    results = worker.expect_results(20, seconds=30)
    assert {result.code for result in results} == {pb.Result.CODE_INVALID}
    assert "more than 1000 user properties" in results[0].message
    most = memory(gateway)
    assert most < (PROCESS + 64 * MIB) * SLACK, f"{most / MIB:.0f} MiB"
    # More of them in one frame are no frame.
    worker.send(replies=[pb.Reply(topic="out", user_properties=[pb.UserProperty()] * 2_000_000)])
    assert "100000" in worker.expect_end(seconds=30)[1]
    assert memory(gateway) < (PROCESS + 64 * MIB) * SLACK
