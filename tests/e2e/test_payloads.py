"""Sizes: nothing, much, the limit, and more than that."""
import os

import pytest
from sluice.v1 import worker_pb2 as pb

MIB = 1 << 20


@pytest.mark.parametrize("size", [0, 1, MIB, 16 * MIB])
def test_a_payload_of_any_size_comes_back_as_it_was(world, size):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "echo"})
    world.echo_worker(gateway, reply_topic="out", reply_qos=1)
    replies = world.subscriber(broker, "out")
    payload = os.urandom(size)

    world.client(broker).publish("in", payload)

    [message] = replies.expect(1, seconds=30)
    assert message.payload == payload


def test_a_message_up_to_the_packet_limit_arrives_and_a_larger_one_harms_nothing(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "echo"}, connection={"maxPacketBytes": "1MiB"})
    world.echo_worker(gateway, reply_topic="out")
    replies = world.subscriber(broker, "out")
    largest = os.urandom(MIB - 32)  # Less the packet's header, topic and properties.
    publisher = world.client(broker)

    publisher.publish_all([("in", largest), ("in", os.urandom(MIB + 1)), ("in", b"after")])

    replies.expect_payloads([largest, b"after"])
    assert len(replies.payloads()) == 2


def test_a_reply_up_to_the_limit_is_published_and_a_larger_one_is_too_large(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, replies={"maxPayloadBytes": "1MiB"})
    worker = world.raw_worker(gateway)
    worker.hello("c")
    replies = world.subscriber(broker, "out")
    world.client(broker).publish("in", b"")
    [delivery] = worker.expect_deliveries(1)

    worker.reply(delivery, topic="out", qos=1, payload=bytes(MIB), reply_id=1)
    worker.reply(delivery, topic="out", qos=1, payload=bytes(MIB + 1), reply_id=2)
    worker.reply(delivery, topic="out", qos=1, payload=b"after", reply_id=3)

    codes = {result.reply_id: result.code for result in worker.expect_results(3)}
    assert codes == {1: pb.Result.CODE_OK, 2: pb.Result.CODE_TOO_LARGE, 3: pb.Result.CODE_OK}
    assert [len(message.payload) for message in replies.expect(2)] == [MIB, 5]


def test_a_reply_larger_than_the_broker_takes_is_too_large_and_the_connection_lives(world):
    broker = world.broker(options=["max_packet_size 10000"])
    gateway = world.gateway(broker, {"in": "c"})
    worker = world.raw_worker(gateway)
    worker.hello("c")
    replies = world.subscriber(broker, "out")
    world.client(broker).publish("in", b"")
    [delivery] = worker.expect_deliveries(1)

    worker.reply(delivery, topic="out", qos=1, payload=bytes(20_000), reply_id=1)
    worker.reply(delivery, topic="out", qos=1, payload=b"after", reply_id=2)

    codes = {result.reply_id: result.code for result in worker.expect_results(2)}
    assert codes == {1: pb.Result.CODE_TOO_LARGE, 2: pb.Result.CODE_OK}
    assert replies.expect(1)[0].payload == b"after"


def test_a_message_larger_than_the_window_is_let_through_alone(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    worker = world.raw_worker(gateway)
    worker.hello("c", messages=10, bytes_=100)
    world.client(broker).publish_all([("in", bytes(1000)), ("in", b"small")])

    [large] = worker.expect_deliveries(1)
    assert len(large.payload) == 1000
    assert worker.alive() and len(worker.deliveries) == 1, "nothing beside it"
    worker.settle(large)
    assert worker.expect_deliveries(1)[0].payload == b"small"
