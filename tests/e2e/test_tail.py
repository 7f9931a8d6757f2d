"""Messages as they pass (sluicectl tail), and a live screen (sluicectl top) on a real terminal."""
import contextlib
import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import termios
import threading
import time

from sluice.v1 import worker_pb2 as pb

from harness.ctl import Ctl
from harness.process import BIN
from harness.wait import TIME_FACTOR, wait_on, wait_until


class Tail:
    """sluicectl tail --json on a gateway, with the events that it has printed."""

    def __init__(self, gateway, *args):
        self.process = subprocess.Popen([BIN / "sluicectl", "--address", gateway.admin, "tail", "--json", *args],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.changed = threading.Condition()
        self.events = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.events.append(json.loads(line))
                self.changed.notify_all()

    def expect(self, count):
        wait_on(self.changed, lambda: len(self.events) >= count, lambda: f"{count} events: {self.events}")
        return self.events[:]

    def end(self):
        """What it said besides."""
        self.process.terminate()
        said = self.process.stderr.read()
        self.process.wait(10)
        self.reader.join(10)
        return said


@contextlib.contextmanager
def tailing(gateway, *args):
    tail = Tail(gateway, *args)
    try:
        yield tail
    finally:
        if tail.process.poll() is None:
            tail.end()


def until_it_looks(tail, publish):
    """Publishes until the tail sees something: nothing says that it has begun to look."""
    deadline = time.monotonic() + 15 * TIME_FACTOR
    while time.monotonic() < deadline:
        publish()
        with tail.changed:
            if tail.changed.wait_for(lambda: tail.events, 0.2):
                return
        assert tail.process.poll() is None, tail.process.stderr.read()
    raise AssertionError("the tail sees nothing")


def test_the_whole_path_of_a_message_passes_by(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in/#": "c"})
    client = world.client(broker)
    worker = world.answering_worker(gateway, chain="c", topic="out")
    with tailing(gateway, "--rate", "10000") as tail:
        until_it_looks(tail, lambda: client.publish_all([("in/probe", b"")], qos=1))
        client.publish_all([("in/7", b"21.5")], qos=1)
        wait_until(lambda: any(event["topic"] == "in/7" for event in tail.events), "it passes")
        message_id = next(event["message_id"] for event in tail.events if event["topic"] == "in/7")

        def steps():
            return [event for event in tail.events if event["message_id"] == message_id]

        wait_until(lambda: len(steps()) == 5, lambda: f"all of its steps: {steps()}")
    assert {event["step"] for event in steps()} == {"received", "delivered", "settled", "replied", "confirmed"}
    by_step = {event["step"]: event for event in steps()}
    assert by_step["received"]["chain"] == "c" and by_step["received"]["payload_bytes"] == 4
    assert by_step["received"]["payload"] == "", "nobody asked for payloads"
    assert by_step["delivered"]["worker"].startswith("raw/") and by_step["delivered"]["attempt"] == 1
    assert by_step["settled"]["outcome"] == "ack"
    assert by_step["replied"]["topic"] == "out" and by_step["confirmed"]["outcome"] == "ok"
    assert worker.deliveries


def test_filters_hold_in_the_gateway(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in/#": "c"})
    client = world.client(broker)
    worker = world.raw_worker(gateway)
    worker.hello("c")
    with tailing(gateway, "--topic", "in/+/temp", "--outcome", "reject", "--payload") as tail:
        def reject_one():
            client.publish_all([("in/1/temp", b"hot"), ("in/1/door", b"open")], qos=1)
            first, second = worker.expect_deliveries(2)
            worker.settle(first, second, outcome=pb.OUTCOME_REJECT, reason="no")

        until_it_looks(tail, reject_one)
        client.publish_all([("in/2/temp", b"cold")], qos=1)
        worker.settle(*worker.expect_deliveries(1))
        reject_one()
        events = tail.expect(2)
    assert {(event["topic"], event["step"], event["outcome"], event["detail"]) for event in events} == {
        ("in/1/temp", "settled", "reject", "no")}
    assert events[0]["payload"] == "aG90", "base64 of 'hot'"


def test_what_is_too_much_is_dropped_counted_and_slows_nobody(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    client = world.client(broker)
    worker = world.answering_worker(gateway, chain="c")
    with tailing(gateway, "--rate", "1", "--step", "received") as tail:
        until_it_looks(tail, lambda: client.publish_all([("in", b"")], qos=1))
        client.publish_all([("in", b"x")] * 500, qos=1)
        wait_until(lambda: len(worker.deliveries) >= 501, "all are delivered")
        gateway.wait_metric("sluice_journal_messages", lambda value: value == 0)
        assert len(tail.events) < 100
        wait_until(lambda: client.publish_all([("in", b"")], qos=1) or len(tail.events) >= 2, "it goes on")
        assert "more passed and were dropped" in tail.end()


def test_a_fifth_one_is_refused_and_a_place_is_free_when_one_ends(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    client = world.client(broker)
    with contextlib.ExitStack() as stack:
        tails = [stack.enter_context(tailing(gateway)) for _ in range(4)]
        for tail in tails:
            until_it_looks(tail, lambda: client.publish_all([("in", b"")], qos=1))
        assert "may at once" in Ctl(gateway)("tail", status=1)
        assert Ctl(gateway).status()["gateway"], "others are answered"
        tails[0].end()

        def another_looks():
            with tailing(gateway) as again:
                while again.process.poll() is None and not again.events:
                    client.publish_all([("in", b"")], qos=1)
                return again.events

        wait_until(another_looks, "the place is free")
    assert gateway.stop() == 0, "and none holds up the end"


class Screen:
    """sluicectl on a terminal of its own."""

    def __init__(self, *args, env=None):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ.update({"TERM": "xterm", **(env or {})})
            os.execv(BIN / "sluicectl", [str(BIN / "sluicectl"), *map(str, args)])
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 160, 0, 0))
        self.shown = b""

    def expect(self, text, seconds=15.0):
        deadline = time.monotonic() + seconds * TIME_FACTOR
        while text.encode() not in self.shown:
            assert time.monotonic() < deadline, f"'{text}' is not shown: {self.shown[-2000:]}"
            if select.select([self.terminal], [], [], 0.2)[0]:
                self.shown += os.read(self.terminal, 65536)

    def press(self, key):
        self.shown = b""
        os.write(self.terminal, key.encode())

    def end(self):
        """Reads to the end; the exit status."""
        with contextlib.suppress(OSError):
            while data := os.read(self.terminal, 65536):
                self.shown += data
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_top_on_a_terminal(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c", "other": "d"})
    world.raw_worker(gateway).hello("c", messages=1)
    world.client(broker).publish_all([("in", b"")] * 3, qos=1)
    screen = Screen("--address", gateway.admin, "top", "--every", "200ms")
    screen.expect("\x1b[?1049h")
    screen.expect("2 chains, 1 worker, 1 connection")
    screen.expect("raw/e2e")
    screen.expect("1 in flight")
    screen.press("s")
    screen.expect("sorted by in-flight")
    screen.press("q")
    assert screen.end() == 0
    assert screen.shown.endswith(b"\x1b[?25h\x1b[?1049l"), "the terminal is as it was"
    assert "top needs a terminal" in Ctl(gateway)("top", status=2)


def test_colour_is_for_terminals_whose_users_want_it(world):
    gateway = world.gateway(world.broker(), {"in": "c"})
    Ctl(gateway)("chain", "pause", "c")
    for env, coloured in [({}, True), ({"NO_COLOR": "1"}, False)]:
        screen = Screen("--address", gateway.admin, "chains", "status", env=env)
        assert screen.end() == 0
        assert (b"\x1b[33m" in screen.shown) == coloured, screen.shown
    assert "\x1b" not in Ctl(gateway)("chains", "status")
