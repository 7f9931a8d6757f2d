"""Secrets, planted wherever a user may keep one, stand in nothing that a gateway or sluicectl tells, nor in their files."""
import contextlib
import json
import os
import signal
import subprocess
import urllib.error
import urllib.request

import grpc
import pytest
import yaml

from harness.gateway import config_for
from harness.issuer import Authority, Issuer, base64url, openssl
from harness.process import BIN, free_port
from harness.secrets import Planted
from harness.wait import wait_until
from sluice.v1 import worker_pb2 as pb

GATEWAY = BIN / "sluice-gateway"


def run(program, *args, env=None):
    done = subprocess.run([program, *map(str, args)], capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
                          env={**os.environ, **(env or {})})
    return done.returncode, done.stdout + done.stderr


def shown(token):
    return (("authorization", f"Bearer {token}"),)


class Plant:
    """A gateway with secrets on all of its sides, and who has them."""

    def __init__(self, world):
        self.world = world
        self.planted = planted = Planted()
        self.folder = world._subfolder("secrets")
        self.authority = Authority(self.folder)
        self.issuer = Issuer(self.folder)
        planted.key("the issuer's key", self.issuer.keys["key-1"])
        planted.key("the CA's key", self.authority.key)
        self.passwords = {name: planted.word(f"{name}-password") for name in ("inline", "env", "file", "tls")}
        self.wrong_password = planted.word("wrong-password")
        self.cert, self.key = self.authority.issue("gateway", "DNS:localhost,IP:127.0.0.1")
        self.client_cert, self.client_key = self.authority.issue("client", "DNS:client")
        planted.key("the listeners' key", self.key)
        planted.key("the key for the broker", self.client_key)
        self.password_file = self.folder / "password"
        self.password_file.write_text(self.passwords["file"] + "\n")
        self.metrics_token = planted.word("metrics-token")
        self.metrics_file = self.folder / "metrics-token"
        self.metrics_file.write_text(self.metrics_token + "\n")
        self.audit = self.folder / "audit.log"
        self.broker = world.broker(users={**self.passwords, "refused": planted.word("right-password"), "test": "test"},
                                   options=self._tls_listener())
        self.env = {"E2E_PASSWORD": self.passwords["env"]}

    def _tls_listener(self):
        self.tls_port = free_port()
        return [f"listener {self.tls_port} 127.0.0.1", f"cafile {self.authority.cert}", f"certfile {self.cert}",
                f"keyfile {self.key}", "require_certificate true"]

    def config(self):
        url = self.broker.url
        config = config_for(self.broker, {})
        config["connections"] = {
            "inline": {"server": url, "clientId": "a", "username": "inline", "password": self.passwords["inline"]},
            "env": {"server": url, "clientId": "b", "username": "env", "password": "${E2E_PASSWORD}"},
            "file": {"server": url, "clientId": "c", "username": "file", "passwordFile": str(self.password_file)},
            "tls": {"server": f"mqtts://127.0.0.1:{self.tls_port}", "clientId": "d", "username": "tls", "password": self.passwords["tls"],
                    "caFile": str(self.authority.cert), "certFile": str(self.client_cert), "certKeyFile": str(self.client_key)},
            "refused": {"server": url, "clientId": "e", "username": "refused", "password": self.wrong_password},
        }
        config["routes"] = [{"id": name, "connection": name, "from": {"path": f"in/{name}", "qos": 1}, "to": {"path": "chain:c"}}
                            for name in config["connections"]]
        tls = {"certFile": str(self.cert), "keyFile": str(self.key), "clientCaFile": str(self.authority.cert)}
        auth = {"certificates": {}, "jwt": [{"issuer": self.issuer.url, "audiences": ["sluice"], "jwksFile": str(self.issuer.jwks)}]}
        config["workers"] = {"listen": "127.0.0.1:0", "tls": tls, "auth": auth}
        config["admin"] = {"listen": "127.0.0.1:0", "tls": tls, "auth": auth}
        config["http"]["metricsTokenFile"] = str(self.metrics_file)
        config["audit"] = {"file": str(self.audit)}
        config["permissions"] = [{"who": ["sub:*", "sub:**"], "chains": ["c"], "replies": {"allow": ["out"]}, "role": "viewer"},
                                 {"who": ["dns:client"], "chains": ["c"], "role": "admin"}]
        return config

    def start(self):
        self.gateway = self.world.gateway_with(self.config(), ready=False, env=self.env)
        self.state = self.gateway.config_path.parent / "state"
        wait_until(lambda: len({event["connection"] for event in self.gateway.events("mqtt subscribed")}) >= 4, "four connections are there")
        return self.gateway

    def worker(self, token):
        trust = grpc.ssl_channel_credentials(self.authority.cert.read_bytes())
        return self.world.raw_worker(self.gateway, credentials=trust, metadata=shown(token))

    def administer(self, method, token):
        """The bytes of the answer, or what the error says."""
        trust = grpc.ssl_channel_credentials(self.authority.cert.read_bytes())
        with grpc.secure_channel(self.gateway.admin, trust) as channel:
            call = channel.unary_unary(f"/sluice.v1.AdminService/{method}")
            try:
                return call(b"", metadata=shown(token), timeout=30)
            except grpc.RpcError as error:
                return f"{error.code()} {error.details()} {error.trailing_metadata()}"

    def ctl(self, *args, cert=None, key=None):
        return run(BIN / "sluicectl", "--address", self.gateway.admin, "--ca-file", self.authority.cert, "--cert-file",
                   cert or self.client_cert, "--key-file", key or self.client_key, *args)

    def http(self, path, token=None):
        request = urllib.request.Request(f"http://{self.gateway.http}{path}", headers={"Authorization": f"Bearer {token}"} if token else {})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode() + str(error.headers)

    def look(self):
        """At all that the gateway tells without being asked, and keeps."""
        self.planted.see("the log", self.gateway.process.log())
        for path in self.gateway.config_path.parent.iterdir():
            if path.is_file() and path not in (self.gateway.config_path, self.gateway.process.log_path):
                self.planted.see(str(path), path.read_bytes())
        self.planted.see_folder(self.state)
        if self.audit.exists():
            self.planted.see("the audit file", self.audit.read_bytes())


@pytest.fixture(name="plant")
def plant_in(world):
    return Plant(world)


def test_what_is_told_would_be_found(tmp_path):
    planted = Planted()
    word = planted.word("word")
    planted.token("token", "head.body.signature")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(b"\0" + word.encode() + b"\xff")
    planted.see_folder(tmp_path)
    planted.see("a log", "a body, of no use")
    planted.see("metrics", "nothing")
    assert [(name, where) for name, where, _ in planted.told()] == [("word", str(tmp_path / "deep" / "file")), ("token", "a log")]


def refused_workers(plant):
    """Tokens that are refused, each for a reason of its own."""
    issuer, planted = plant.issuer, plant.planted
    good = planted.token("a worker's token", issuer.token())
    bad = [good[:-6] + "AAAAAA", issuer.token(seconds=-500), issuer.token(audience="vault"), planted.word("no-token")]
    for token in bad:
        planted.token("a token that is refused", token)
        nobody = plant.worker(token)
        nobody.say_hello("c")
        planted.see("what a refused worker hears", str(nobody.expect_end()))
    return good


def test_a_gateway_at_work_tells_no_secret(plant):
    gateway, planted = plant.start(), plant.planted
    payload = f"payload-{plant.metrics_token[-16:]}"
    worker = plant.worker(refused_workers(plant))
    worker.hello("c")
    device = plant.world.client(plant.broker, username="test", password="test")
    for name in plant.passwords:
        device.publish(f"in/{name}", payload.encode())
    deliveries = worker.expect_deliveries(4)
    worker.settle(*deliveries[:2], replies=[pb.Reply(topic="elsewhere", qos=1, payload=payload.encode())])
    worker.settle(*deliveries[2:], outcome=pb.OUTCOME_REJECT, reason="no")
    wait_until(lambda: len(plant.ctl("dlq", "list", "--json")[1].splitlines()) == 4, "what was denied and refused is dead")

    assert plant.http("/readyz")[0] == 503, "one broker refuses the password"
    for path in ("/healthz", "/readyz", f"/metrics?token={planted.word('token-in-a-url')}"):
        planted.see(path, str(plant.http(path)))
    planted.see("/metrics without its token", str(plant.http("/metrics", planted.word("wrong-metrics-token"))))
    status, metrics = plant.http("/metrics", plant.metrics_token)
    assert status == 200 and "sluice_authentication_refusals_total" in metrics
    planted.see("/metrics", metrics)

    viewer = planted.token("an administrator's token", plant.issuer.token(account="viewer"))
    for token in (viewer, viewer[:-6] + "AAAAAA", planted.word("no-admin-token")):
        planted.token("an administrator's token", token)
        for method in ("GetStatus", "ListDeadLetters", "PurgeDeadLetters", "ReplayDeadLetters", "EndSession", "ExplainPermission"):
            planted.see(f"{method}'s answer", plant.administer(method, token))
    assert any(b"c" in text for where, text in planted.seen if where == "GetStatus's answer")

    # Files that are replaced, by what is good and by what is not.
    new_password, new_token = planted.word("new-password"), planted.word("new-metrics-token")
    plant.password_file.write_text(new_password + "\n")
    plant.metrics_file.write_text(new_token + "\n")
    wait_until(lambda: plant.http("/metrics", new_token)[0] == 200, "the new token is taken")
    plant.metrics_file.write_text(planted.word("two") + " " + planted.word("words") + "\n")
    private = json.loads(plant.issuer.jwks.read_text())["keys"][0] | {"d": base64url(planted.word("jwk-d").encode())}
    planted.add("the private part of a key set", private["d"])
    plant.issuer.jwks.write_text(json.dumps({"keys": [private]}))
    wait_until(lambda: gateway.events("the keys of an issuer cannot be used; the last good ones stay"), "the private key set is refused")
    good_cert = plant.cert.read_text()
    plant.cert.write_text(plant.key.read_text())
    wait_until(lambda: gateway.events("TLS files are not usable, the last good ones stay in use"), "a key in a certificate's place is told")
    plant.cert.write_text(good_cert)
    plant.broker.process.stop()
    plant.broker.start()
    wait_until(lambda: gateway.events("mqtt connection failed") or "refused" in plant.http("/readyz")[1], "the new password is refused")

    plant.look()
    assert not planted.told()
    # A payload stands in the journal and with the dead letters.
    for text in (gateway.process.log(), plant.audit.read_text(), metrics):
        assert payload not in text
    assert any(payload.encode() in text for where, text in planted.seen if where.startswith(str(plant.state)))


def test_a_crash_leaves_no_secret_and_no_core(plant):
    gateway, planted = plant.start(), plant.planted
    worker = plant.worker(planted.token("a worker's token", plant.issuer.token()))
    worker.hello("c")
    gateway.process.signal(signal.SIGABRT)
    assert gateway.process.wait() == -signal.SIGABRT
    assert not [path for path in gateway.config_path.parent.rglob("core*") if "state" not in path.parts]
    gateway.restart(ready=False)
    plant.look()
    assert not planted.told()
    gateway.kill()
    status, said = run(BIN / "sluicectl", "journal", "verify", plant.state)
    planted.see("journal verify", said)
    assert status == 0
    assert not planted.told()


def test_sluicectl_tells_no_secret(plant):
    plant.start()
    planted, letters = plant.planted, plant.folder / "letters.jsonl"
    worker = plant.worker(planted.token("a worker's token", plant.issuer.token()))
    worker.hello("c")
    device = plant.world.client(plant.broker, username="test", password="test")
    device.publish_all([("in/inline", b"x")] * 3)
    worker.settle(*worker.expect_deliveries(3), outcome=pb.OUTCOME_REJECT, reason="no")
    wait_until(lambda: len(plant.ctl("dlq", "list", "--json")[1].splitlines()) == 3, "three are dead")
    first = json.loads(plant.ctl("dlq", "list", "--json")[1].splitlines()[0])["id"]
    commands = [("status",), ("--json", "status"), ("dlq", "list"), ("dlq", "show", first), ("dlq", "export", letters),
                ("dlq", "import", letters), ("dlq", "replay", first, "--yes"), ("dlq", "purge", "--all", "--yes"),
                ("session", "end", "no-such-gateway", "--yes"),
                ("permissions", "test", "--as", "dns:client", "--chain", "c", "--reply", "out")]
    for command in commands:
        status, said = plant.ctl(*command)
        planted.see(f"sluicectl {' '.join(map(str, command))}", said)
        assert status == 0 or command[0] in ("session", "permissions"), said
    planted.see("an exported file", letters.read_bytes())
    # Secrets where its own command line takes something else.
    secret = planted.word("on-the-command-line")
    secret_file = plant.folder / "secret"
    secret_file.write_text(secret + "\n")
    for wrong in ({"cert": plant.client_key}, {"key": secret_file}, {"cert": secret_file}):
        planted.see("sluicectl with files that are swapped", plant.ctl("status", **wrong)[1])
    planted.see("sluicectl with a key for a CA", run(BIN / "sluicectl", "--address", plant.gateway.admin, "--ca-file", plant.client_key, "status")[1])
    planted.see("sluicectl import of a secret", plant.ctl("dlq", "import", secret_file)[1])
    plant.look()
    assert not planted.told()


def wrong_configurations(plant):
    """(what it is, a change of a configuration that is good)."""
    planted, folder = plant.planted, plant.folder
    secret = planted.word("in-a-wrong-place")
    secret_file = folder / "secret"
    secret_file.write_text(secret + "\n")
    locked = folder / "locked.key"
    openssl("pkey", "-in", plant.client_key, "-aes256", "-passout", f"pass:{planted.word('key-password')}", "-out", locked)
    planted.key("an encrypted key", locked)
    symmetric = folder / "symmetric.json"
    symmetric.write_text(json.dumps({"keys": [{"kty": "oct", "kid": "k", "alg": "HS256", "k": planted.word("jwk-k")}]}))
    empty_token = folder / "two-words"
    empty_token.write_text(f"{planted.word('first-word')} {planted.word('second-word')}\n")

    def at(*path):
        def put(value):
            def change(config):
                for step in path[:-1]:
                    config = config.setdefault(step, {})
                config[path[-1]] = value
            return change
        return put

    inline = ("connections", "inline")
    files = [("connections", "tls", "caFile"), ("connections", "tls", "certFile"), ("connections", "tls", "certKeyFile"),
             ("workers", "tls", "certFile"), ("workers", "tls", "keyFile"), ("workers", "tls", "clientCaFile"), ("admin", "tls", "keyFile")]
    for path in files:
        for what, value in (("a secret for a path", secret), ("a file of a secret", str(secret_file)), ("a key's text", plant.key.read_text()),
                            ("an encrypted key", str(locked))):
            yield f"{'.'.join(path)}: {what}", at(*path)(value)
    for path in (("connections", "tls", "certFile"), ("workers", "tls", "certFile"), ("workers", "tls", "clientCaFile")):
        yield f"{'.'.join(path)}: a private key", at(*path)(str(plant.key))
    for path in ((*inline, "passwordFile"), ("http", "metricsTokenFile")):
        yield f"{'.'.join(path)}: a secret for a path", at(*path)(secret)
    yield "a token of two words", at("http", "metricsTokenFile")(str(empty_token))
    for scheme in ("mqtt://", "", "wss://"):
        yield f"a password in a URL {scheme}", at(*inline, "server")(f"{scheme}inline:{plant.passwords['inline']}@127.0.0.1:1883")
    for key in ("pasword", "unknown"):
        yield f"an unknown key {key}", at(*inline, key)(secret)
    for name, value in (("a list", [secret]), ("a map", {secret: secret}), ("a reference that is not closed", "${" + secret)):
        yield f"password: {name}", at(*inline, "password")(value)
    yield "a reference in a number", at(*inline, "qos")("${E2E_PASSWORD}")
    yield "a reference in a duration", at(*inline, "keepAlive")("${E2E_PASSWORD}")
    yield "both passwords", at(*inline, "passwordFile")(str(plant.password_file))
    for what, value in (("a private key set", plant.folder / "private.json"), ("a symmetric key set", symmetric), ("a secret", secret_file)):
        yield f"jwksFile: {what}", lambda config, value=value: config["workers"]["auth"]["jwt"][0].update(jwksFile=str(value))
    yield "jwksFile: a secret for a path", lambda config: config["workers"]["auth"]["jwt"][0].update(jwksFile=secret)
    yield "an issuer's key under a wrong name", lambda config: config["workers"]["auth"]["jwt"][0].update(secret=secret)


def test_a_wrong_configuration_is_told_without_its_secrets(plant):
    planted = plant.planted
    private = json.loads(plant.issuer.jwks.read_text())["keys"][0] | {"d": planted.word("jwk-d"), "p": planted.word("jwk-p")}
    (plant.folder / "private.json").write_text(json.dumps({"keys": [private]}))
    for number, (what, change) in enumerate(wrong_configurations(plant)):
        config = {"journal": {"path": str(plant.folder / "state")}, **plant.config()}
        config = yaml.safe_load(yaml.safe_dump(config))
        change(config)
        path = plant.folder / f"wrong-{number}.yaml"
        path.write_text(yaml.safe_dump(config))
        status, said = run(GATEWAY, "--config", path, "--check", env=plant.env)
        assert status == 1, f"{what}: {said}"
        planted.see(what, said)
    # What no YAML library writes.
    text = yaml.safe_dump({"journal": {"path": str(plant.folder / "state")}, **plant.config()})
    password = plant.passwords["inline"]
    for broken in (f"password {password}", f"password:{password}", f"password: *{password}", f"password: '{password}", f"password: [{password}",
                   f"password: &a {password}\n    qos: *a", f"password: !{password} x", f"password: {password}: x", f"\tpassword: {password}"):
        path = plant.folder / "broken.yaml"
        path.write_text(text.replace(f"password: {password}", broken))
        planted.see(broken.replace(password, "…"), run(GATEWAY, "--config", path, "--check", env=plant.env)[1])
    for arguments in (("--broker", f"mqtt://u:{password}@127.0.0.1", "--subscribe", "a=c", "--insecure"),
                      ("--broker", f"u:{password}@127.0.0.1:1883", "--subscribe", "a=c", "--insecure")):
        status, said = run(GATEWAY, *arguments, "--check")
        assert status != 0
        planted.see("the command line", said)
    assert not planted.told()


def test_the_process_shows_its_memory_to_nobody(plant):
    gateway = plant.start()
    pid = gateway.process.pid
    assert open(f"/proc/{pid}/limits").read().split("Max core file size")[1].split()[0] == "0"
    if os.getuid() == 0:
        pytest.skip("root reads every memory")
    with contextlib.suppress(PermissionError), open(f"/proc/{pid}/mem", "rb"):
        pytest.fail("another process of the user reads it")
