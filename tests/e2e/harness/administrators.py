"""A gateway that lets administrators in by certificate, and what sluicectl answers them."""
import json
import subprocess

from harness.issuer import Authority
from harness.process import BIN


class Administrators:
    """roles: NAME, who is NAME@plant, to the role."""

    def __init__(self, world, **roles):
        self.authority = Authority(world._subfolder("ca"))
        cert, key = self.authority.issue("gateway", "DNS:localhost,IP:127.0.0.1")
        self.audit_file = world.folder / "audit.log"
        self.gateway = world.gateway(
            world.broker(), {"in/#": "c"}, audit={"file": str(self.audit_file)},
            permissions=[{"who": [f"email:{name}@plant"], "role": role} for name, role in roles.items()],
            admin={"listen": "127.0.0.1:0", "auth": {"certificates": {}},
                   "tls": {"certFile": str(cert), "keyFile": str(key), "clientCaFile": str(self.authority.cert)}})

    def ctl(self, name, *command):
        """Exit status and errors of `sluicectl COMMAND…` with the certificate of NAME@plant."""
        cert, key = self.authority.issue(name, f"email:{name}@plant")
        done = subprocess.run(
            [BIN / "sluicectl", "--address", self.gateway.admin, "--ca-file", self.authority.cert, "--cert-file", cert,
             "--key-file", key, *command], capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stderr

    def audit(self):
        """Who, what and the outcome of each line so far."""
        lines = [json.loads(line) for line in self.audit_file.read_text().splitlines()]
        return [(line["who"], line["what"], line["outcome"]) for line in lines]
