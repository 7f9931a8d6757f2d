"""A gateway whose configuration changes while messages flow."""
import hashlib
import signal
import threading
import time

import yaml
from sluice.v1 import worker_pb2 as pb

from harness.wait import TIME_FACTOR, wait_until
from harness.worker import RawWorker


def route(name, path, chain, **more):
    return {"id": name, "connection": "plant", "from": {"path": path, "qos": 1}, "to": {"path": chain}, **more}


def write(gateway, change):
    """Changes the file, as an editor that renames does. Returns what it says now."""
    config = yaml.safe_load(gateway.config_path.read_text())
    change(config)
    text = yaml.safe_dump(config, allow_unicode=True)
    beside = gateway.config_path.with_suffix(".new")
    beside.write_text(text)
    beside.rename(gateway.config_path)
    return text


def version(text):
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def runs(gateway, text):
    return f"configuration: {version(text)}," in gateway.readiness()


def reload(gateway, change):
    """Changes the file, says SIGHUP, and waits until it runs."""
    text = write(gateway, change)
    gateway.process.signal(signal.SIGHUP)
    wait_until(lambda: runs(gateway, text), lambda: f"version {version(text)} runs: {gateway.readiness()}")


def refusals(gateway):
    return gateway.events("configuration not applied: nothing has changed")


def connects(gateway):
    return len(gateway.events("mqtt connected"))


class SettlingWorker(RawWorker):
    """Settles all it gets, of any of `chains`."""

    def __init__(self, _folder, gateway, *chains):
        super().__init__(gateway)
        self.firsts = {}  # Payloads of the first attempts, by topic and chain, in the order in which they came.
        self.hello(*chains)

    def took(self, deliveries):
        for delivery in deliveries:
            if delivery.attempt == 1:
                self.firsts.setdefault(delivery.topic, {}).setdefault(delivery.chain, []).append(delivery.payload)
        if deliveries:
            self.send(settles=[pb.Settle(delivery_id=delivery.delivery_id) for delivery in deliveries])

    def payloads(self, topic):
        return [payload for of_chain in self.in_order(topic) for payload in of_chain]

    def in_order(self, topic):
        """A list for each chain."""
        return list(self.firsts.get(topic, {}).values())


class Load:
    """Publishes numbers to topics, round about, at a rate, until it is stopped. QoS 1, each acknowledged by the broker."""

    def __init__(self, _folder, client, topics, per_second):
        self.client = client
        self.topics = topics
        self.sent = {topic: 0 for topic in topics}
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(1 / per_second,), daemon=True)
        self.infos = []
        self.thread.start()

    def close(self):
        self.stopping.set()
        self.thread.join()

    def _run(self, pause):
        due = time.monotonic()
        while not self.stopping.is_set():
            for topic in self.topics:
                self.infos.append(self.client.publish(topic, b"%d" % self.sent[topic]))
                self.sent[topic] += 1
                due += pause
                self.stopping.wait(max(0, due - time.monotonic()))

    def total(self):
        return sum(self.sent.values())

    def stop(self):
        self.close()
        for info in self.infos:
            info.wait_for_publish(30 * TIME_FACTOR)
            assert info.is_published(), "the broker has not taken all"


def assert_whole(worker, load, topics):
    """All came, and within a chain in order."""
    for topic in topics:
        count = load.sent[topic]
        wait_until(lambda: len(set(worker.payloads(topic))) >= count,
                   lambda: f"{count} of {topic}; there are {len(set(worker.payloads(topic)))}", 30)
        for of_chain in worker.in_order(topic):
            seen = [int(payload) for payload in dict.fromkeys(of_chain)]
            assert seen == sorted(seen), f"{topic} lost its order"
        assert set(worker.payloads(topic)) == {b"%d" % i for i in range(count)}
