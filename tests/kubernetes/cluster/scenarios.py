"""What happens to a release while messages flow. Each function is a scenario, played in this order; it returns what is worth
noting. Whether anything was lost, tests/kubernetes/run says of each."""
import json
import time

from .site import BROKER, GATEWAYS, RELEASE, WORKERS
from .tools import Failed, ready

BUSY = 1000  # Messages a second, where the scenario is about load.


def check(holds, what):
    if not holds:
        raise Failed(what)


def install(site):
    """helm install --wait, with workers that come at the same time, and the first answer."""
    began = time.monotonic()
    site.start_workers()
    site.helm("install")
    installed = time.monotonic() - began
    site.publisher.resume()
    site.poll(site.answered, "the first answer")
    first = time.monotonic() - began
    check(first <= site.options.first_answer, f"the first answer came after {first:.1f} s, not {site.options.first_answer} s")
    site.wait_for_pods(WORKERS, 2)
    site.flow(3)
    return f"installed in {installed:.1f} s, first answer after {first:.1f} s"


def gateway_deleted(site):
    """A gateway's pod is deleted, and comes back with its volume."""
    return replaced(site, f"{RELEASE}-1")


def gateway_forced(site):
    """The same by force: it has a second to end, and the next pod may come while it still does."""
    return replaced(site, f"{RELEASE}-0", "--grace-period=0", "--force")


def gateway_killed(site):
    """SIGKILL for a gateway's process, in the middle of its work; its container starts again, with the journal as it was left.
    Only where the processes of the cluster can be seen from here: on testcluster, or as root on the node."""
    pod = f"{RELEASE}-2"
    site.flow(3)
    restarts = site.restarts(pod)
    if not site.kill_process(pod, "sluice-gateway"):
        return "skipped: the process cannot be seen from here"
    began = time.monotonic()
    site.poll(lambda: site.restarts(pod) > restarts, f"{pod} has started again")
    site.wait_for_pods(GATEWAYS, 3)
    took = time.monotonic() - began
    site.flow(3)
    return f"{pod} ready again after {took:.1f} s"


def replaced(site, pod, *how):
    before = site.cluster.pods(GATEWAYS)[pod]["metadata"]["uid"]
    site.flow(3)
    began = time.monotonic()
    site.cluster.kubectl("delete", "pod", pod, "--wait=false", *how)

    def back():
        now = site.cluster.pods(GATEWAYS).get(pod)
        return now is not None and now["metadata"]["uid"] != before and ready(now)

    site.poll(back, f"{pod} is back", 150)
    took = time.monotonic() - began
    site.flow(3)
    return f"{pod} ready again after {took:.1f} s"


def gateways_scaled(site):
    """3 → 5 → 2 gateways. What the three that leave have taken in is answered before they go, or waits on their volumes."""
    site.flow(2)
    site.helm("upgrade", "replicaCount=5")
    site.wait_for_pods(GATEWAYS, 5)
    site.flow(5)
    began = time.monotonic()
    site.helm("upgrade", "replicaCount=2")
    site.wait_for_pods(GATEWAYS, 2)
    took = time.monotonic() - began
    site.flow(3)
    stranded = 0 if site.settle() else len(site.open_messages())
    site.helm("upgrade", "replicaCount=5")
    site.wait_for_pods(GATEWAYS, 5)
    site.helm("upgrade", "replicaCount=3")
    site.wait_for_pods(GATEWAYS, 3)
    check(stranded == 0, f"{stranded} messages were answered only when the gateways came back")
    return f"scaled in after {took:.1f} s, nothing waited on volumes"


def load_shared(site):
    """3 gateways and 6 workers: each gateway and each worker has its part, within 20 % of even."""
    site.cluster.kubectl("scale", "deployment/workers", "--replicas=0")
    site.wait_for_pods(WORKERS, 0)
    site.settle()
    site.cluster.kubectl("scale", "deployment/workers", "--replicas=6")
    site.wait_for_pods(WORKERS, 6)
    gateways = sorted(site.cluster.pods(GATEWAYS))
    site.poll(lambda: all(site.metric(name, "sluice_worker_streams") == 6 for name in gateways), "6 workers at each gateway")
    before = [site.metric(name, "sluice_settled_total") for name in gateways]
    site.publisher.interval = 1 / BUSY
    try:
        site.flow(10)
        site.settle()
    finally:
        site.publisher.interval = 1 / site.options.rate
    by_gateway = [int(site.metric(name, "sluice_settled_total") - had) for name, had in zip(gateways, before)]
    names = sorted(site.cluster.pods(WORKERS))
    # What each has settled is logged when its streams end.
    site.cluster.kubectl("scale", "deployment/workers", "--replicas=0")
    site.wait_for_pods(WORKERS, 0)
    by_worker = site.settled_by_workers(names)
    site.cluster.kubectl("scale", "deployment/workers", "--replicas=2")
    site.wait_for_pods(WORKERS, 2)
    off = max(abs(part * len(parts) / sum(parts) - 1) for parts in (by_gateway, by_worker) for part in parts)
    check(len(by_worker) == 6, f"the gateways speak of {len(by_worker)} workers")
    note = f"gateways {by_gateway}, workers {by_worker}, at most {off:.0%} off even"
    check(off <= 0.2, note)
    return note


def workers_scaled(site):
    """1 → 6 → 0 → 2 workers. Without workers messages wait; nothing is turned away."""
    def scale(count):
        site.cluster.kubectl("scale", "deployment/workers", f"--replicas={count}")
        site.wait_for_pods(WORKERS, count)

    scale(1)
    site.flow(3)
    scale(6)
    site.flow(5)
    scale(0)
    before = site.answered()
    site.flow(5)
    waiting = len(site.open_messages())
    check(waiting > 0, "nothing waited without workers: who answered?")
    began = time.monotonic()
    scale(2)
    site.poll(lambda: site.answered() > before, "workers that came back are found", 30)
    found = time.monotonic() - began
    site.flow(3)
    return f"{waiting} messages waited without workers; the first answer {found:.1f} s after they were asked back"


def rolling_upgrade(site):
    """A new revision of the gateways, pod by pod, and of the workers, with 1,000 messages a second."""
    before, began = site.report()["accepted"], time.monotonic()
    site.publisher.interval = 1 / BUSY
    try:
        site.flow(5)
        upgrade_began = time.monotonic()
        site.helm("upgrade", f"podAnnotations.round=r{int(time.time())}", seconds=400)
        site.wait_for_rollout(f"statefulset/{RELEASE}", 400)
        took = time.monotonic() - upgrade_began
        site.cluster.kubectl("rollout", "restart", "deployment/workers")
        site.wait_for_rollout("deployment/workers")
        site.flow(3)
    finally:
        site.publisher.interval = 1 / site.options.rate
    rate = (site.report()["accepted"] - before) / (time.monotonic() - began)
    return f"gateways rolled in {took:.1f} s; {rate:.0f} messages a second were accepted meanwhile"


def broker_restarted(site):
    """The broker's pod is deleted, and comes back with its sessions. mosquitto 2.0.11 comes back without their shared
    subscriptions, and throws away what is published before the gateways ask again: so nothing is, until they have."""
    site.flow(3)
    restarts = site.restarts()
    before = site.cluster.pods(BROKER)["mosquitto-0"]["metadata"]["uid"]
    site.cluster.kubectl("delete", "pod", "mosquitto-0", "--wait=false")
    site.hold()

    def is_back():
        pod = site.cluster.pods(BROKER).get("mosquitto-0")
        return pod is not None and pod["metadata"]["uid"] != before and ready(pod)

    site.poll(is_back, "the broker is back")
    began = time.monotonic()
    site.poll(lambda: len(set(site.subscribers())) == 3, "all gateways have subscribed again", 60)
    took = time.monotonic() - began
    site.wait_for_pods(GATEWAYS, 3)
    check(site.restarts() == restarts, "gateways were restarted because the broker was away")
    answered = site.answered()
    site.flow(3)
    check(site.answered() > answered, "nothing is answered any more")
    return f"all gateways had subscribed again {took:.1f} s after it was ready"


def bad_configuration(site):
    """A configuration that the gateway refuses: the first pod that gets it says why, the others go on serving; and back."""
    site.flow(2)
    history = site.cluster.helm("history", RELEASE, "-o", "json")
    site.helm("upgrade", "config.chains.c.lease=soon", wait=False, check=False)

    def said():
        for name, pod in site.cluster.pods(GATEWAYS).items():
            states = pod["status"].get("containerStatuses", [])
            if any(container["restartCount"] > 0 or "terminated" in container["state"] for container in states):
                log = site.cluster.kubectl("logs", name, "--previous", check=False)[1]
                if "terminated" in states[0]["state"]:
                    log += site.cluster.kubectl("logs", name, check=False)[1]
                lines = [line for line in log.splitlines() if "lease" in line]
                if lines:
                    return name, lines[0]
        return None

    site.poll(said, "a pod that says what is wrong with its configuration", 120)
    name, line = said()
    before = site.answered()
    site.flow(5)
    serving = [other for other, pod in site.cluster.pods(GATEWAYS).items() if ready(pod)]
    check(len(serving) == 2 and name not in serving, f"ready beside {name}, which cannot start: {serving}")
    check(site.answered() > before, "the old pods do not answer any more")
    check("sluice.yaml:" in line, f"{name} does not say where: {line}")
    good = max(one["revision"] for one in json.loads(history))
    site.cluster.helm("rollback", RELEASE, str(good), "--wait", "--timeout=180s", seconds=240)
    site.wait_for_pods(GATEWAYS, 3)
    site.flow(3)
    return f"{name} said: {line.strip()}"


def uninstall(site):
    """Nothing is left but the volumes."""
    check(site.settle(), f"{len(site.open_messages())} messages have no answer")
    site.cluster.helm("uninstall", RELEASE, "--wait", "--timeout=180s", seconds=240)
    site.poll(lambda: not site.cluster.pods(GATEWAYS), "the gateways' pods are gone", 120)
    kinds = site.cluster.kubectl("api-resources", "--namespaced", "--verbs=list", "-o", "name").split()
    kinds = [kind for kind in kinds if not kind.startswith("events") and not kind.endswith("metrics.k8s.io")]

    def left():
        return site.cluster.kubectl("get", ",".join(kinds), "-l", f"app.kubernetes.io/instance={RELEASE}", "-o",
                                    "name").split()

    def only_volumes():
        return all(one.startswith("persistentvolumeclaim/") for one in left())

    site.poll(only_volumes, f"only volumes are left, but: {left()}", 60)
    claims = sorted(left())
    check(claims == [f"persistentvolumeclaim/data-{RELEASE}-{i}" for i in range(5)], f"left are: {claims}")
    return f"{len(claims)} volumes are left"


ALL = [install, gateway_deleted, gateway_forced, gateway_killed, gateways_scaled, load_shared, workers_scaled, rolling_upgrade,
       broker_restarted, bad_configuration, uninstall]
