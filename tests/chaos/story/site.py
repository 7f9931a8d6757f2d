"""What is killed: broker, gateway and workers, and the network between gateway and broker."""
import base64
import json
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import yaml

from harness.mosquitto import Mosquitto
from harness.process import BIN, Process, free_port
from harness.proxy import TcpProxy
from harness.wait import wait_until

from .mqtt import Collector, Publisher, number_of
from .oracle import Oracle
from .reloads import Reloader

WORKER = pathlib.Path(__file__).resolve().parent.parent / "worker.py"
WINDOW = 50  # Of messages and of replies that are under way: what may come twice after a kill.
WORKERS = ["worker.py", "echo"]


class Died(Exception):
    """A process has ended that nobody killed."""


class Site:
    """All of it, running at construction. options: of the command line."""

    def __init__(self, folder, options):
        self.folder = folder
        self.oracle = Oracle()
        self.lock = threading.Lock()  # Over the oracle.
        self.killed = set()           # Names of processes that are down on purpose.
        self.parts = []
        mqtt5 = options.protocol == "5"
        self.broker = self._keep(Mosquitto(folder, persistent="broker" in options.kill, options=[f"max_inflight_messages {WINDOW}"]))
        self.proxy = self._keep(TcpProxy(self.broker.port))
        self.address = f"127.0.0.1:{free_port()}"
        self.http = f"127.0.0.1:{free_port()}"
        config = folder / "gateway.yaml"
        config.write_text(yaml.safe_dump(self._config(options)))
        self.collector = self._keep(Collector(self.broker.port, mqtt5, self.oracle, self.lock))
        self.gateway = self._keep(Process("gateway", [BIN / "sluice-gateway", "--config", config], folder))
        self.wait_for_gateway()
        self.workers = [
            self._keep(Process(WORKERS[0], [sys.executable, "-B", WORKER, self.address, options.qos], folder)),
            self._keep(Process(WORKERS[1], [BIN / "sluice-echo-worker", "--gateway", self.address, "--chain", "c",
                                            "--reply-topic", "out", "--reply-qos", options.qos, "--window", "100"], folder)),
        ]
        self._wait_for_subscription()
        self.reloader = None
        if options.reload:
            self.reloader = self._keep(Reloader(self, random.Random(f"{options.seed} reload"), options.reload, options.qos))
        self.publisher = self._keep(Publisher(self.broker.port, mqtt5, options.qos, options.rate, self.oracle, self.lock))

    def _config(self, options):
        journal = {"enabled": options.journal != "off"}
        if options.journal != "off":
            journal.update(path=str(self.folder / "state"), fsync=options.journal)
        return {
            "connections": {"plant": {"server": self.proxy.url, "clientId": "sluice-chaos", "keepAlive": "2s",
                                      "protocol": options.protocol, "connectTimeout": "2s", "maxReconnectInterval": "1s",
                                      "receiveMaximum": WINDOW, "publishWindow": WINDOW}},
            "routes": [{"id": "in", "connection": "plant", "from": {"path": "in/#", "qos": options.qos},
                        "to": {"path": "chain:c"}}],
            "chains": {"c": {"orderBy": "topic" if options.order else "none", "lease": "5s", "retryBackoff": "100ms",
                             "maxRetryBackoff": "1s", "deadLetterTopic": "dead"}},
            "workers": {"listen": self.address, "insecure": True, "heartbeat": "1s"},
            "http": {"listen": self.http},
            "journal": journal,
            "log": {"format": "json"},
        }

    def _keep(self, part):
        self.parts.append(part)
        return part

    def note_metrics(self):
        """Of the gateway as it is now, beside its log."""
        try:
            for path in ("metrics", "readyz"):
                with urllib.request.urlopen(f"http://{self.http}/{path}", timeout=5) as answer:
                    (self.folder / f"{path}.log").write_bytes(answer.read())
        except OSError:
            pass  # It is down, or not ready; its log says why.

    def close(self):
        for part in reversed(self.parts):
            part.close()

    # ---- waiting

    def wait_for_gateway(self):
        host, port = self.address.split(":")

        def listens():
            self.check_alive()
            with socket.socket() as probe:
                return probe.connect_ex((host, int(port))) == 0

        wait_until(listens, "the gateway listens", 30)

    def _wait_for_subscription(self):
        """Before that the broker would throw away what it accepts: nobody's session is there to keep it."""
        wait_until(lambda: "sluice-chaos 1 in/#" in self.broker.process.log()
                   or "sluice-chaos 2 in/#" in self.broker.process.log(), "the gateway has subscribed")

    def check_alive(self):
        for process in [self.broker.process, self.gateway, *getattr(self, "workers", [])]:
            if process.name not in self.killed and not process.running():
                raise Died(f"{process.name} ended by itself with status {process.child.returncode}; "
                           f"see {process.log_path}")

    # ---- what happens to it

    def hang_up(self):
        """SIGHUP for the gateway, if it is there: the next one reads the file as it is then."""
        if "gateway" in self.killed or not self.gateway.running():
            return
        host, port = self.address.split(":")
        with socket.socket() as probe:
            probe.settimeout(0.2)  # It may be frozen.
            serves = probe.connect_ex((host, int(port))) == 0
        if serves and "gateway" not in self.killed:
            self.gateway.signal(signal.SIGHUP)

    def kill(self, process):
        self.killed.add(process.name)
        process.kill()

    def start(self, process):
        process.start()
        self.killed.discard(process.name)

    def kill_broker(self):
        """SIGKILL, once it cannot have forgotten anything that it has accepted (see Mosquitto.save()): that would be no
        failure of the gateway. So the publisher pauses, and the proxy holds what the gateway and the broker say to each
        other. For the gateway this is a kill at any instant: whatever the proxy holds is lost.
        """
        publishing = self.publisher.running.is_set()
        self.publisher.pause()
        self.proxy.stall()
        self.broker.save()
        self.kill(self.broker.process)
        self.proxy.cut()
        self.proxy.resume()
        if publishing:
            self.publisher.resume()

    def start_broker(self):
        self.broker.start()
        self.killed.discard(self.broker.process.name)

    # ---- rounds

    def settle(self, patience):
        """Waits until everything accepted is answered or buried. False: nothing has come for `patience` seconds."""
        self.collector.heard = time.monotonic()
        while True:
            self.check_alive()
            with self.lock:
                if not self.oracle.lost():
                    return True
            if time.monotonic() - self.collector.heard > patience:
                return False
            if self.reloader is not None and time.monotonic() - self.collector.heard > 1:
                self.bury_what_no_route_took()
            time.sleep(0.02)

    def bury_what_no_route_took(self):
        """What came for a subscription that the gateway before a kill had, and this one has not, is a dead letter of no chain, and
        so is published nowhere."""
        letters = subprocess.run([BIN / "sluicectl", "--address", f"unix:{self.folder}/state/admin.sock", "dlq", "export", "-"],
                                 capture_output=True, text=True, timeout=30, check=False)
        with self.lock:
            for letter in map(json.loads, letters.stdout.splitlines()):
                if letter.get("chain", "") == "":
                    self.oracle.bury_once(number_of(base64.b64decode(letter["payload"])))

    def keep_logs(self, to):
        to.mkdir(parents=True, exist_ok=True)
        for path in [*self.folder.glob("*.log"), *self.folder.glob("*.yaml"), *self.folder.glob("*.conf")]:
            shutil.copy(path, to)
