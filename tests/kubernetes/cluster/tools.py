"""kubectl and helm, of whatever cluster KUBECONFIG names."""
import json
import os
import socket
import subprocess
import threading
import time

HELM = os.environ.get("HELM", "helm")
KUBECTL = os.environ.get("KUBECTL", "kubectl")


class Failed(Exception):
    """A command that had to succeed did not."""


def run(*command, stdin=None, seconds=180, check=True):
    """What it printed; with check=False (status, all that it said)."""
    done = subprocess.run([str(part) for part in command], input=stdin, text=True, capture_output=True, timeout=seconds,
                          check=False)
    if not check:
        return done.returncode, done.stdout + done.stderr
    if done.returncode != 0:
        raise Failed(f"{' '.join(str(part) for part in command)}: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout


class Cluster:
    """One namespace of it."""

    def __init__(self, namespace):
        self.namespace = namespace

    def kubectl(self, *arguments, **options):
        return run(KUBECTL, "-n", self.namespace, *arguments, **options)

    def helm(self, *arguments, **options):
        return run(HELM, "-n", self.namespace, *arguments, **options)

    def apply(self, manifest, **names):
        for name, value in names.items():
            manifest = manifest.replace("${" + name + "}", value)
        self.kubectl("apply", "-f", "-", stdin=manifest)

    def items(self, kind, selector=None):
        found = self.kubectl("get", kind, *(["-l", selector] if selector else []), "-o", "json")
        return json.loads(found)["items"]

    def pods(self, selector):
        """Name to pod, those that are ending included."""
        return {pod["metadata"]["name"]: pod for pod in self.items("pods", selector)}


def ready(pod):
    conditions = pod.get("status", {}).get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def answers(host, port):
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((host, port)) == 0


class Road:
    """The way from here to a Service: its address where that can be reached from here, else `kubectl port-forward`, started
    again whenever it ends with the pod that it led to. `host` and `port` stay the same."""

    def __init__(self, cluster, service, port):
        self.cluster, self.service, self.target = cluster, service, port
        self.child = None
        self.ending = False
        address = json.loads(cluster.kubectl("get", "service", service, "-o", "json"))["spec"]["clusterIP"]
        # What has just become ready may take a moment to be reachable.
        self.direct = any(answers(address, port) or time.sleep(1) for _ in range(3))
        self.host, self.port = (address, port) if self.direct else ("127.0.0.1", self._free_port())
        if not self.direct:
            threading.Thread(target=self._forward, daemon=True).start()

    def __str__(self):
        return f"{self.host}:{self.port}" + ("" if self.direct else " (port-forward)")

    @staticmethod
    def _free_port():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def _forward(self):
        while not self.ending:
            self.child = subprocess.Popen(
                [KUBECTL, "-n", self.cluster.namespace, "port-forward", f"service/{self.service}", f"{self.port}:{self.target}"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.child.wait()
            time.sleep(0.2)

    def close(self):
        self.ending = True
        if self.child is not None:
            self.child.terminate()
