"""Workers of several languages on one chain."""
import json
import sys

import pytest

from harness.process import BIN, SOURCE, Process


def test_a_python_and_a_cpp_worker_share_the_load_of_one_chain(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"plant/+/temp": "temperature"})
    common = ["--gateway", gateway.workers, "--chain", "temperature", "--window", "10"]
    # The limit that an answer names tells who gave it.
    world.process(lambda folder: Process(
        "python-worker", [sys.executable, "-B", SOURCE / "client" / "python" / "examples" / "worker.py", *common,
                          "--limit", "50"], folder))
    world.process(lambda folder: Process("cpp-worker", [BIN / "sluice-temperature-alarm", *common, "--limit", "80"], folder))
    gateway.wait_metric("sluice_worker_streams", lambda streams: streams == 2)
    replies = world.subscriber(broker, "plant/+/reply/alarm")

    count = 500
    world.client(broker).publish_all([
        (f"plant/sensor{i}/temp", json.dumps({"sensor": f"sensor{i}", "celsius": i})) for i in range(count)])

    verdicts = [json.loads(message.payload) for message in replies.expect(count, seconds=30)]
    assert {verdict["sensor"] for verdict in verdicts} == {f"sensor{i}" for i in range(count)}
    assert all(verdict["alarm"] == (verdict["celsius"] > verdict["limit"]) for verdict in verdicts)
    by_limit = [sum(verdict["limit"] == limit for verdict in verdicts) for limit in (50, 80)]
    assert sum(by_limit) == count
    assert min(by_limit) >= 10, f"both do their share: {by_limit}"


def test_what_is_no_reading_becomes_a_dead_letter_in_either_language(world):
    for name, program in (("python", [sys.executable, "-B", SOURCE / "client" / "python" / "examples" / "worker.py"]),
                          ("cpp", [BIN / "sluice-temperature-alarm"])):
        broker = world.broker()
        gateway = world.gateway(broker, {"plant/+/temp": "temperature"},
                                chains={"temperature": {"deadLetterTopic": f"dead/{name}"}})
        world.process(lambda folder: Process(
            name, [*program, "--gateway", gateway.workers, "--chain", "temperature"], folder))
        dead = world.subscriber(broker, "dead/#")
        world.client(broker).publish("plant/x/temp", b"no json")
        [letter] = dead.expect(1)
        assert letter.payload == b"no json"
        assert dict(letter.properties.UserProperty)["sluice-topic"] == "plant/x/temp"


@pytest.mark.parametrize("language", ["go", "python", "node", "java", "rust"])
def test_the_temperature_alarm_of_each_sdk_answers_and_takes_its_leave(world, language):
    if not (SOURCE / "build" / "client" / language).is_dir():
        pytest.skip(f"client/{language}/dev build has not run here, or its toolchain is missing")
    broker = world.broker()
    gateway = world.gateway(broker, {"plant/+/temp": "temperature"}, chains={"temperature": {"deadLetterTopic": "dead"}})
    worker = world.process(lambda folder: Process(
        language, [SOURCE / "client" / language / "dev", "example", "--gateway", gateway.workers, "--chain", "temperature",
                   "--limit", "50"], folder))
    gateway.wait_metric("sluice_worker_streams", lambda streams: streams == 1)
    replies = world.subscriber(broker, "plant/+/reply/alarm")
    dead = world.subscriber(broker, "dead")

    client = world.client(broker)
    client.publish_all([(f"plant/s{i}/temp", json.dumps({"sensor": f"s{i}", "celsius": i})) for i in range(100)])
    client.publish("plant/x/temp", b"no reading")

    verdicts = sorted((json.loads(message.payload) for message in replies.expect(100, seconds=30)), key=lambda verdict: verdict["celsius"])
    assert verdicts == [{"sensor": f"s{i}", "celsius": i, "alarm": i > 50, "limit": 50} for i in range(100)]
    [letter] = dead.expect(1)
    assert letter.payload == b"no reading"
    assert worker.stop() == 0
    gateway.wait_metric("sluice_worker_streams", lambda streams: streams == 0)
