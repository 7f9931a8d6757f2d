"""The journal's disk is full, or fails: nothing is acknowledged that is not safe, it is said, and it goes on when it can."""
import os
import subprocess

import pytest

from harness.gateway import config_for
from harness.wait import wait_until

SIZE = 1000


class Site:
    """A gateway on a journal whose disk the test may break. fault: see tests/failpoints."""

    def __init__(self, world, fault="", path=None, qos=1, **journal):
        self.world = world
        self.qos = qos
        self.switch = world.folder / "the-disk-fails"
        self.broker = world.broker()
        config = config_for(self.broker, {"in": "c"}, connection={"receiveMaximum": 100}, journal={
            "path": str(path or world.folder / "state"), "segmentBytes": "1MiB", **journal})
        self.gateway = world.gateway_with(config, binary="sluice-gateway-failpoints",
                                          env={"SLUICE_DISK_FAULT": f"{fault}:{self.switch}" if fault else ""})
        self.replies = world.subscriber(self.broker, "out")
        self.publisher = world.client(self.broker)
        # mosquitto 2.0.11 confirms what is above its own bound (20), and drops it.
        self.publisher.client.max_inflight_messages_set(20)
        self.payloads = []

    def fail(self):
        self.switch.touch()

    def heal(self):
        self.switch.unlink()

    def publish(self, count):
        """The broker has accepted them; whether the gateway has, is another matter."""
        payloads = [b"%d%s" % (len(self.payloads) + i, b"." * SIZE) for i in range(count)]
        self.publisher.publish_all([("in", payload) for payload in payloads], qos=self.qos)
        self.payloads += payloads

    def answer_all(self):
        """A worker joins; every message is answered."""
        worker = self.world.answering_worker(self.gateway, qos=self.qos)
        self.expect_all_answered()
        return worker

    def expect_all_answered(self):
        def missing():
            return set(self.payloads) - {payload.split()[0] for payload in self.replies.payloads()}

        wait_until(lambda: not missing(), lambda: f"all answers; {len(missing())} of {len(self.payloads)} are missing", 60)

    def expect_trouble(self, text):
        """Readiness, metric and log all say so."""
        self.gateway.wait_not_ready("journal")
        assert text in self.gateway.readiness()
        assert self.gateway.metric("sluice_journal_writable") == 0
        assert text in self.gateway.process.log()

    def expect_health(self):
        self.gateway.wait_ready(30)
        self.gateway.wait_metric("sluice_journal_writable", lambda writable: writable == 1)


FAULTS = {"space": "No space left on device", "write": "Input/output error"}


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_written_is_not_acknowledged_and_comes_again_when_it_can(world, fault, qos):
    site = Site(world, fault, qos=qos)
    site.publish(10)
    site.gateway.wait_metric("sluice_journal_messages", lambda messages: messages == 10)

    site.fail()
    site.publish(50)

    site.expect_trouble(FAULTS[fault])
    assert site.gateway.metric("sluice_journal_messages") == 10
    site.heal()
    site.expect_health()
    site.publish(10)
    site.gateway.wait_metric("sluice_journal_messages", lambda messages: messages == 70, 30)
    worker = site.answer_all()
    assert len(worker.deliveries) == 70, "nothing comes twice that was not taken in twice"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_settlement_that_cannot_be_written_is_made_again(world, fault):
    site = Site(world, fault)
    holder = world.raw_worker(site.gateway)
    holder.hello("c")
    site.publish(10)
    deliveries = holder.expect_deliveries(10)

    site.fail()
    holder.answer(*deliveries, topic="out")
    site.gateway.wait_not_ready("journal")
    site.heal()

    # Delivered again, until an answer can be kept.
    def answered():
        count = len(holder.deliveries) - holder.taken
        if count:
            holder.answer(*holder.expect_deliveries(count), topic="out")
        return set(site.payloads) <= set(site.replies.payloads())

    wait_until(answered, "all answers", 60)


@pytest.mark.parametrize("fsync", ["interval", "always"])
def test_a_sync_that_fails_ends_the_process_and_what_it_had_acknowledged_is_there_after_the_start(world, fsync):
    site = Site(world, "sync", fsync=fsync)
    site.publish(10)
    site.gateway.wait_metric("sluice_journal_messages", lambda messages: messages == 10)

    site.fail()
    site.publish(10)

    assert site.gateway.process.wait() != 0
    log = site.gateway.process.log()
    assert "Input/output error" in log
    assert "what_to_do" in log
    site.heal()
    site.gateway.restart()
    site.answer_all()


def test_a_second_gateway_on_the_same_journal_does_not_start_and_says_why(world):
    site = Site(world)
    config = config_for(site.broker, {"in": "c"}, connection={"clientId": "another"},
                        journal={"path": str(world.folder / "state")})
    with pytest.raises(AssertionError) as ended:
        world.gateway_with(config)
    assert "journal.path" in str(ended.value)
    assert str(site.gateway.process.pid) in str(ended.value), "it names who has it"
    site.publish(1)
    site.answer_all()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 8 MiB."""
    folder = tmp_path / "small-disk"
    folder.mkdir()
    if os.getuid() != 0:
        pytest.skip("a small file system of the test's own needs root")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", folder], capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a small file system: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_disk_that_runs_full_stops_intake_and_room_starts_it_again(small_disk, world):
    site = Site(world, path=small_disk / "state")
    filler = small_disk / "filler"
    filler.write_bytes(bytes(4 << 20))
    room = os.statvfs(small_disk)

    # More than the room that is left; nobody works.
    messages = 2 * room.f_bavail * room.f_bsize // SIZE
    site.publish(messages)

    site.expect_trouble("No space left on device")
    taken = site.gateway.metric("sluice_journal_messages")
    assert 0 < taken < messages
    filler.unlink()
    site.answer_all()
    site.expect_health()
    site.gateway.wait_metric("sluice_journal_messages", lambda left: left == 0)


def test_a_full_disk_is_emptied_by_working(small_disk, world):
    """Without more room: a settlement needs little, and what is settled makes room for what waits with the broker."""
    site = Site(world, path=small_disk / "state")
    room = os.statvfs(small_disk)
    site.publish(2 * room.f_bavail * room.f_bsize // SIZE)
    site.expect_trouble("No space left on device")

    worker = world.answering_worker(site.gateway, topic=None)  # Settles without a reply: that would need room, too.
    wait_until(lambda: set(site.payloads) <= {delivery.payload for delivery in worker.deliveries},
               "every message has been delivered", 60)

    site.expect_health()
    site.gateway.wait_metric("sluice_journal_messages", lambda left: left == 0)
