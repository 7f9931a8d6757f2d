"""Fixtures: each gives a function that makes the thing; all is stopped, latest first, when the test ends."""
import contextlib
import shutil

import pytest

from harness.gateway import Gateway, config_for
from harness.mosquitto import Mosquitto
from harness.mqtt import MqttClient
from harness.proxy import PickyProxy, TcpProxy
from harness.worker import AnsweringWorker, EchoWorker, RawWorker


class World:
    """What one test has started."""

    def __init__(self, folder):
        self.folder = folder
        self.stack = contextlib.ExitStack()
        self.count = 0

    def _keep(self, thing):
        self.stack.callback(thing.close)
        return thing

    def _subfolder(self, name):
        self.count += 1
        folder = self.folder / f"{self.count}-{name}"
        folder.mkdir()
        return folder

    def broker(self, **options):
        return self._keep(Mosquitto(self._subfolder("mosquitto"), **options))

    def gateway(self, broker, routes, ready=True, env=None, address_space=None, more=(), **sections):
        config = config_for(broker, routes, **sections)
        return self._keep(Gateway(self._subfolder("gateway"), config, ready, env, address_space=address_space, more=more))

    def gateway_with(self, config, ready=True, env=None, binary="sluice-gateway"):
        return self._keep(Gateway(self._subfolder("gateway"), config, ready, env, binary))

    def echo_worker(self, gateway, **options):
        return self._keep(EchoWorker(self._subfolder("worker"), gateway, **options))

    def process(self, process_class, *args, **options):
        return self._keep(process_class(self._subfolder("process"), *args, **options))

    def raw_worker(self, gateway, **options):
        return self._keep(RawWorker(gateway, **options))

    def answering_worker(self, gateway, **options):
        return self._keep(AnsweringWorker(gateway, **options))

    def proxy(self, broker):
        return self._keep(TcpProxy(broker.port))

    def picky_proxy(self, broker, hates):
        return self._keep(PickyProxy(broker.port, hates))

    def client(self, broker, protocol="5", **options):
        self.count += 1
        return self._keep(MqttClient(broker, f"client-{self.count}", protocol, **options))

    def subscriber(self, broker, topic_filter, **options):
        return self.client(broker, **options).subscribe(topic_filter)

    def logs(self):
        for path in sorted(self.folder.glob("*/*.log")):
            yield str(path.relative_to(self.folder)), path.read_text(errors="replace")


@pytest.fixture
def tmp_path(tmp_path, request):
    """Goes with a test that passed: a gateway's journal takes 192 MiB, and pytest would keep those of three runs."""
    yield tmp_path
    if not getattr(request.node, "failed", False):
        shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture
def world(tmp_path, request):
    made = World(tmp_path)
    request.node.world = made
    with made.stack:
        yield made


@pytest.fixture(scope="module")
def module_world(tmp_path_factory, request):
    """For what all tests of a file share."""
    made = World(tmp_path_factory.mktemp("module"))
    with made.stack:
        yield made
    if request.session.testsfailed == 0:
        shutil.rmtree(made.folder, ignore_errors=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """Shows the tails of all logs under a failed test."""
    outcome = yield
    report = outcome.get_result()
    item.failed = report.failed or getattr(item, "failed", False)
    made = getattr(item, "world", None)
    if report.failed and made is not None:
        for name, text in made.logs():
            report.sections.append((name, text[-4000:]))
