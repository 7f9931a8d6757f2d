"""What changes: one broker with two listeners, a gateway, two workers that say what they got from where."""
import base64
import json
import sys
import threading
import time
import urllib.error
import urllib.request

import yaml

from harness.mosquitto import Mosquitto
from harness.process import BIN, Process, free_port
from harness.wait import wait_until

from .changes import NotInEffect, run_ctl
from .fates import Fates
from .mqtt import Collector, Publisher
from .site import WORKER, Site
from .subscriptions import Subscriptions
from .wanted import CHAINS, FAMILIES, Wanted

KEYS = 4


def number_in(text):
    """Of what a worker got: n17, or the same in hexadecimal digits; and whether it was these."""
    hexed = not text.startswith("n")
    return int((bytes.fromhex(text).decode() if hexed else text)[1:]), hexed


class NumberedPublisher(Publisher):
    def _message(self, number):
        family, key = FAMILIES[number % len(FAMILIES)], f"k{number // len(FAMILIES) % KEYS}"
        return (family, key), f"in/{family}/{key}", f"n{number}".encode()


class Recorder(Collector):
    """Tells the model each reply. drop: the number from which on one in 500 is passed over, which a test plants."""
    TOPICS = ["out/+"]

    def __init__(self, *arguments):
        self.drop = None
        super().__init__(*arguments)

    def _on_message(self, _client, _data, message):
        text, route, chain, tag = message.payload.decode().split()
        number, hexed = number_in(text)
        self.heard = time.monotonic()
        if self.drop is not None and number >= self.drop and number % 500 == 0:
            return
        with self.lock:
            self.oracle.answer(number, route, chain, tag, hexed, message.topic.removeprefix("out/"))


class Told:
    """The model as a publisher takes it."""

    def __init__(self, fates):
        self.fates = fates
        self.accept = fates.accept
        self.answer = fates.answer

    def publish(self, number, of):
        self.fates.publish(number, *of)


class ChangingSite(Site):
    """All of it, running at construction. options: of the command line."""

    def __init__(self, folder, options):  # pylint: disable=super-init-not-called
        self.folder, self.killed, self.parts = folder, set(), []
        self.lock = threading.Lock()  # Over the model.
        self.reloader = None
        second = free_port()
        self.broker = self._keep(Mosquitto(folder, options=[f"listener {second} 127.0.0.1", "max_inflight_messages 100"]))
        self.subscriptions = self._keep(Subscriptions(self.broker.process.log_path))
        self.wanted = Wanted([self.broker.url, f"mqtt://127.0.0.1:{second}"])
        self.fates = Fates(self.wanted.model(), options.order)
        self.epoch = time.monotonic()
        self.address, self.http = (f"127.0.0.1:{free_port()}" for _ in range(2))
        self.base = self._base(options)
        self.write()
        told = Told(self.fates)
        self.collector = self._keep(Recorder(self.broker.port, True, told, self.lock))
        self.gateway = self._keep(Process("gateway", [BIN / "sluice-gateway", "--config", folder / "gateway.yaml"], folder))
        self.wait_for_gateway()
        self.workers = [self._keep(Process(f"worker{i}", [sys.executable, "-B", WORKER, self.address, 1, *CHAINS], folder))
                        for i in range(2)]
        wait_until(lambda: not self.subscriptions.differences(self.wanted.subscriptions(), ()), "the gateway has subscribed")
        self.publisher = self._keep(NumberedPublisher(self.broker.port, True, 1, options.rate, told, self.lock))

    def _base(self, options):
        order = {"orderBy": "topic"} if options.order else {}
        return {"chainDefaults": {"lease": "5s", "retryBackoff": "100ms", "maxRetryBackoff": "1s", "maxAttempts": 50, **order},
                "workers": {"listen": self.address, "insecure": True, "heartbeat": "2s"}, "http": {"listen": self.http},
                "journal": {"path": str(self.folder / "state"), "fsync": options.journal}, "log": {"format": "json"}}

    def write(self):
        """The file as it is wanted; returns its text."""
        text = yaml.safe_dump(self.sabotaged(self.wanted.file(self.base)))
        beside = self.folder / "gateway.new"
        beside.write_text(text)
        beside.rename(self.folder / "gateway.yaml")
        return text

    def readiness(self):
        try:
            with urllib.request.urlopen(f"http://{self.http}/readyz", timeout=5) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as answer:
            return answer.read().decode()
        except OSError:
            return ""

    def ctl(self, *arguments, body=None):
        return run_ctl(f"unix:{self.folder}/state/admin.sock", arguments, body)

    # ---- what a test plants, to see that it is found

    planted = None

    def sabotage(self, wanted, plant):
        self.planted = plant
        if plant == "reply":
            self.collector.drop = self.publisher.next
        return wanted

    def sabotaged(self, config):
        """What the gateway gets, in place of what the model believes it to get."""
        if self.planted in ("route", "chain"):
            config = json.loads(json.dumps(config))
            if self.planted == "route":
                config["routes"].pop()
            else:
                _, chain, tag = config["routes"][-1]["to"]["path"].split(":")
                config["routes"][-1]["to"]["path"] = f"chain:{'c1' if chain == 'c0' else 'c0'}:{tag}"
        return config

    # ---- the end

    def wait_answered(self, connections):
        """Before these go: bounded, as what is missing is found in the end."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with self.lock:
                if not any(coverage.connection in connections for coverage in self.fates.owed.values()):
                    return
            self.check_alive()
            time.sleep(0.02)

    def settle(self, patience):
        """Waits until nothing is missing, or nothing has come for `patience` seconds."""
        self.collector.heard = time.monotonic()
        looked = 0
        while time.monotonic() - self.collector.heard < patience:
            self.check_alive()
            if time.monotonic() - looked > 1:
                self.read_letters()
                looked = time.monotonic()
                with self.lock:
                    if not self.fates.missing():
                        break
            time.sleep(0.02)
        # What comes twice, or should not come at all, comes within this.
        while time.monotonic() - self.collector.heard < 1:
            time.sleep(0.02)
        self.read_letters()

    def read_letters(self):
        exported = self.ctl("dlq", "export", "-")
        if exported.returncode != 0:
            raise NotInEffect(f"the dead letters cannot be read: {exported.stderr}")
        shift = time.time() - time.monotonic()
        with self.lock:
            for letter in map(json.loads, exported.stdout.splitlines()):
                self.bury(letter, shift)

    def bury(self, letter, shift):
        text, *said = base64.b64decode(letter["payload"]).decode().split()
        route = said[0] if said else letter.get("route", "")
        if said or letter.get("chain", "") != "":
            reply_chain = letter["topic"].removeprefix("out/") if said else None
        else:
            route, reply_chain = "", None
        self.fates.bury(letter["id"], number_in(text)[0], route, int(letter["died_unix_ms"]) / 1000 - shift,
                        letter.get("reason", ""), reply_chain)
