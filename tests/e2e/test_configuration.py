"""The program's command line, and --check."""
import os
import re
import subprocess

import pytest
import yaml

from harness.gateway import Gateway, config_for
from harness.issuer import Authority
from harness.process import BIN, SOURCE, Process
from harness.wait import wait_until

PROGRAM = BIN / "sluice-gateway"


def run(*args, env=None):
    return subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True, timeout=30,
                          env={**os.environ, **(env or {})})


def test_check_accepts_the_example_for_beginners():
    done = run("--config", SOURCE / "docs" / "examples" / "first.yaml", "--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_check_prints_every_error_with_its_place(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("""connections:
  plant:
    servr: mqtt://127.0.0.1
    qos: 7
routes:
  - id: r
    connection: nowhere
    from: {path: "a/#/b"}
    to: {path: "chain:c"}
workers: {listen: "127.0.0.1:0"}
replies: {allow: "no list+"}
""")
    done = run("--config", path, "--check")

    assert done.returncode == 1
    places = re.findall(r"^\S*bad\.yaml:(\d+):(\d+): (.+)$", done.stderr + done.stdout, re.MULTILINE)
    lines = [int(line) for line, _, _ in places]
    assert {3, 4, 7, 8} <= set(lines), done.stderr
    assert any("server" in text for line, _, text in places if line == "3"), "names the nearest key"
    assert "Traceback" not in done.stderr and "terminate" not in done.stderr


def test_a_bad_configuration_ends_the_program_with_the_same_errors(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("routes: 3\n")
    done = run("--config", path)
    assert done.returncode == 1
    assert f"{path}:1:" in done.stderr


def test_a_file_that_is_not_there_or_is_no_yaml_is_said_so(tmp_path):
    missing = run("--config", tmp_path / "none.yaml", "--check")
    assert missing.returncode == 1 and "none.yaml" in missing.stderr
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [1, 2\nb: }")
    done = run("--config", broken, "--check")
    assert done.returncode == 1 and "broken.yaml:" in done.stderr


def test_places_that_cannot_be_are_told_by_check(tmp_path):
    class NoBroker:
        url = "mqtt://127.0.0.1:1"

    def says(text, **sections):
        path = tmp_path / "places.yaml"
        path.write_text(yaml.safe_dump({**config_for(NoBroker, {"in": "c"}), "journal": {"path": str(tmp_path / "state")}, **sections}))
        done = run("--config", path, "--check")
        assert done.returncode == 1 and text in done.stdout + done.stderr, done.stdout + done.stderr

    os.mkfifo(tmp_path / "pipe")
    says("'/proc' is the kernel's, and keeps no files", journal={"path": "/proc/sluice"})
    says("'/sys/kernel' is the kernel's", journal={"path": "/sys/kernel/sluice/deep"})
    says("'~' is not expanded", journal={"path": "~/sluice"})
    says("audit.file: ", audit={"file": str(tmp_path)})
    says(f"'{tmp_path}/none' is not there", audit={"file": f"{tmp_path}/none/audit.log"})
    says(f"'{tmp_path}/none' is not there", admin={"listen": f"unix:{tmp_path}/none/s"})
    says("is no regular file", http={"listen": "127.0.0.1:0", "metricsTokenFile": str(tmp_path / "pipe")})
    says("Is a directory", http={"listen": "127.0.0.1:0", "metricsTokenFile": str(tmp_path)})


# Where a file is named that is read again while the gateway runs.
WATCHED = [
    ("permissionsFile",),
    ("http", "metricsTokenFile"),
    ("http", "tls", "certFile"),
    ("workers", "tls", "clientCrl"),
    ("workers", "tls", "clientCaFile"),
    ("workers", "tls", "keyPasswordFile"),
    ("workers", "auth", "jwt", 0, "jwksFile"),
    ("connections", "plant", "passwordFile"),
    ("connections", "plant", "caFile"),
    ("connections", "plant", "tls", "crl"),
    ("connections", "plant", "tls", "keyPasswordFile"),
]


@pytest.mark.parametrize("key", WATCHED, ids=lambda key: ".".join(map(str, key)))
@pytest.mark.parametrize("what", ["pipe", "device"])
def test_a_pipe_or_a_device_in_place_of_a_file_is_told_and_not_waited_for(tmp_path, key, what):
    class NoBroker:
        url = "mqtts://127.0.0.1:1"

    no_file = "/dev/zero"
    if what == "pipe":
        no_file = str(tmp_path / "pipe")
        os.mkfifo(no_file)
    path = tmp_path / "gateway.yaml"
    section = config = {**config_for(NoBroker, {"in": "c"}), "journal": {"path": str(tmp_path / "state")}}
    config["workers"]["auth"] = {"jwt": [{"issuer": "i", "audiences": ["sluice"]}]}
    for step in key[:-1]:
        section = section.setdefault(step, {}) if isinstance(section, dict) else section[step]
    section[key[-1]] = no_file
    path.write_text(yaml.safe_dump(config))
    for more in (["--check"], []):
        done = run("--config", path, *more)
        said = done.stdout + done.stderr
        assert done.returncode == 1, said
        assert re.search(rf"{key[-1]}: .*(it is no regular file|is neither a regular file nor a directory)", said), said


def test_a_pipe_that_takes_a_files_place_while_the_gateway_runs_stops_nothing(world):
    rules = world.folder / "rules.yaml"
    rules.write_text('permissions: [{who: ["**"], chains: ["*"]}]\n')
    authority = Authority(world._subfolder("ca"))
    cert, key = authority.issue("gateway", "DNS:localhost,IP:127.0.0.1")
    workers = {"insecure": False, "auth": {"certificates": {}},
               "tls": {"certFile": str(cert), "keyFile": str(key), "clientCaFile": str(authority.cert)}}
    gateway = world.gateway(world.broker(), {"in": "c"}, workers=workers, permissionsFile=str(rules))
    for file, said in ((rules, "the rules cannot be used; the last good ones stay"),
                       (cert, "TLS files are not usable, the last good ones stay in use")):
        pipe = file.with_suffix(".pipe")
        os.mkfifo(pipe)
        pipe.rename(file)
        wait_until(lambda event=said: gateway.events(event), said)
        told = gateway.events(said)[-1]
        assert "it is no regular file" in told.get("why", told.get("detail"))
    assert gateway.get("/healthz")[0] == 200


def test_a_port_that_is_taken_is_named(world):
    broker = world.broker()
    first = world.gateway(broker, {"in": "c"})
    for section in ("workers", "http"):
        taken = getattr(first, section)
        config = config_for(broker, {"in": "c"})
        config[section]["listen"] = taken
        path = world.folder / f"{section}.yaml"
        path.write_text(yaml.safe_dump(config))
        done = run("--config", path)
        assert done.returncode == 1
        assert taken in done.stderr + done.stdout


def test_a_journal_that_everybody_may_write_to_is_a_warning_and_one_that_is_made_is_private(world, tmp_path):
    broker = world.broker()
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    told = "can be written to by every user of this machine"
    gateway = world.gateway(broker, {"in": "c"}, journal={"path": str(open_to_all)})
    [warning] = [event["says"] for event in gateway.events("configuration warning") if told in event["says"]]
    assert f"journal.path: '{open_to_all}' {told} (mode 0777)" in warning
    checked = run("--config", gateway.config_path, "--check")
    assert checked.returncode == 0 and told in checked.stdout + checked.stderr
    assert (open_to_all / "journal").stat().st_mode & 0o777 == 0o700

    private = tmp_path / "not" / "there"
    gateway = world.gateway(broker, {"in": "c"}, journal={"path": str(private)})
    assert told not in gateway.process.log()
    assert private.stat().st_mode & 0o777 == 0o700
    assert private.parent.stat().st_mode & 0o777 == 0o700


def test_a_socket_for_workers_is_one_gateways_and_its_users(world):
    broker = world.broker()
    socket = world.folder / "workers.sock"
    first = world.gateway(broker, {"in": "c"}, workers={"listen": f"unix:{socket}"})
    assert socket.stat().st_mode & 0o777 == 0o600

    config = config_for(broker, {"in": "c"}, workers={"listen": f"unix:{socket}"}, journal={"path": str(world.folder / "second")})
    path = world.folder / "second.yaml"
    path.write_text(yaml.safe_dump(config))
    done = run("--config", path)
    assert done.returncode == 1
    assert "a running process listens there already" in done.stderr + done.stdout
    worker = world.answering_worker(first)
    world.client(broker).publish("in", b"x")
    worker.expect_deliveries(1)
    assert worker.alive()


def test_a_first_try_needs_no_file(world):
    broker = world.broker()

    class FlagGateway(Gateway):
        def __init__(self, folder):
            self.process = Process("gateway", [
                PROGRAM, "--broker", broker.url, "--subscribe", "in/#=c", "--insecure", "--workers-listen", "127.0.0.1:0",
                "--http-listen", "127.0.0.1:0", "--log-format", "json"], folder)
            self.starts = 1
            self._wait_for_addresses()
            self.wait_ready()

    gateway = world.process(FlagGateway)
    world.echo_worker(gateway, chain="c", reply_topic="out")
    replies = world.subscriber(broker, "out")
    replies.publish("in/x", b"hello")
    assert replies.expect(1)[0].payload == b"hello"


def test_metrics_of_the_process_and_of_the_path_are_there(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    world.echo_worker(gateway, chain="c", reply_topic="out")
    replies = world.subscriber(broker, "out")
    replies.publish_all([("in", b"x")] * 10)
    replies.expect(10)
    assert gateway.metric("process_resident_memory_bytes") > 1_000_000
    assert gateway.metric("process_open_fds") > 3
    assert gateway.metric("sluice_build_info") == 1
    gateway.wait_metric("sluice_settled_total", lambda settled: settled == 10, outcome="ack")
    gateway.wait_metric("sluice_replies_total", lambda sent: sent == 10)
    assert gateway.metric("sluice_mqtt_connected") >= 1
