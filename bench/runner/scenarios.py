"""What is measured. Each function starts its processes, measures, stops them, and returns a dictionary."""

import os
import signal
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from runner import measure
from runner.processes import Children, Failed, free_port

START_S = 20  # How long anything may take to be ready.
CHAIN = "bench"
TOPIC = "bench/in"  # With more than one topic: TOPIC/0, TOPIC/1, …


class Bench:
    """What all scenarios share: where the programs are and how long to measure."""

    def __init__(self, bin_dir, work_dir, disk_dir, seconds, warmup_s, outstanding, perf_dir=None):
        self.bin_dir = bin_dir
        self.work_dir = work_dir
        self.disk_dir = disk_dir  # For what is to stand on a real disk.
        self.seconds = seconds
        self.warmup_s = warmup_s
        self.outstanding = outstanding
        self.perf_dir = perf_dir  # None: no profiles.

    def program(self, name):
        return os.path.join(self.bin_dir, name)

    def children(self):
        return Children(self.work_dir)

    def timeout_s(self):
        return self.warmup_s + self.seconds + 15

    def phases(self):
        return "--warmup", self.warmup_s, "--seconds", self.seconds

    def profile(self, children, process, name):
        """Lets perf watch a process for as long as the run is measured, if profiles are wanted. Its data and a text are
        in perf_dir at the end of `children`."""
        if self.perf_dir is not None:
            data = os.path.join(self.perf_dir, f"{name}.data")
            children.start("perf", "perf", "record", "-F", "499", "-g", "-o", data, "-p", process.pid, "--", "sleep",
                           self.warmup_s + self.seconds)
            children.at_end(lambda: write_profile(data, os.path.join(self.perf_dir, f"{name}.txt")))

    # ---- parts

    def journal(self, children, fsync):
        """The gateway's `journal`, in a directory of its own that goes with `children`; "off": none."""
        if fsync == "off":
            return "{enabled: false}"
        path = tempfile.mkdtemp(prefix="journal-", dir=self.disk_dir)
        children.at_end(lambda: shutil.rmtree(path))
        return f"{{path: \"{path}\", fsync: {fsync}}}"

    def null_broker(self, children, qos, size, *more):
        broker = children.start("null-broker", self.program("sluice-null-broker"), "--qos", qos, "--size", size,
                                "--topic", TOPIC, "--start-on-stdin", *self.phases(), *more)
        return broker, f"127.0.0.1:{broker.wait_for('listening', START_S)['port']}"

    def mosquitto(self, children):
        port = free_port()
        config = os.path.join(self.work_dir, "mosquitto.conf")
        with open(config, "w", encoding="ascii") as out:
            # Without TCP_NODELAY an acknowledgement delays the message behind it by the kernel's 40 ms.
            # User root: no attempt to change it, whoever runs this.
            out.write(f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n"
                      f"max_queued_messages 0\nuser root\n")
        children.start("mosquitto", "mosquitto", "-c", config)
        wait_until(lambda: connects(port), "mosquitto does not listen")
        return f"127.0.0.1:{port}"

    def gateway(self, children, broker, qos, setup=None):
        """Returns the process and the address its workers connect to, when it is ready but for them."""
        gateway = Gateway(broker, qos, setup or Setup())
        config = os.path.join(self.work_dir, "gateway.yaml")
        with open(config, "w", encoding="ascii") as out:
            out.write(gateway.yaml())
        gateway.process = children.start("gateway", self.program("sluice-gateway"), "--config", config)
        wait_until(gateway.subscribed, "the gateway has not subscribed", gateway.process)
        return gateway

    def workers(self, children, gateway, count, qos):
        identity = ("--ca-file", gateway.setup.tls[0]) if gateway.setup.tls else ()
        workers = [
            children.start(f"worker-{i}", self.program("sluice-echo-worker"), "--gateway", gateway.workers_address,
                           "--chain", CHAIN, "--reply-topic", "bench/out", "--reply-qos", qos, *identity)
            for i in range(count)
        ]
        wait_until(lambda: gateway.metric("sluice_worker_streams") == count, "the workers have not connected",
                   gateway.process)
        return workers


class Setup:
    """What differs between the gateways that are measured."""

    def __init__(self, driver="wire", window=1000, routes=1, chain_options="", journal="{enabled: false}", tls=None, processors=""):
        self.driver = driver
        self.window = window  # Unacknowledged messages of QoS 1 and 2, each way: the broker's and the gateway's.
        self.routes = routes  # Of which the first takes all messages.
        self.chain_options = chain_options
        self.journal = journal
        self.processors = processors  # Of the routes' from, cut at commas.
        self.tls = tls  # Certificate and key of the workers' listener; None: plain text.


class Gateway:
    """A gateway as a process with two ports."""

    def __init__(self, broker, qos, setup):
        self.broker = broker
        self.qos = qos
        self.setup = setup
        self.workers_address = f"127.0.0.1:{free_port()}"
        self.http_address = f"127.0.0.1:{free_port()}"
        self.process = None

    def yaml(self):
        setup = self.setup
        listener = f'tls: {{certFile: "{setup.tls[0]}", keyFile: "{setup.tls[1]}"}}' if setup.tls else "insecure: true"
        routes = "\n".join(f"""  - {{id: bench-{i}, connection: bench, from: {{path: {filter_name}, qos: {self.qos}, processors: [{setup.processors}]}},
     to: {{path: "chain:{CHAIN}"}}}}""" for i, filter_name in
                           enumerate(["bench/in/#"] + [f"other/{i}/+" for i in range(1, setup.routes)]))
        return f"""
connections:
  bench: {{server: "tcp://{self.broker}", clientId: sluice-bench, protocol: "5", driver: {setup.driver},
          receiveMaximum: {setup.window}, publishWindow: {setup.window}}}
routes:
{routes}
chains:
  {CHAIN}: {{lease: 60s{setup.chain_options}}}
workers: {{listen: "{self.workers_address}", {listener}}}
journal: {setup.journal}
http: {{listen: "{self.http_address}"}}
"""

    def get(self, path):
        """Status and body; status 0 when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://{self.http_address}{path}", timeout=2) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def subscribed(self):
        return self.get("/readyz")[0] == 200

    def metric(self, name):
        """The sum of a metric's series."""
        values = [line.rpartition(" ")[2] for line in self.get("/metrics")[1].splitlines()
                  if line.startswith((name + " ", name + "{"))]
        return sum(float(value) for value in values)


def connects(port):

    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def write_profile(data, text):
    """Where time is spent, the most expensive first: by thread and library, then by function."""
    with open(text, "w", encoding="utf-8") as out:
        for fields in ("overhead,comm,dso", "overhead,dso,sym"):
            report = subprocess.run(["perf", "report", "--stdio", "--no-children", "-g", "none", "--percent-limit",
                                     "0.3", "-F", fields, "-i", data], stdout=subprocess.PIPE,
                                    stderr=subprocess.DEVNULL, text=True, check=False).stdout
            out.writelines(line.rstrip() + "\n" for line in report.splitlines() if line and not line.startswith("#"))
            out.write("\n")


def wait_until(condition, otherwise, process=None):
    deadline = time.monotonic() + START_S
    while not condition():
        gone = process is not None and not process.running()
        if gone or time.monotonic() > deadline:
            log = f"; its log:\n{process.log_tail()}" if process is not None else ""
            raise Failed(f"{otherwise}{log}")
        time.sleep(0.02)


# ---------------------------------------------------------------------------------------------- the gateway


def gateway_throughput(bench, qos, size, workers, setup, topics=1, fsync="off"):
    """Messages of `size` through gateway and workers, as fast as `outstanding` allows."""
    with bench.children() as children:
        setup.journal = bench.journal(children, fsync)
        broker, address = bench.null_broker(children, qos, size, "--outstanding", bench.outstanding, "--window",
                                            setup.window, "--topics", topics)
        gateway = bench.gateway(children, address, qos, setup)
        rest_mib = gateway.process.memory_mib()[0]
        worker_processes = bench.workers(children, gateway, workers, qos)
        broker.wait_for("ready", START_S)
        bench.profile(children, gateway.process, f"{setup.driver}-qos{qos}-{size}B-{workers}workers-{fsync}")
        broker.tell("go")
        result = measure.run(broker, {"gateway": [gateway.process], "workers": worker_processes, "broker": [broker]},
                             bench.timeout_s(), writers=["gateway"])
        result["rest_rss_mib"] = rest_mib
        return result


def gateway_stopped_worker(bench, size, queue_mib):
    """Messages of QoS 1 and nobody who works: how far memory grows over what it was at rest."""
    with bench.children() as children:
        broker, address = bench.null_broker(children, 1, size, "--outstanding", 0, "--intake-only", "--drain", 0)
        queue = f", queue: {{maxMessages: 1000000, maxBytes: {queue_mib}MiB}}"
        gateway = bench.gateway(children, address, 1, Setup(chain_options=queue))
        worker = bench.workers(children, gateway, 1, 1)[0]
        rest_mib = gateway.process.memory_mib()[0]
        broker.wait_for("ready", START_S)
        worker.send_signal(signal.SIGSTOP)
        broker.tell("go")
        broker.wait_for("result", bench.timeout_s())
        peak_mib = gateway.process.memory_mib()[1]
        worker.send_signal(signal.SIGCONT)
        return {"rest_rss_mib": rest_mib, "peak_rss_mib": peak_mib, "queue_mib": queue_mib,
                "messages_in_queue": gateway.metric("sluice_queue_messages"),
                "messages_in_flight": gateway.metric("sluice_in_flight_messages")}


def gateway_path(bench, qos, size, batch, rate, fsync="off"):
    """The gateway with a fake in the MQTT driver's place, at most `batch` messages to a call; `rate` 0: as fast as it goes."""
    with bench.children() as children:
        journal = ()
        if fsync != "off":
            directory = tempfile.mkdtemp(prefix="journal-", dir=bench.disk_dir)
            children.at_end(lambda: shutil.rmtree(directory))
            journal = ("--journal", directory, "--fsync", fsync)
        path = children.start("path", bench.program("path_bench"), "--qos", qos, "--size", size, "--batch", batch,
                              "--rate", rate, "--outstanding", bench.outstanding, *bench.phases(), *journal)
        address = path.wait_for("listening", START_S)["workers"]
        worker = children.start("worker", bench.program("sluice-echo-worker"), "--gateway", address, "--chain", CHAIN,
                                "--reply-topic", "bench/out", "--reply-qos", qos)
        return measure.run(path, {"process": [path], "workers": [worker]}, bench.timeout_s())


# ---------------------------------------------------------------------------------------------- the disk


def sync_times(bench, size=4096, seconds=2):
    """What a write of `size` and its fdatasync take in a file that is allocated, one after the other."""
    times = []
    with tempfile.NamedTemporaryFile(prefix="sync-", dir=bench.disk_dir) as file:
        os.posix_fallocate(file.fileno(), 0, 16 << 20)
        os.fsync(file.fileno())
        data, offset = b"x" * size, 0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            begin = time.perf_counter()
            os.pwrite(file.fileno(), data, offset % (16 << 20))
            os.fdatasync(file.fileno())
            times.append(1e6 * (time.perf_counter() - begin))
            offset += size
    times.sort()
    return {"count": len(times), "p50_us": times[len(times) // 2], "p99_us": times[len(times) * 99 // 100]}


# ---------------------------------------------------------------------------------------------- the floors


def paho_floor(bench, kind, qos, size, window):
    """Paho C++ alone: `kind` "intake" or "echo"."""
    with bench.children() as children:
        more = ("--intake-only",) if kind == "intake" else ("--outstanding", bench.outstanding)
        broker, address = bench.null_broker(children, qos, size, "--window", window, *more)
        paho = children.start(f"paho-{kind}", bench.program(f"floor_paho_{kind}"), "--broker", address, "--qos", qos)
        broker.wait_for("ready", START_S)
        broker.tell("go")
        return measure.run(broker, {"paho": [paho], "broker": [broker]}, bench.timeout_s())


def grpc_floor(bench, batch, size, outstanding=None):
    """The worker stream's frames over gRPC alone, `batch` messages to a frame."""
    with bench.children() as children:
        server = children.start("grpc-server", bench.program("floor_grpc_stream"), "serve", "--batch", batch,
                                "--size", size, "--outstanding", outstanding or bench.outstanding, *bench.phases())
        port = server.wait_for("listening", START_S)["port"]
        worker = children.start("grpc-worker", bench.program("floor_grpc_stream"), "work", "--gateway",
                                f"127.0.0.1:{port}")
        return measure.run(server, {"server": [server], "worker": [worker]}, bench.timeout_s())


# ---------------------------------------------------------------------------------------------- idle


def idle_round_trip(bench, qos, size, through_gateway):
    """One message at a time through mosquitto: answered by the gateway's worker, or by an echo of the broker's own."""
    with bench.children() as children:
        address = bench.mosquitto(children)
        load = (bench.program("sluice-load"), "--broker", address, "--qos", qos, "--size", size)
        watched = {}
        if through_gateway:
            gateway = bench.gateway(children, address, qos)
            watched = {"gateway": [gateway.process], "workers": bench.workers(children, gateway, 1, qos)}
        else:
            children.start("echo", *load, "echo").wait_for("ready", START_S)
        source = children.start("load", *load, *bench.phases(), "idle")
        return measure.run(source, watched, bench.timeout_s())
