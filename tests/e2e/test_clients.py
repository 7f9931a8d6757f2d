"""gRPC's own clients of other languages: a worker in each, with TLS, with a certificate of its own, and without.

clients/build makes them. Go's and Node's are built here, once, where those are. Rust's and Java's take minutes, so they are built by
hand: `tests/e2e/clients/build rust build/tools/clients`, and java. Until then they are skipped.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading

import pytest

from harness.issuer import Authority
from harness.process import BIN, SOURCE, Process
from harness.wait import wait_until

BUILT = pathlib.Path(os.environ.get("SLUICE_CLIENTS", SOURCE / "build" / "tools" / "clients"))
PROTO = SOURCE / "proto"


def built(language, tools, cached=False):
    """How its worker is called."""
    for tool in (*tools, "protoc"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not there")
    build = [SOURCE / "tests" / "e2e" / "clients" / "build", language, BUILT]
    made = subprocess.run([*build, "--cached"] if cached else build, capture_output=True, text=True, timeout=300, check=False)
    if made.returncode != 0:
        why = made.stderr.strip().splitlines()[-1:] or [f"it is built by {' '.join(map(str, build))}"]
        pytest.skip(f"no worker in {language}: {why[0]}")
    return made.stdout.splitlines()


class Called(Process):
    """A worker that takes HOST:PORT [CA_FILE [CERT_FILE KEY_FILE]] and ends when it has drained."""

    def __init__(self, folder, command, gateway, files):
        super().__init__("worker", [*command, gateway.workers, *files], folder)

    def expect_drained(self):
        assert self.wait(30) == 0, self.log()


class Cpp(Process):
    """The SDK: it connects again after it was told to drain."""

    def __init__(self, folder, gateway, files):
        options = [part for pair in zip(("--ca-file", "--cert-file", "--key-file"), files) for part in pair]
        super().__init__("worker", [BIN / "sluice-echo-worker", "--gateway", gateway.workers, "--chain", "c",
                                    "--reply-topic", "reply", *options], folder)

    def expect_drained(self):
        self.assert_running()


class Grpcurl:
    """grpcurl, whose frames are JSON on its standard input and output."""

    def __init__(self, _folder, gateway, files):
        program = shutil.which("grpcurl") or shutil.which("grpcurl", path=pathlib.Path.home() / "go" / "bin")
        if program is None:
            pytest.skip("grpcurl is not there")
        options = [part for pair in zip(("-cacert", "-cert", "-key"), files) for part in pair] or ["-plaintext"]
        self.child = subprocess.Popen(
            [program, *options, "-import-path", PROTO, "-proto", "sluice/v1/worker.proto", "-d", "@", gateway.workers,
             "sluice.v1.WorkerService/Work"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.send({"hello": {"workerName": "grpcurl", "chains": ["c"], "window": {"messages": 10}}})
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def send(self, frame):
        self.child.stdin.write(json.dumps(frame))
        self.child.stdin.flush()

    def _read(self):
        text = ""
        for line in self.child.stdout:
            text += line
            if line != "}\n":
                continue
            frame, text = json.loads(text), ""
            if "ping" in frame:
                self.send({"pong": {"nonce": frame["ping"].get("nonce", 0)}})
            for delivery in frame.get("deliveries", ()):
                replies = [{"topic": "reply", "payload": delivery["payload"]}]
                self.send({"settles": [{"deliveryId": delivery["deliveryId"], "replies": replies}]})
            if "drain" in frame:
                self.child.stdin.close()

    def expect_drained(self):
        assert self.child.wait(30) == 0

    def close(self):
        self.child.kill()
        self.child.wait()
        self.reader.join()
        self.child.stdout.close()


PYTHON = [sys.executable, "-B", SOURCE / "tests" / "e2e" / "clients" / "python" / "worker.py"]
WORKERS = {
    "python": lambda *args: Called(args[0], PYTHON, *args[1:]),
    "cpp": Cpp,
    "grpcurl": Grpcurl,
    "go": lambda *args: Called(args[0], built("go", ["go"]), *args[1:]),
    "node": lambda *args: Called(args[0], built("node", ["node", "npm"]), *args[1:]),
    "rust": lambda *args: Called(args[0], built("rust", [], cached=True), *args[1:]),
    "java": lambda *args: Called(args[0], built("java", ["java"], cached=True), *args[1:]),
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    made = Authority(tmp_path_factory.mktemp("authority"))
    made.server = made.issue("gateway", "DNS:localhost,IP:127.0.0.1")
    made.worker = made.issue("worker", "URI:spiffe://plant/worker")
    return made


@pytest.mark.parametrize("security", ["plain", "tls", "mutual"])
@pytest.mark.parametrize("language", WORKERS)
def test_a_worker_answers_and_drains(world, authority, language, security):
    cert, key = authority.server
    tls = {"certFile": str(cert), "keyFile": str(key)}
    workers, files = {
        "plain": ({}, []),
        "tls": ({"insecure": False, "tls": tls}, [authority.cert]),
        "mutual": ({"insecure": False, "tls": {**tls, "clientCaFile": str(authority.cert)}, "auth": {"certificates": {}}},
                   [authority.cert, *authority.worker]),
    }[security]
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, workers=workers)
    answers = world.subscriber(broker, "reply")
    worker = world.process(WORKERS[language], gateway, files)
    gateway.wait_metric("sluice_worker_streams", lambda streams: streams == 1)

    device = world.client(broker)
    # The second is larger than a frame of HTTP/2 and than half a window.
    payloads = [b"one", bytes(300_000), b"three"]
    for payload in payloads:
        device.publish("in", payload)
    answers.expect_payloads(payloads)

    gateway.process.signal(signal.SIGTERM)
    worker.expect_drained()
    wait_until(lambda: not gateway.process.running(), "the gateway ends", 30)
    assert gateway.process.wait() == 0
