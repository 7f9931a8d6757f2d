"""nginx, HAProxy and Envoy between workers and a gateway, with the files of deploy/proxies.

A proxy that is not there skips the test: nginx and haproxy are Debian packages; Envoy is $SLUICE_ENVOY, in PATH, or what
scripts/envoy has put into build/tools.
"""
import os
import shutil
import signal
import socket
import subprocess

import pytest

from harness.process import SOURCE, Process, free_port
from harness.wait import wait_until

FILES = SOURCE / "deploy" / "proxies"


def program(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")
    if path is None:
        pytest.skip(f"{name} is not there")
    return path


def certificate(folder):
    """For 127.0.0.1, and its own CA."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
               "-subj", "/CN=edge", "-addext", "subjectAltName=IP:127.0.0.1",
               "-keyout", folder / "tls.key", "-out", folder / "tls.crt"]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    (folder / "tls.pem").write_text((folder / "tls.crt").read_text() + (folder / "tls.key").read_text())
    for file in folder.glob("tls.*"):
        file.chmod(0o644)


class Edge(Process):
    """Terminates TLS at `workers`. Its timeouts of 60 s are 3 s here, `change` edits the text further."""

    file = ""
    certificates = ""

    def __init__(self, folder, gateway_port, change=lambda text: text):
        folder.chmod(0o755)
        certificate(folder)
        port = free_port()
        text = (FILES / self.file).read_text()
        for given, here in ((":8443", f":{port}"), ("listen 8443", f"listen {port}"), ("port_value: 8443", f"port_value: {port}"),
                            ("127.0.0.1:7443", f"127.0.0.1:{gateway_port}"), ("port_value: 7443", f"port_value: {gateway_port}"),
                            (self.certificates, str(folder)), ("60s", "3s")):
            text = text.replace(given, here)
        self.folder = folder
        self.config = folder / self.file
        self.config.write_text(change(self.adapt(text)))
        self.workers = f"127.0.0.1:{port}"
        self.ca_file = folder / "tls.crt"
        super().__init__(self.name, self.command(), folder)
        wait_until(lambda: self.listens(port), lambda: f"{self.name} listens:\n{self.log()[-2000:]}")

    def adapt(self, text):
        """What a test's folder needs besides."""
        return text

    def listens(self, port):
        self.assert_running()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0


class Nginx(Edge):
    name, file, certificates = "nginx", "nginx.conf", "/etc/nginx"

    def adapt(self, text):
        paths = "".join(f"{kind}_temp_path {self.folder}/{kind}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return text.replace("http {", f"http {{ access_log off; {paths}", 1)

    def command(self):
        settings = f"daemon off; pid {self.folder}/nginx.pid; error_log stderr info;"
        return [program("nginx"), "-p", self.folder, "-e", "stderr", "-c", self.config, "-g", settings]

    def reload(self):
        self.signal(signal.SIGHUP)


class Haproxy(Edge):
    name, file, certificates = "haproxy", "haproxy.cfg", "/etc/haproxy"

    def command(self):
        return [program("haproxy"), "-W", "-db", "-f", self.config]

    def reload(self):
        self.signal(signal.SIGUSR2)


class Envoy(Edge):
    name, file, certificates = "envoy", "envoy.yaml", "/etc/envoy"

    def command(self):
        from_wheel = SOURCE / "build" / "tools" / "envoy" / "envoy" / "_bin" / "envoy"
        path = os.environ.get("SLUICE_ENVOY") or (from_wheel if from_wheel.exists() else program("envoy"))
        return [path, "-c", self.config, "--disable-hot-restart", "--concurrency", "1", "-l", "warning"]


EDGES = {edge.name: edge for edge in (Nginx, Haproxy, Envoy)}
