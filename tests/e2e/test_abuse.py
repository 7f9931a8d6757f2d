"""Strangers and workers that mean harm: each hurts only itself. docs/security.md has the table."""
import contextlib
import gzip
import os
import re
import resource
import statistics
import time

import pytest
from sluice.v1 import worker_pb2 as pb

from harness.http2 import (CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, PING, PREFACE,
                           PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE, Stranger, frame, header, hello, integer,
                           message, request)
from harness.prober import Prober
from harness.wait import POLL_S, TIME_FACTOR, wait_until

MIB = 1 << 20


# What a trip may take beside three times the usual: a few turns of the scheduler.
FLOOR_S = 0.005
# The same for the slowest in a hundred.
TAIL_S = 0.1 * TIME_FACTOR
ENOUGH = 40


def middle_and_tail(times):
    """The median and the 99th centile."""
    ordered = sorted(times)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


class Honest:
    """A gateway with a worker that answers, and a process that measures how long that takes, all the time."""

    def __init__(self, world, **workers):
        self.broker = world.broker()
        self.gateway = world.gateway(self.broker, {"in": "c", "probe": "honest"}, workers=workers)
        self.worker = world.echo_worker(self.gateway, chain="honest", reply_topic="answer", reply_qos=0)
        self.gateway.wait_metric("sluice_worker_streams", lambda streams: streams == 1)
        start = time.monotonic()
        self.prober = world.process(Prober, self.broker, "probe", "answer")
        wait_until(lambda: len(self.prober.since(start)) >= ENOUGH, "it is measured", 30)


class Site(Honest):
    """One that harm is done to, and how it was before."""

    def __init__(self, world, untouched, report, **workers):
        start = time.monotonic()
        super().__init__(world, **workers)
        self.untouched = untouched
        self.report = report
        self.pid = self.gateway.process.pid
        self.usual = middle_and_tail(self.prober.since(start))
        self.rest = self.memory()
        self.descriptors = self.open_descriptors()

    def round_trip(self):
        """How long the next one takes."""
        start = time.monotonic()
        return wait_until(lambda: self.prober.since(start), "the honest worker's answer comes", 10)[0]

    def undisturbed(self):
        """The honest worker's stream is the one that it began with."""
        self.worker.assert_running()
        return self.worker.log().count("connected to gateway") == 1

    def memory(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return int(re.search(r"^VmRSS:\s+(\d+) kB", status.read(), re.MULTILINE)[1]) * 1024

    def open_descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def refused(self, reason):
        return self.gateway.metric("sluice_connections_refused_total", listener="workers", reason=reason)

    @contextlib.contextmanager
    def served_meanwhile(self):
        """The honest worker is: its round trip takes at most three times as long as usual.

        What is usual depends on what else the machine does at that time, so a gateway that nobody harms is measured beside.
        """
        start = time.monotonic()
        yield
        end = time.monotonic()
        # Of harm that is over soon, what follows at once counts too.
        while len(self.prober.between(start, end)) < ENOUGH or len(self.untouched.prober.between(start, end)) < ENOUGH:
            assert time.monotonic() < start + 60 * TIME_FACTOR, "it is not measured"
            time.sleep(POLL_S)
            end = time.monotonic()
        # The slowest may still be under way.
        self.round_trip()
        times = self.prober.between(start, end)
        median, tail = middle_and_tail(times)
        others = middle_and_tail(self.untouched.prober.between(start, end))
        usual = [max(pair) for pair in zip(self.usual, others)]
        told = (f"{len(times)} round trips of {1000 * median:.1f} ms, 99th centile {1000 * tail:.1f}; "
                f"before {1000 * self.usual[0]:.1f} and {1000 * self.usual[1]:.1f}, "
                f"of an untouched gateway meanwhile {1000 * others[0]:.1f} and {1000 * others[1]:.1f}")
        self.report(told)
        assert median <= 3 * usual[0] + FLOOR_S, told
        assert tail <= 3 * usual[1] + TAIL_S, told

    def as_before(self, more=50 * MIB):
        """All that the harm took is given back."""
        self.gateway.process.assert_running()
        wait_until(lambda: self.open_descriptors() <= self.descriptors,
                   lambda: f"{self.descriptors} descriptors: {self.open_descriptors()}", 15)
        wait_until(lambda: self.memory() <= self.rest + more,
                   lambda: f"{self.rest / MIB:.0f} MiB and {more / MIB:.0f} more: {self.memory() / MIB:.0f}", 15)
        self.round_trip()
        assert self.undisturbed(), self.worker.log()


@pytest.fixture(scope="module")
def untouched(module_world):
    return Honest(module_world)


@pytest.fixture(scope="module")
def reports(request):
    """What was measured is said at the end, of tests that pass, too."""
    lines = []
    yield lines
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print("", *lines, sep="\n")


@pytest.fixture
def make_site(world, untouched, reports, request):
    name = request.node.name.removeprefix("test_")

    def make(**workers):
        return Site(world, untouched, lambda told: reports.append(f"{name}: {told}"), **workers)
    return make


@pytest.fixture
def strangers():
    """Makes connections, which end with the test."""
    with contextlib.ExitStack() as stack:
        def make(*args, **options):
            stranger = Stranger(*args, **options)
            stack.callback(stranger.close)
            return stranger
        yield make


def test_more_connections_of_one_address_than_it_may_have_are_closed(make_site, strangers):
    site = make_site(maxConnectionsPerAddress=50)
    with site.served_meanwhile():
        many = [strangers(site.gateway, preface=False) for _ in range(300)]
        wait_until(lambda: site.refused("per_address") >= 250, "they are refused")
    for one in many:
        one.close()
    site.as_before()


def test_without_descriptors_the_gateway_rests_says_so_and_goes_on(world, make_site, strangers):
    site = make_site(handshakeTimeout="2s")
    room = 30
    was = resource.prlimit(site.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(site.pid, resource.RLIMIT_NOFILE, (site.open_descriptors() + room, was[1]))
    many = [strangers(site.gateway) for _ in range(3 * room)]
    wait_until(lambda: site.open_descriptors() >= site.descriptors + room - 2, "all are used")
    with site.served_meanwhile():
        assert site.undisturbed(), "what is connected goes on"
    resource.prlimit(site.pid, resource.RLIMIT_NOFILE, (site.open_descriptors() + 4, was[1]))
    wait_until(lambda: "descriptors" in site.gateway.readiness(), site.gateway.readiness)
    for one in many:
        one.close()
    wait_until(site.gateway.ready, site.gateway.readiness)
    site.as_before()
    world.answering_worker(site.gateway)


def test_connections_that_say_nothing_or_not_enough_are_closed(make_site, strangers):
    site = make_site(handshakeTimeout="1s")
    beginnings = [b"", PREFACE[:7], PREFACE, PREFACE + frame(SETTINGS)[:5]]
    slow = [strangers(site.gateway, preface=False) for _ in range(200)]
    with site.served_meanwhile():
        for i, one in enumerate(slow):
            one.send(beginnings[i % len(beginnings)])
        for one in slow:
            one.expect_end()
    site.as_before()


def test_bytes_that_come_one_by_one_end_in_time_too(make_site, strangers):
    site = make_site(handshakeTimeout="2s")
    one = strangers(site.gateway, preface=False)
    start = time.monotonic()
    for byte in PREFACE + frame(SETTINGS) * 100:
        if not one.send(bytes([byte])):
            break
        time.sleep(0.1)
    assert 1 < time.monotonic() - start < 10
    site.as_before()


FLOODS = {
    "rapid reset": None,
    "ping": frame(PING, payload=b"harmless"),
    "settings": frame(SETTINGS),
    "priority": frame(PRIORITY, stream=1, payload=b"\0\0\0\3\1"),
    "window update": frame(WINDOW_UPDATE, stream=0, payload=b"\0\0\0\1"),
    "empty data": frame(DATA, stream=1),
    "unknown frames": frame(0xFA, stream=0, payload=b""),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_of_frames_ends_its_connection(make_site, strangers, kind):
    site = make_site()
    with site.served_meanwhile():
        for _ in range(3):
            one = strangers(site.gateway)
            one.call(1)
            if kind == "rapid reset":
                sent = 0
                for stream in range(3, 40_000, 2):
                    block = frame(HEADERS, END_HEADERS, stream, request())
                    if not one.send(block + frame(RST_STREAM, stream=stream, payload=b"\0\0\0\x08")):
                        break
                    sent += 1
                    if sent % 50 == 0:
                        one.read(0)
                assert sent < 15_000
            else:
                # More than the sockets on the way hold by themselves.
                times = 32 * MIB // len(FLOODS[kind])
                assert one.flood(FLOODS[kind], times, batch=500) < times
            assert one.expect_end() in (ENHANCE_YOUR_CALM, None)
    site.as_before()


def test_a_header_block_without_end_ends_its_connection(make_site, strangers):
    site = make_site()
    with site.served_meanwhile():
        one = strangers(site.gateway)
        one.send(frame(HEADERS, 0, 1, request()))
        assert one.flood(frame(CONTINUATION, 0, 1, header("x", "y" * 1000)), 50_000, batch=1) < 1_000
        one.expect_end()
        empty = strangers(site.gateway)
        empty.send(frame(HEADERS, 0, 1, request()))
        assert empty.flood(frame(CONTINUATION, 0, 1), 50_000, batch=1) < 10_000
        empty.expect_end()
    site.as_before()


def test_headers_that_unpack_to_much_are_not_kept(make_site, strangers):
    site = make_site()
    # 4 KB of the table, named 60,000 times: 240 MB.
    bomb = request(header("x", "y" * 3_900, first=0x40)) + integer(62, 7, 0x80) * 60_000
    with site.served_meanwhile():
        for _ in range(20):
            one = strangers(site.gateway)
            one.send(frame(HEADERS, 0, 1, bomb[:16_000]))
            for at in range(16_000, len(bomb), 16_000):
                last = at + 16_000 >= len(bomb)
                one.send(frame(CONTINUATION, END_HEADERS if last else 0, 1, bomb[at:at + 16_000]))
            one.read(0.1)
        for _ in range(20):
            huge = strangers(site.gateway)
            # It announces 200 MB.
            block = request() + b"\0" + integer(1, 7) + b"x" + integer(200_000_000, 7)
            huge.send(frame(HEADERS, 0, 1, block))
            huge.flood(frame(CONTINUATION, 0, 1, b"y" * 16_000), 13_000, batch=1)
            huge.expect_end()
    site.as_before()


def test_packed_messages_are_not_unpacked(make_site, strangers):
    site = make_site()
    bomb = gzip.compress(bytes(38 * MIB))
    with site.served_meanwhile():
        for _ in range(20):
            one = strangers(site.gateway)
            one.call(1, header("grpc-encoding", "gzip"), body=message(bomb[:16_000], packed=True))
            one.read(0.05)
            one.close()
    site.as_before()


def test_a_frame_before_hello_has_no_more_than_a_hello_may(make_site, strangers):
    site = make_site()
    with site.served_meanwhile():
        many = []
        for _ in range(50):
            one = strangers(site.gateway)
            one.call(1, body=message(bytes(1_000), length=39 * MIB))
            many.append(one)
        for one in many:
            one.read(0.2)
            # The status comes at once: nothing is waited for, and nothing kept.
            assert any(kind == HEADERS and flags & END_STREAM for kind, flags, _, _ in one.frames())
            one.close()
    site.as_before()


def test_frames_that_are_half_sent_take_no_more_than_their_share(make_site, strangers):
    site = make_site()
    with site.served_meanwhile():
        many = []
        for _ in range(40):
            one = strangers(site.gateway)
            for stream in range(1, 40, 2):
                one.call(stream, body=hello())
                one.send(frame(DATA, 0, stream, message(bytes(16_000), length=39 * MIB)))
            many.append(one)
        for one in many:
            one.read(0)
            one.close()
    site.as_before()


def test_thousands_of_idle_streams_are_cheap(make_site, strangers):
    site = make_site(maxStreams=6_000)
    many = []
    with site.served_meanwhile():
        for _ in range(50):
            one = strangers(site.gateway)
            for stream in range(1, 200, 2):
                one.call(stream, body=hello(messages=0))
            many.append(one)
            wait_until(lambda: site.gateway.metric("sluice_worker_streams") > 100 * len(many), "all are welcome")
    with site.served_meanwhile():
        site.round_trip()
    assert site.memory() <= 150 * MIB, f"{site.memory() / MIB:.0f} MiB"
    for one in many:
        one.close()
    wait_until(lambda: site.gateway.metric("sluice_worker_streams") == 1, "they have gone")
    site.as_before()


def test_one_address_that_opens_all_streams_leaves_some_to_others(make_site, strangers):
    site = make_site(maxStreams=50)
    with site.served_meanwhile():
        for _ in range(2):
            one = strangers(site.gateway)
            for stream in range(1, 80, 2):
                one.call(stream, body=hello(messages=0))
        site.gateway.wait_metric("sluice_worker_streams", lambda count: count == 45)
        site.gateway.wait_metric("sluice_worker_streams_refused_total", lambda count: count >= 36)
        strangers(site.gateway, source="127.0.0.2").call(1, body=hello(messages=0))
        site.gateway.wait_metric("sluice_worker_streams", lambda count: count == 46)


def test_a_storm_of_reconnects_starves_nobody(make_site, strangers):
    site = make_site()
    with site.served_meanwhile():
        start = time.monotonic()
        for i in range(1_000):
            one = strangers(site.gateway)
            one.call(1, body=hello(messages=1))
            one.close()
            # 500 a second.
            time.sleep(max(0, start + i / 500 - time.monotonic()))
    wait_until(lambda: site.gateway.metric("sluice_worker_streams") == 1, "they have gone")
    site.as_before()


@pytest.mark.parametrize("reads", [False, True], ids=["reads nothing", "settles nothing"])
def test_a_worker_with_the_largest_window_holds_no_more_than_that(world, make_site, strangers, reads):
    site = make_site(maxWindow={"messages": 10_000, "bytes": "16MiB"})
    device = world.client(site.broker)
    deaf = strangers(site.gateway, window=(1 << 31) - 1 if reads else None)
    deaf.call(1, body=hello(messages=10_000))
    site.gateway.wait_metric("sluice_worker_streams", lambda count: count == 2)
    for _ in range(60):
        device.publish("in", bytes(1 << 20), qos=0)
    in_flight = lambda: site.gateway.metric("sluice_in_flight_messages", chain="c")
    waiting = lambda: site.gateway.metric("sluice_queue_messages", chain="c")
    wait_until(lambda: in_flight() >= 14 and in_flight() + waiting() >= 60,
               lambda: f"its window is full: {in_flight()}, and {waiting()} wait")
    # Not before, or what is measured were 60 MiB on their way through the broker.
    with site.served_meanwhile():
        if reads:
            deaf.read(1)
        site.round_trip()
    # Its window, what waits in the chain's queue (64 MiB at most), and half as much again.
    most = site.memory()
    assert most < site.rest + 120 * MIB, f"{most / MIB:.0f} MiB"
    deaf.close()
    site.gateway.wait_metric("sluice_worker_streams", lambda count: count == 1)
    settles = world.answering_worker(site.gateway, topic=None)
    site.gateway.wait_metric("sluice_queue_messages", lambda count: count == 0, chain="c")
    site.gateway.wait_metric("sluice_in_flight_messages", lambda count: count == 0, chain="c")
    settles.close()
    site.gateway.wait_metric("sluice_worker_streams", lambda count: count == 1)
    site.as_before()
