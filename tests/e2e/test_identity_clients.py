"""Clients that show who they are: the SDK's workers, the Python example and sluicectl, with tokens and certificates."""
import json
import sys

import pytest
from sluice.v1 import worker_pb2 as pb

from harness.ctl import Ctl, ctl
from harness.issuer import Authority, Issuer
from harness.process import BIN, SOURCE, Process
from harness.wait import wait_until

NAMESPACE = {"name": "namespace", "claims": {"/kubernetes.io/namespace": "plant"}, "chains": ["temp"],
             "replies": {"allow": ["#"], "qos": 1}}
PEOPLE = {"name": "people", "who": ["spiffe://plant/worker/*"], "chains": ["temp"], "replies": {"allow": ["#"], "qos": 1}}


@pytest.fixture
def site(world):
    world.b = world.broker()
    world.issuer = Issuer(world._subfolder("issuer"))
    world.jwt = [{"issuer": world.issuer.url, "audiences": ["sluice"], "jwksFile": str(world.issuer.jwks), "clockSkew": "0s"}]
    return world


def asking_for_tokens(site, *rules, **sections):
    return site.gateway(site.b, {"plant/+/temp": "temp"}, workers={"auth": {"jwt": site.jwt}}, permissions=list(rules), **sections)


def worker(site, program, gateway, *more):
    command = [sys.executable, "-B", program] if program.suffix == ".py" else [program]
    return site.process(lambda folder: Process(program.stem, [*command, "--gateway", gateway.workers, "--chain", "temp", *more], folder))


def principals(gateway):
    return sorted(stream["principal"] for stream in Ctl(gateway).status()["workers"].get("open", []))


def account(name):
    return f"sub:system:serviceaccount:plant:{name}"


def test_a_worker_takes_up_the_token_that_its_file_has_when_the_old_one_ends(site):
    gateway = asking_for_tokens(site, NAMESPACE)
    heard = site.subscriber(site.b, "out")
    token = site.issuer.write_token(site.folder / "token", account="first", seconds=7)
    echo = worker(site, BIN / "sluice-echo-worker", gateway, "--token-file", token, "--reply-topic", "out", "--reply-qos", 1)
    wait_until(lambda: principals(gateway) == [account("first")], "the worker is let in")
    site.issuer.write_token(token, account="second")
    device = site.client(site.b)
    sent = 0
    while principals(gateway) != [account("second")]:
        device.publish("plant/7/temp", str(sent).encode())
        sent += 1
        assert sent < 10_000, echo.log()
    device.publish("plant/7/temp", b"last")
    answers = [message.payload for message in heard.expect(sent + 1)]
    assert sorted(answers) == sorted([str(i).encode() for i in range(sent)] + [b"last"]), "each once, over both streams"
    assert "drains: what the worker showed expires; connect again with a new token or certificate" in echo.log()
    assert "UNAUTHENTICATED" not in echo.log()
    assert [event["principal"] for event in gateway.events("worker stream ended")] == [account("first")]


def test_a_token_that_nobody_renews_ends_the_worker_s_stream_and_is_said(site):
    gateway = asking_for_tokens(site, NAMESPACE)
    token = site.issuer.write_token(site.folder / "token", seconds=3)
    echo = worker(site, BIN / "sluice-echo-worker", gateway, "--token-file", token)
    wait_until(lambda: "UNAUTHENTICATED" in echo.log(), lambda: f"the worker is refused: {echo.log()}", 30)
    wait_until(lambda: principals(gateway) == [], "none is left")
    assert site.issuer.token()[:20] not in echo.log(), "no part of it is shown"


def test_a_token_s_file_that_holds_none_is_said_without_showing_it(site):
    gateway = asking_for_tokens(site, NAMESPACE)
    for program in (BIN / "sluice-echo-worker", SOURCE / "client" / "python" / "examples" / "worker.py"):
        file = site.folder / f"{program.stem}.token"
        file.write_text("hunter2 and more\n")
        one = worker(site, program, gateway, "--token-file", file)
        wait_until(lambda one=one: "holds no token, or more than one" in one.log(), lambda one=one: f"it is said: {one.log()}")
        assert "hunter2" not in one.log()


def test_workers_of_both_languages_show_tokens_or_certificates_over_tls(site):
    authority = Authority(site._subfolder("ca"))
    cert, key = authority.issue("gateway", "DNS:localhost,IP:127.0.0.1")
    gateway = site.gateway(
        site.b, {"plant/+/temp": "temp"}, permissions=[NAMESPACE, PEOPLE],
        workers={"insecure": False, "tls": {"certFile": str(cert), "keyFile": str(key), "clientCaFile": str(authority.cert)},
                 "auth": {"certificates": {}, "jwt": site.jwt}})
    python = SOURCE / "client" / "python" / "examples" / "worker.py"
    expected = []
    for program in (python, BIN / "sluice-temperature-alarm"):
        trust = ["--ca-file", authority.cert]
        name = f"token-{program.stem}"
        token = site.issuer.write_token(site.folder / name, account=name)
        worker(site, program, gateway, *trust, "--token-file", token)
        mine, mine_key = authority.issue(program.stem, f"URI:spiffe://plant/worker/{program.stem}")
        worker(site, program, gateway, *trust, "--cert-file", mine, "--key-file", mine_key)
        expected += [account(name), f"spiffe://plant/worker/{program.stem}"]
    wait_until(lambda: principals(gateway) == sorted(expected), lambda: f"all four are let in: {principals(gateway)}", 30)
    for name in expected:
        assert name in Ctl(gateway)("status")
    heard = site.subscriber(site.b, "plant/+/reply/alarm")
    site.client(site.b).publish_all([(f"plant/s{i}/temp", json.dumps({"sensor": f"s{i}", "celsius": i})) for i in range(40)])
    assert len({json.loads(message.payload)["sensor"] for message in heard.expect(40)}) == 40


RULES = [
    {"name": "temperature", "who": ["spiffe://plant/worker/*"], "chains": ["temp"],
     "replies": {"allow": ["plant/${topic.2}/reply/#"], "deny": ["plant/+/reply/admin/#"], "qos": 1}},
    {"name": "service", "who": ["spiffe://plant/worker/7"], "chains": ["temp"], "replies": {"allow": ["plant/+/reply/admin/x", "log/#"]}},
    {"name": "accounts", "claims": {"/kubernetes.io/namespace": "plant"}, "chains": ["temp"]},
]
SEVEN = ["--as", "spiffe://plant/worker/7", "--chain", "temp"]
QUESTIONS = [  # Arguments, exit status, and what the answer says.
    ([*SEVEN], 0, "the chain 'temp' is given by: temperature, service"),
    (["--as", "spiffe://plant/worker/7", "--chain", "other"], 1, "none of them gives the chain 'other'"),
    (["--as", "spiffe://office/worker/7", "--chain", "temp"], 1, "no rule applies to spiffe://office/worker/7"),
    (["--as", "sub:w", "--chain", "temp"], 1, "no rule applies to sub:w"),
    (["--as", "sub:w", "--claim", "/kubernetes.io/namespace=plant", "--chain", "temp"], 0, "is given by: accounts"),
    ([*SEVEN, "--reply", "plant/7/reply/x", "--message-topic", "plant/7/temp"], 0, "the reply is permitted"),
    ([*SEVEN, "--reply", "plant/8/reply/x", "--message-topic", "plant/7/temp"], 1, "no rule permits"),
    # One rule gives it, another denies it: deny wins.
    ([*SEVEN, "--reply", "plant/7/reply/admin/x", "--message-topic", "plant/7/temp"], 1,
     "the rule 'temperature' denies replies to 'plant/+/reply/admin/#'"),
    ([*SEVEN, "--reply", "plant/7/reply/x", "--message-topic", "plant/7/temp", "--qos", "2"], 1, "permits QoS 1 at most"),
    ([*SEVEN, "--reply", "plant/7/reply/x", "--message-topic", "plant/7/temp", "--retain"], 1, "permits no retained reply"),
    ([*SEVEN, "--reply", "plant/+/reply"], 1, "the reply topic has the wildcard '+'"),
]


def test_permissions_are_explained_alike_by_a_gateway_and_by_its_file(site):
    gateway = asking_for_tokens(site, *RULES)
    for arguments, status, said in QUESTIONS:
        online = Ctl(gateway)("permissions", "test", *arguments, status=status)
        offline = ctl("permissions", "test", "--config", gateway.config_path, *arguments, status=status)
        assert online == offline
        assert said in online, arguments
        if not online.startswith("sluicectl: "):
            assert online.startswith("NOT permitted\n" if status else "permitted\n")
    answer = json.loads(ctl("permissions", "test", "--config", gateway.config_path, "--json", *SEVEN))
    assert answer["permitted"] is True
    assert answer["reasons"][0] == "to spiffe://plant/worker/7 apply: temperature, service"


def test_a_dead_letter_says_who_had_the_message_last(site):
    gateway = asking_for_tokens(site, NAMESPACE)
    holder = site.raw_worker(gateway, metadata=(("authorization", f"Bearer {site.issuer.token()}"),))
    holder.hello("temp")
    site.client(site.b).publish("plant/7/temp", b"20")
    holder.settle(*holder.expect_deliveries(1), outcome=pb.OUTCOME_REJECT, reason="no")
    wait_until(lambda: Ctl(gateway).letters(), "it is a dead letter")
    [letter] = Ctl(gateway).letters()
    assert letter["worker"] == f"{account('temperature')} as raw/e2e"
    assert f"worker           {account('temperature')} as raw/e2e\n" in Ctl(gateway)("dlq", "show", letter["id"])


def test_an_administrator_shows_a_token(site):
    authority = Authority(site._subfolder("ca"))
    cert, key = authority.issue("gateway", "DNS:localhost,IP:127.0.0.1")
    gateway = site.gateway(
        site.b, {"plant/+/temp": "temp"}, permissions=[{"who": [account("ops")], "role": "viewer"}],
        admin={"listen": "127.0.0.1:0", "tls": {"certFile": str(cert), "keyFile": str(key)}, "auth": {"jwt": site.jwt}})
    trust = ["--ca-file", authority.cert]
    token = site.issuer.write_token(site.folder / "token", account="ops")
    ctl("status", *trust, "--token-file", token, address=gateway.admin)
    assert "permitted" in ctl("permissions", "test", *trust, "--token-file", token, *SEVEN, address=gateway.admin, status=1)
    assert "a token is needed" in ctl("status", *trust, address=gateway.admin, status=1)
    site.issuer.write_token(token, account="eve")
    assert "needs the role viewer, has none" in ctl("status", *trust, "--token-file", token, address=gateway.admin, status=1)
    token.write_text("hunter2 and more")
    said = ctl("status", *trust, "--token-file", token, address=gateway.admin, status=1)
    assert said == f"sluicectl: --token-file: '{token}' holds no token, or more than one\n"
