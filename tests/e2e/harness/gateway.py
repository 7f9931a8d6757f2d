"""The real sluice-gateway."""
import http.client
import json
import os
import re

import yaml

from harness.process import BIN, Process
from harness.wait import wait_until

SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
DRIVER = os.environ.get("SLUICE_DRIVER", "wire")
TROUBLE = ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:", "terminate called", "Segmentation")


def config_for(broker, routes, connection=None, **sections):
    """A configuration with one connection "plant" to `broker`. routes: FILTER to CHAIN, or whole route maps."""
    listed = []
    for i, (path, target) in enumerate(routes.items() if isinstance(routes, dict) else ()):
        listed.append({"id": f"route{i + 1}", "connection": "plant", "from": {"path": path, "qos": 2},
                       "to": {"path": f"chain:{target}"}})
    return {
        "connections": {"plant": {"server": broker.url, "clientId": "sluice-e2e", "driver": DRIVER, **(connection or {})}},
        "routes": listed or list(routes),
        "workers": {"listen": "127.0.0.1:0", "insecure": True, **sections.pop("workers", {})},
        "http": {"listen": "127.0.0.1:0"},
        "log": {"format": "json", "level": "debug"},
        **sections,
    }


class Gateway:
    """Started at construction; `ready=False` does not wait for /readyz to say so.

    binary: sluice-gateway-failpoints has failures that a test can ask for (tests/failpoints).
    address_space: the most that it may map, in bytes. more: further arguments.
    """

    def __init__(self, folder, config, ready=True, env=None, binary="sluice-gateway", address_space=None, more=()):
        config = {"journal": {"path": str(folder / "state")}, **config}
        self.config_path = folder / "gateway.yaml"
        self.config_path.write_text(yaml.safe_dump(config, allow_unicode=True))
        limit = ["prlimit", f"--as={address_space}"] if address_space else []
        self.process = Process("gateway", [*limit, BIN / binary, "--config", self.config_path, *more], folder, env)
        self.starts = 1
        self._wait_for_addresses()
        if ready:
            self.wait_ready()

    def restart(self, env=None, ready=True):
        """After its end, with the same configuration. env: in place of what it was first started with."""
        if env is not None:
            self.process.set_env(env)
        self.process.start()
        self.starts += 1
        self._wait_for_addresses()
        if ready:
            self.wait_ready()

    def change_config(self, change):
        """Before restart(): `change` gets the configuration."""
        config = yaml.safe_load(self.config_path.read_text())
        change(config)
        self.config_path.write_text(yaml.safe_dump(config, allow_unicode=True))

    def events(self, name=None):
        """What it logged: dicts of the lines, those with this event only if one is named."""
        found = []
        for line in self.process.log().splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if name is None or event.get("event") == name:
                found.append(event)
        return found

    def _wait_for_addresses(self):
        def serving():
            self.process.assert_running()
            found = self.events("serving")
            return found[-1] if len(found) == self.starts else None

        event = wait_until(serving, lambda: f"the gateway serves:\n{self.process.log()[-3000:]}")
        self.workers = event["workers"]
        self.http = event["http"]
        self.admin = event["admin"]
        self.dashboard = event.get("dashboard", "")

    def get(self, path, **headers):
        """Status and body, or (0, '') when nothing answers."""
        connection = http.client.HTTPConnection(self.http, timeout=5)
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def ready(self):
        return self.get("/readyz")[0] == 200

    def readiness(self):
        return self.get("/readyz")[1]

    def wait_ready(self, seconds=15.0):
        def ready():
            self.process.assert_running()
            return self.ready()

        wait_until(ready, lambda: f"the gateway is ready: {self.readiness()}", seconds)

    def wait_not_ready(self, text, seconds=15.0):
        wait_until(lambda: not self.ready() and text in self.readiness(),
                   lambda: f"/readyz says '{text}': {self.readiness()}", seconds)

    def metric(self, name, **labels):
        """Sum of the samples of this name that have these labels."""
        total = 0.0
        for line in self.get("/metrics")[1].splitlines():
            match = SAMPLE.match(line)
            if match is None or match[1] != name:
                continue
            has = dict(LABEL.findall(match[2] or ""))
            if all(has.get(label) == value for label, value in labels.items()):
                total += float(match[3])
        return total

    def wait_metric(self, name, predicate, seconds=15.0, **labels):
        wait_until(lambda: predicate(self.metric(name, **labels)),
                   lambda: f"metric {name} {labels or ''}, which is {self.metric(name, **labels)}", seconds)

    def kill(self):
        self.process.kill()

    def stop(self, seconds=30.0):
        return self.process.stop(seconds)

    def close(self):
        if self._trouble():
            self.process.wait(60)  # A sanitizer is still writing its report.
        # At once: what a drain is worth, test_shutdown.py says.
        self.kill()
        assert not self._trouble(), f"the gateway's log says {self._trouble()}:\n{self.process.log()[-8000:]}"

    def _trouble(self):
        log = self.process.log()
        return next((trouble for trouble in TROUBLE if trouble in log), None)
