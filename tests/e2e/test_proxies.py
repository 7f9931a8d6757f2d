"""Workers behind nginx, HAProxy and Envoy, each with its file of deploy/proxies: docs/proxies.md."""
import signal
import time

import grpc
import pytest

from harness.edge import EDGES
from harness.process import free_port
from harness.wait import wait_on
from harness.worker import EchoWorker

MIB = b"x" * (1 << 20)


class Behind:
    """A gateway whose workers come through the proxy."""

    def __init__(self, world, name, change=lambda text: text, heartbeat="1s"):
        self.world = world
        self.broker = world.broker()
        self.port = free_port()
        self.gateway = world.gateway(self.broker, {"in": "c"}, workers={"listen": f"127.0.0.1:{self.port}", "heartbeat": heartbeat})
        self.edge = world.process(EDGES[name], self.port, change)
        self.answers = world.subscriber(self.broker, "reply")
        self.device = world.client(self.broker)

    def echo_worker(self):
        worker = self.world.process(SecureEchoWorker, self.edge)
        self.gateway.wait_metric("sluice_worker_streams", lambda streams: streams == 1)
        return worker

    def raw_worker(self):
        credentials = grpc.ssl_channel_credentials(self.edge.ca_file.read_bytes())
        return self.world.raw_worker(self.edge, credentials=credentials)

    def send(self, *payloads):
        for payload in payloads:
            self.device.publish("in", payload)

    def streams_opened(self):
        return self.gateway.metric("sluice_worker_streams_opened_total")


class SecureEchoWorker(EchoWorker):
    def __init__(self, folder, edge):
        super().__init__(folder, edge, chain="c", more=["--ca-file", edge.ca_file])


@pytest.fixture(params=EDGES)
def behind(world, request):
    return Behind(world, request.param)


def test_messages_go_both_ways_and_a_stream_without_any_stays_open(behind):
    behind.echo_worker()
    behind.send(b"1", b"2")
    behind.answers.expect_payloads([b"1", b"2"])
    # Twice the proxy's timeouts: heartbeats are what keeps it.
    time.sleep(7)
    behind.send(b"3")
    behind.answers.expect_payloads([b"1", b"2", b"3"])
    assert behind.streams_opened() == 1


@pytest.mark.parametrize("name", EDGES)
def test_a_stream_carries_more_than_a_request_may(world, name):
    # Not a matter of time: heartbeats wait behind what is large.
    behind = Behind(world, name, lambda text: text.replace("3s", "60s"), heartbeat="20s")
    behind.echo_worker()
    behind.send(*[MIB] * 8)
    behind.answers.expect(8, seconds=30)
    assert behind.streams_opened() == 1


def test_a_worker_in_python_settles_when_it_is_told_to_drain_and_half_closes(behind):
    worker = behind.raw_worker()
    worker.hello("c")
    behind.send(b"held")
    (held,) = worker.expect_deliveries(1)
    behind.gateway.process.signal(signal.SIGTERM)
    worker.answer(held)
    wait_on(worker.changed, lambda: worker.drains, "the worker is told to drain")
    worker.half_close()
    assert worker.expect_end()[0] == grpc.StatusCode.OK
    assert behind.gateway.process.wait(30) == 0
    behind.answers.expect_payloads([b"held"])


def test_a_worker_comes_back_after_the_gateway_was_away(behind):
    worker = behind.echo_worker()
    behind.send(b"before")
    behind.answers.expect_payloads([b"before"])
    behind.gateway.kill()
    time.sleep(1)
    behind.gateway.restart()
    behind.gateway.wait_metric("sluice_worker_streams", lambda streams: streams == 1, seconds=30)
    behind.send(b"after")
    behind.answers.expect_payloads([b"before", b"after"])
    worker.assert_running()


@pytest.mark.parametrize("name", ["nginx", "haproxy"])
def test_a_reload_of_the_proxy_leaves_open_streams_alone(world, name):
    behind = Behind(world, name)
    behind.echo_worker()
    behind.edge.reload()
    time.sleep(2)
    behind.send(b"1")
    behind.answers.expect_payloads([b"1"])
    assert behind.streams_opened() == 1


def test_nginx_ends_a_stream_at_its_default_for_the_size_of_a_request(world):
    """Why client_max_body_size stands in its file."""
    behind = Behind(world, "nginx", lambda text: text.replace("client_max_body_size 0;", ""))
    behind.echo_worker()
    behind.send(*[MIB[: 1 << 19]] * 4)
    behind.gateway.wait_metric("sluice_worker_streams_ended_total", lambda ended: ended >= 1, reason="lost")


@pytest.mark.parametrize("name", EDGES)
def test_a_timeout_below_the_heartbeat_ends_idle_streams(world, name):
    """Why the timeouts are a multiple of workers.heartbeat."""
    behind = Behind(world, name, lambda text: text.replace("3s", "0.5s" if name == "envoy" else "500ms"))
    behind.world.process(SecureEchoWorker, behind.edge)
    behind.gateway.wait_metric("sluice_worker_streams_ended_total", lambda ended: ended >= 1, reason="lost")
