"""The release, its broker and its workers, with numbered messages flowing."""
import collections
import json
import os
import pathlib
import signal
import threading
import time

from harness.wait import wait_until
from story.mqtt import Collector, Publisher
from story.oracle import Oracle

from .tools import Failed, Road, ready

HERE = pathlib.Path(__file__).resolve().parent.parent
CHART = HERE.parent.parent / "helm" / "sluice"
RELEASE = "sluice"
GATEWAYS = f"app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component=gateway"
WORKERS = "app=workers"
BROKER = "app=mosquitto"


class Site:
    """options: of the command line. Nothing but the broker is there at construction."""

    def __init__(self, cluster, options):
        self.cluster, self.options = cluster, options
        self.oracle, self.lock = Oracle(), threading.Lock()
        self.written_off = set()  # Lost in a scenario before: reported there.
        self.sets = []            # What scenarios have set besides values.yaml.
        self.road = self.collector = self.publisher = None
        cluster.apply((HERE / "manifests" / "broker.yaml").read_text(), IMAGE=options.broker_image)
        cluster.kubectl("rollout", "status", "statefulset/mosquitto", "--timeout=120s")
        self.road = Road(cluster, "mosquitto", 1883)
        self.collector = self._connect()
        self.publisher = Publisher(self.road.port, True, 1, options.rate, self.oracle, self.lock, host=self.road.host)

    def _connect(self):
        def connected():
            try:
                return Collector(self.road.port, True, self.oracle, self.lock, host=self.road.host)
            except OSError:
                return None

        return wait_until(connected, f"the broker answers on {self.road}", 30)

    def close(self):
        for part in (self.publisher, self.collector, self.road):
            if part is not None:
                part.close()

    # ---- the release

    def helm(self, verb, *sets, wait=True, seconds=180, check=True):
        """install or upgrade, with what was set before and `sets` (NAME=VALUE), which later calls keep if they succeed."""
        repository, _, tag = self.options.gateway_image.rpartition(":")
        arguments = [verb, RELEASE, CHART, "-f", HERE / "values.yaml", f"--set=image.repository={repository}",
                     f"--set-string=image.tag={tag}", f"--timeout={seconds}s", *(f"--set={one}" for one in [*self.sets, *sets])]
        result = self.cluster.helm(*arguments, *(["--wait"] if wait else []), seconds=seconds + 60, check=check)
        if check:
            self.sets += sets
        return result

    def start_workers(self):
        self.cluster.apply((HERE / "manifests" / "workers.yaml").read_text(), IMAGE=self.options.worker_image)

    def wait_for_pods(self, selector, count, seconds=180):
        """Until there are exactly so many, none of them ending, all ready."""
        def there():
            pods = self.cluster.pods(selector).values()
            return len(pods) == count and all(ready(pod) and "deletionTimestamp" not in pod["metadata"] for pod in pods)

        def what():
            states = [f"{name} {'ready' if ready(pod) else 'not ready'}" for name, pod in self.cluster.pods(selector).items()]
            return f"{count} pods of {selector} are ready: {', '.join(states)}"

        self._poll(there, what, seconds)

    def wait_for_rollout(self, kind_and_name, seconds=180):
        self.cluster.kubectl("rollout", "status", kind_and_name, f"--timeout={seconds}s", seconds=seconds + 30)

    @staticmethod
    def _poll(condition, what, seconds):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise Failed(f"not within {seconds} s: {what()}")
            time.sleep(0.3)

    def restarts(self, pod=None):
        """How often the gateways' containers have started again, or that of one pod."""
        return sum(container["restartCount"] for name, one in self.cluster.pods(GATEWAYS).items() if pod in (None, name)
                   for container in one["status"].get("containerStatuses", []))

    def kill_process(self, pod, program):
        """SIGKILL. False: it cannot be seen from here."""
        mine = {f"POD_NAME={pod}".encode(), f"POD_NAMESPACE={self.cluster.namespace}".encode()}
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if (process / "comm").read_text().strip() == program and \
                        mine <= set((process / "environ").read_bytes().split(b"\0")):
                    os.kill(int(process.name), signal.SIGKILL)
                    return True
            except OSError:
                continue  # It is gone, or not ours.
        return False

    def metric(self, pod, name):
        """Sum of a gateway's samples of that name."""
        text = self.cluster.kubectl("get", "--raw", f"/api/v1/namespaces/{self.cluster.namespace}/pods/{pod}:9090/proxy/metrics")
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.split("{")[0].split(" ")[0] == name)

    def settled_by_workers(self, workers):
        """What each of these pods, which have ended, has settled at all gateways together."""
        settled = collections.Counter()
        for gateway in self.cluster.pods(GATEWAYS):
            for line in self.cluster.kubectl("logs", gateway).splitlines():
                event = json.loads(line)
                if event["event"] == "worker stream ended":
                    settled[event["worker"]] += event["settled"]
        return [sum(settled[name] for name in settled if pod in name) for pod in workers
                if any(pod in name for name in settled)]

    def poll(self, condition, what, seconds=60):
        self._poll(condition, lambda: what, seconds)

    # ---- messages

    def flow(self, seconds):
        """Lets messages be published for a while."""
        self.publisher.resume()
        time.sleep(seconds)

    def hold(self):
        """Nothing more is published, without waiting for what is open."""
        self.publisher.running.clear()

    def subscribers(self):
        """Client ids that have subscribed to the share since the broker came up."""
        log = self.cluster.kubectl("logs", "mosquitto-0")
        return [line.split()[1] for line in log.splitlines() if line.endswith("$share/sluice/in/#")]

    def answered(self):
        with self.lock:
            return len(self.oracle.answered)

    def open_messages(self):
        """Accepted, and neither answered nor buried, as far as this scenario is concerned."""
        with self.lock:
            return self.oracle.lost() - self.written_off

    def settle(self):
        """Stops publishing and waits until everything accepted is answered or buried. False: nothing has come for long."""
        self.publisher.pause()
        self.collector.heard = time.monotonic()
        while self.open_messages():
            if time.monotonic() - self.collector.heard > self.options.patience:
                return False
            time.sleep(0.05)
        return True

    def write_off(self):
        with self.lock:
            self.written_off |= self.oracle.lost()

    def report(self):
        with self.lock:
            return self.oracle.report()

    # ---- what it looked like

    def keep_logs(self, folder):
        """Of all pods, those before a restart included, and what the cluster says of them."""
        folder.mkdir(parents=True, exist_ok=True)
        kubectl = self.cluster.kubectl
        for name, arguments in {"pods": ["get", "pods", "-o", "wide"], "describe": ["describe", "pods"],
                                "events": ["get", "events", "--sort-by=.lastTimestamp"], "objects": ["get", "all,pvc,cm"]}.items():
            (folder / f"{name}.log").write_text(kubectl(*arguments, check=False)[1])
        for pod in self.cluster.items("pods"):
            name = pod["metadata"]["name"]
            for suffix, more in (("", []), ("-previous", ["--previous"])):
                status, text = kubectl("logs", name, "--all-containers", *more, check=False)
                if status == 0:
                    (folder / f"{name}{suffix}.log").write_text(text)
