"""The HTTP port: TLS and a token by choice, and probes whatever others do to it."""
import contextlib
import http.client
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest

from harness.gateway import config_for
from harness.wait import wait_until


def issue(folder, name):
    """A certificate of its own for 127.0.0.1, of this common name."""
    key, cert = folder / f"{name}.key", folder / f"{name}.crt"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90",
               "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    return cert, key


def get(address, path, trust, token=None):
    """Status and body, by HTTPS."""
    connection = http.client.HTTPSConnection(address, timeout=5, context=ssl.create_default_context(cafile=trust))
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        response = connection.getresponse()
        return response.status, response.read().decode()


@pytest.fixture
def secured(world, tmp_path):
    """A gateway whose port has TLS and a token; the files it reads."""
    cert, key = issue(tmp_path, "first")
    files = {"certFile": tmp_path / "tls.crt", "keyFile": tmp_path / "tls.key"}
    shutil.copy(cert, files["certFile"])
    shutil.copy(key, files["keyFile"])
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    config = config_for(world.broker(), {"in": "c"})
    config["http"]["tls"] = {name: str(path) for name, path in files.items()}
    config["http"]["metricsTokenFile"] = str(token)
    gateway = world.gateway_with(config, ready=False)
    return gateway, files, token, cert


def test_probes_come_by_https_and_metrics_need_the_token(secured):
    gateway, _, _, trust = secured

    assert get(gateway.http, "/healthz", trust) == (200, "ok\n")
    wait_until(lambda: get(gateway.http, "/readyz", trust)[0] == 200, "the gateway is ready")
    assert get(gateway.http, "/metrics", trust)[0] == 401
    assert get(gateway.http, "/metrics", trust, "wrong")[0] == 401
    status, text = get(gateway.http, "/metrics", trust, "s3cret")
    assert status == 200 and "sluice_build_info" in text
    assert gateway.get("/healthz")[0] == 0, "plain HTTP"
    assert "s3cret" not in text + gateway.process.log()


def test_a_replaced_certificate_and_token_are_taken_without_a_restart(secured, tmp_path):
    gateway, files, token, first = secured
    cert, key = issue(tmp_path, "second")

    files["certFile"].write_text("junk")
    wait_until(lambda: gateway.events("TLS files are not usable, the last good ones stay in use"), "junk is told")
    assert get(gateway.http, "/healthz", first)[0] == 200

    shutil.copy(cert, files["certFile"])
    shutil.copy(key, files["keyFile"])
    wait_until(lambda: gateway.events("TLS files read again"), "the new certificate is read")
    assert get(gateway.http, "/healthz", cert)[0] == 200
    with pytest.raises(ssl.SSLError):
        get(gateway.http, "/healthz", first)

    token.write_text("another\n")
    wait_until(lambda: get(gateway.http, "/metrics", cert, "another")[0] == 200, "the new token is taken")
    assert get(gateway.http, "/metrics", cert, "s3cret")[0] == 401


def test_probes_answer_within_a_second_beside_silent_sockets_and_many_new_ones(world):
    gateway = world.gateway(world.broker(), {"in": "c"})
    host, port = gateway.http.rsplit(":", 1)
    open_fds = gateway.metric("process_open_fds")
    sockets, stop = [], threading.Event()

    def add():
        sockets.append(socket.create_connection((host, int(port)), timeout=5))

    def flood():
        while not stop.is_set():
            add()
            time.sleep(0.01)

    for _ in range(1000 if gateway.metric("process_max_fds") > 2000 else 400):
        add()
    thread = threading.Thread(target=flood)
    thread.start()
    try:
        for i in range(30):
            begin = time.monotonic()
            assert gateway.get("/readyz" if i % 2 else "/healthz")[0] == 200
            assert time.monotonic() - begin < 1
            time.sleep(0.1)
    finally:
        stop.set()
        thread.join()
        for each in sockets:
            each.close()
    wait_until(lambda: gateway.metric("process_open_fds") <= open_fds + 2, "all descriptors are back")
    assert gateway.metric("sluice_connections_refused_total", listener="http", reason="http_request_time") > 0


def test_the_limit_of_descriptors_is_raised_and_shown(world):
    gateway = world.gateway(world.broker(), {"in": "c"})
    limits = open(f"/proc/{gateway.process.pid}/limits").read()
    soft, hard = next(line.split()[3:5] for line in limits.splitlines() if line.startswith("Max open files"))

    assert soft == hard
    assert gateway.metric("process_max_fds") == int(soft)
    assert gateway.events("sluice-gateway starts")[0]["file_descriptors"] <= int(soft)
