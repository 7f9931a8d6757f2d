"""What an operator does and sees: --check, the log under junk, a replica's name, backups, sessions of replicas that are gone."""
import contextlib
import json
import socket
import subprocess

import pytest
import yaml
from sluice.v1 import worker_pb2 as pb

from harness.ctl import Ctl, ctl
from harness.gateway import config_for
from harness.process import BIN
from harness.wait import wait_until

PROGRAM = BIN / "sluice-gateway"


def certificate(folder, name, *options):
    """A key and a certificate that is signed by it: paths."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    key, "-out", cert, "-subj", f"/CN={name}", "-days", "90", "-addext", "subjectAltName=IP:127.0.0.1",
                    *options], check=True, capture_output=True)
    return cert, key


def check(folder, config):
    """What --check says, and the same from a start, which must not differ."""
    path = folder / "checked.yaml"
    path.write_text(yaml.safe_dump(config))
    checked = subprocess.run([PROGRAM, "--config", path, "--check"], capture_output=True, text=True, timeout=30, check=False)
    if checked.returncode != 0:
        started = subprocess.run([PROGRAM, "--config", path], capture_output=True, text=True, timeout=30, check=False)
        assert (started.returncode, started.stderr) == (checked.returncode, checked.stderr)
    return checked.returncode, checked.stdout + checked.stderr


@pytest.fixture(name="plain")
def plain_config(tmp_path):
    class NoBroker:
        url = "mqtt://127.0.0.1:1"

    config = config_for(NoBroker, {"in": "c"}, journal={"path": str(tmp_path / "state")})
    assert check(tmp_path, config)[0] == 0
    return config


def test_check_names_what_would_fail_at_the_start(tmp_path, plain):
    cert, key = certificate(tmp_path, "one")
    other_cert, _ = certificate(tmp_path, "other")
    weak_cert, weak_key = tmp_path / "weak.pem", tmp_path / "weak.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout", weak_key, "-out", weak_cert,
                    "-subj", "/CN=weak", "-days", "90"], check=True, capture_output=True)
    locked = tmp_path / "locked.key"
    subprocess.run(["openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:hunter2", "-out", locked], check=True)
    wrong = tmp_path / "wrong"
    wrong.write_text("hunter2\n")

    def says(text, **sections):
        status, said = check(tmp_path, {**plain, **sections})
        assert status == 1 and text in said and "hunter2" not in said, said
        assert all(line.startswith(f"{tmp_path}/checked.yaml:") for line in said.splitlines()), said

    def tls(cert_file, key_file):
        return {"listen": "127.0.0.1:0", "tls": {"certFile": str(cert_file), "keyFile": str(key_file)}}

    says("workers.tls.keyFile: file", workers=tls(other_cert, key))
    says("is not the key of the certificate", workers=tls(other_cert, key))
    says("is encrypted", workers=tls(cert, locked))
    says("key too small", workers=tls(weak_cert, weak_key))
    says("holds no PEM certificate", workers=tls(wrong, key))
    says("holds no PEM private key", workers=tls(cert, wrong))
    says("is not shown", workers=tls(cert, "hunter2"))
    says("is no directory", journal={"path": str(wrong)})
    says("more than the", journal={"path": str(tmp_path), "maxBytes": "1024GiB"})
    says("is in the way of", workers={"listen": "0.0.0.0:7443", "insecure": True}, http={"listen": "127.0.0.1:7443"})
    connections = {"a": {"server": "localhost", "clientId": "x"}, "b": {"server": "127.0.0.1:1883", "clientId": "x"}}
    says("has the clientId and the server of connections.a", connections=connections,
         routes=[{"connection": "a", "from": {"path": "in"}, "to": {"path": "c"}}])


def test_a_thousand_junk_connections_are_a_few_lines_of_the_log_and_a_metric(world):
    broker = world.broker()
    cert, key = certificate(world.folder, "gateway")
    gateway = world.gateway_with(config_for(broker, {"in": "c"}, workers={
        "insecure": False, "tls": {"certFile": str(cert), "keyFile": str(key)}}))
    host, port = gateway.workers.rsplit(":", 1)
    for _ in range(1000):
        # Some are closed before they have said anything: they come too fast.
        with contextlib.suppress(ConnectionError), socket.create_connection((host, int(port)), timeout=10) as junk:
            junk.sendall(b"GET / HTTP/1.0\r\n\r\n")
            junk.recv(100)
    gateway.wait_metric("sluice_connections_refused_total", lambda refused: refused >= 1000, listener="workers")
    assert gateway.metric("sluice_connections_refused_total", listener="workers", reason="tls_not_tls") >= 100
    lines = gateway.process.log().splitlines()
    assert len(lines) < 150, f"{len(lines)} lines"
    for line in lines:
        assert json.loads(line)["level"]
    assert "tls_not_tls" in gateway.process.log()
    assert gateway.metric("sluice_certificate_expiry_timestamp_seconds", setting="workers.tls.certFile") > 1_700_000_000


def test_a_worker_that_crash_loops_becomes_a_warning(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    for _ in range(3):
        worker = world.raw_worker(gateway)
        worker.hello("c")
        worker.cancel()
    [warning] = wait_until(lambda: [event for event in gateway.events() if "again and again" in event["event"]],
                           "the gateway warns")
    assert warning["level"] == "warning" and warning["worker"] == "raw/e2e" and warning["times"] == 3


def test_a_gateway_has_a_name_and_shows_chains_that_nothing_came_for(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "busy", "idle": "quiet"}, chains={"spare": {}}, gateway={"name": "edge-7"})
    worker = world.raw_worker(gateway)
    assert worker.hello("busy").gateway == "edge-7"
    operator = Ctl(gateway)
    status = operator.status()
    assert status["gateway"] == "edge-7" and status["draining"] is False
    assert {chain["name"]: chain["waiting"] for chain in status["chains"]} == {"busy": 0, "quiet": 0, "spare": 0}
    assert operator("status").startswith("edge-7, Sluice")
    assert gateway.metric("sluice_gateway_info", gateway="edge-7") == 1
    assert "there is no chain 'bsuy' (did you mean 'busy'?)" in operator("dlq", "list", "--chain", "bsuy", status=1)
    assert "did you mean 'status'?" in operator("statsu", status=2)


def test_dead_letters_are_backed_up_and_put_back_into_another_gateway(world):
    broker = world.broker()
    first = world.gateway(broker, {"in": "c"}, chains={"c": {"maxAttempts": 1}})
    worker = world.raw_worker(first)
    worker.hello("c")
    payloads = {bytes([i]) * (1 + i * 1000) for i in range(20)}
    world.client(broker).publish_all([("in", payload) for payload in payloads])
    for delivery in worker.expect_deliveries(20):
        worker.settle(delivery, outcome=pb.OUTCOME_REJECT, reason="no such sensor")
    operator = Ctl(first)
    wait_until(lambda: len(operator.letters()) == 20, "all are dead")
    backup = world.folder / "letters.jsonl"
    assert "20 dead letters written" in operator("dlq", "export", backup)
    assert backup.stat().st_mode & 0o777 == 0o600
    assert all(json.loads(line)["kind"] == "message" for line in backup.read_text().splitlines())
    assert ctl("dlq", "export", "-", address=first.admin) == backup.read_text()
    first.kill()

    second = world.gateway(broker, {"in": "c"}, chains={"c": {"maxAttempts": 1}})
    other = Ctl(second)
    broken = world.folder / "broken.jsonl"
    broken.write_text(backup.read_text() + '{"id": 3}\n')
    assert f"{broken}:21: " in other("dlq", "import", broken, status=1)
    assert other.letters() == []
    assert "20 dead letters imported, 0 there already" in other("dlq", "import", backup)
    assert "0 dead letters imported, 20 there already" in other("dlq", "import", backup)
    again = world.raw_worker(second)
    again.hello("c")
    assert "20 dead letters replayed" in other("dlq", "replay", "--all", "--yes")
    assert {delivery.payload for delivery in again.expect_deliveries(20)} == payloads


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_the_session_of_a_replica_that_is_gone_is_ended(world, protocol):
    broker = world.broker()

    def replica(number):
        return world.gateway(broker, {"$share/g/in": "c"}, gateway={"name": f"edge-{number}"},
                             connection={"clientId": f"sluice-edge-{number}", "protocol": protocol})

    stays, goes = replica(0), replica(1)
    goes.kill()
    worker = world.raw_worker(stays)
    worker.hello("c")
    device = world.client(broker)
    device.publish_all([("in", b"before")] * 10)
    # mosquitto gives the member that is away its turn.
    assert len(worker.expect_deliveries(5)) == 5

    operator = Ctl(stays)
    said = operator("session", "end", "edge-1", "--yes")
    assert "plant: sluice-edge-1: ended" in said and "NOT" not in said
    assert "is the replica that was asked" in operator("session", "end", "edge-0", "--yes", status=1)

    device.publish_all([("in", str(i).encode()) for i in range(10)])
    came = {delivery.payload for delivery in worker.expect_deliveries(10)}
    assert came == {str(i).encode() for i in range(10)}
