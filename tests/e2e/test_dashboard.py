"""The dashboard's HTTP: JSON of the admin services, roles, what other sites' pages cannot do, and its bounds."""
import json
import socket
import time

import pytest

from harness.dashboard import Dashboard
from harness.issuer import Authority, Issuer
from harness.wait import wait_until


def open_to_all(world, role="admin", **sections):
    """A gateway whose dashboard asks nobody; its broker."""
    broker = world.broker()
    gateway = world.gateway(broker, {"in/#": "c"}, audit={"file": str(world.folder / "audit.log")},
                            admin={"dashboard": {"listen": "127.0.0.1:0", **({"role": role} if role else {})}}, **sections)
    return broker, gateway


def audit(world):
    file = world.folder / "audit.log"
    lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [(line["who"], line["what"], line["outcome"]) for line in lines]


def test_nothing_listens_unless_it_is_asked_for(world):
    gateway = world.gateway(world.broker(), {"in/#": "c"})
    assert gateway.dashboard == ""


def test_calls_answer_in_the_json_of_their_messages(world):
    broker, gateway = open_to_all(world)
    world.echo_worker(gateway, chain="c")
    page = Dashboard(gateway)
    world.client(broker).publish_all([("in/1", b"x")] * 5, qos=1)

    def chain():
        return page.call("LiveService/ListChains", {"chain": "c"}).json["chains"][0]

    wait_until(lambda: (chain()["arrivals"], chain()["workers"], chain()["counts"]["acked"]) == ("5", "1", "5"), chain)
    assert chain()["name"] == "c" and chain()["waiting"] == "0", "also what is zero is there"
    assert page.call("AdminService/GetStatus").json["journal"]["persistent"] is True
    assert "server" in page.call("AdminService/GetConfiguration").json["yaml"]
    missing = page.call("LiveService/ListChains", {"chain": "none"})
    assert missing.status == 404 and missing.json["code"] == "NOT_FOUND"
    wrong = page.call("LiveService/ListChains", {"chian": "c"})
    assert wrong.status == 400 and "chian" in wrong.json["message"], wrong.text
    assert page.call("LiveService/NoSuch").status == 404
    assert page.call("AdminService/ImportDeadLetters").status == 404, "its client sends many messages"
    assert page.request("GET", "/api/LiveService/ListChains").status == 405


def test_lines_of_the_tail_come_as_they_pass_and_it_ends_with_its_reader(world):
    broker, gateway = open_to_all(world)
    world.echo_worker(gateway, chain="c")
    page = Dashboard(gateway)
    response = page.tail(topic="in/#", steps=["PASSING_STEP_RECEIVED"])
    assert response.status == 200 and response.headers["Content-Type"] == "application/x-ndjson"
    client = world.client(broker)
    client.publish_all([("in/7", b"21.5")], qos=1)
    event = json.loads(response.readline())["events"][0]
    assert (event["topic"], event["step"], event["chain"]) == ("in/7", "PASSING_STEP_RECEIVED", "c")
    three = [page.tail() for _ in range(3)]
    fifth = page.tail()
    assert fifth.status == 429 and json.loads(fifth.read())["code"] == "RESOURCE_EXHAUSTED"
    response.close()

    def another():
        one = page.tail()
        one.close()
        return one.status == 200

    wait_until(another, "there is room again when one has gone")
    for one in three:
        one.close()


def test_a_tail_that_nobody_reads_holds_up_no_message(world):
    broker, gateway = open_to_all(world)
    world.echo_worker(gateway, chain="c")
    response = Dashboard(gateway).tail(rate=10000, payloadBytes=65536)
    client = world.client(broker)
    client.publish_all([("in/7", b"x" * 50_000)] * 600, qos=1)
    gateway.wait_metric("sluice_settled_total", lambda count: count >= 600, chain="c")
    response.close()


def test_whoever_is_not_asked_may_only_look_unless_the_file_says_more(world):
    _, gateway = open_to_all(world, role=None)
    page = Dashboard(gateway)
    assert page.request("GET", "/api/caller").json == {"who": "anybody", "role": "viewer"}
    assert page.call("LiveService/ListWorkers").status == 200
    refused = page.call("LiveService/PauseChain", {"chain": "c"})
    assert refused.status == 403 and refused.json["code"] == "PERMISSION_DENIED" and "operator" in refused.json["message"]
    assert page.call("TapService/Tail", {"payloadBytes": 10}).status == 403
    assert audit(world) == [("anybody", "PauseChain", "refused"), ("anybody", "Tail", "refused")]


def test_each_act_is_noted(world):
    _, gateway = open_to_all(world)
    page = Dashboard(gateway)
    assert page.call("LiveService/PauseChain", {"chain": "c", "reason": "try"}).json["chain"]["pause"]["by"] == "anybody"
    assert page.call("LiveService/ResumeChain", {"chain": "c"}).status == 200
    assert page.call("LiveService/ResumeChain", {"chain": "none"}).status == 404
    assert audit(world) == [("anybody", "PauseChain", "done"), ("anybody", "ResumeChain", "done"),
                            ("anybody", "ResumeChain", "failed")]


def test_pages_of_other_sites_get_nothing(world):
    _, gateway = open_to_all(world)
    page = Dashboard(gateway)
    port = gateway.dashboard.rsplit(":", 1)[1]
    pause = {"chain": "c"}
    call = "LiveService/PauseChain"
    assert page.call(call, pause, Sluice_Dashboard=None).status == 403, "a form sends no such header"
    assert page.call(call, pause, Origin="https://evil.example").status == 403
    assert page.call(call, pause, Origin="null").status == 403
    assert page.call(call, pause, Origin=f"http://127.0.0.1:{int(port) - 1}").status == 403, "another port is another origin"
    assert page.call(call, pause, Sec_Fetch_Site="cross-site").status == 403
    assert page.call(call, pause, Sec_Fetch_Site="same-site").status == 403
    assert page.call(call, pause, Content_Type="text/plain").status == 415
    assert page.call(call, pause, Host=f"evil.example:{port}").status == 421, "DNS rebinding"
    assert page.request("GET", "/", Host="evil.example").status == 421
    preflight = page.request("OPTIONS", f"/api/{call}", Origin="https://evil.example")
    assert preflight.status == 405 and not any(name.startswith("access-control") for name in preflight.headers)
    assert {outcome for _, _, outcome in audit(world)} == {"refused"} and len(audit(world)) == 8
    assert "pause" not in page.call("LiveService/ListChains").json["chains"][0] or not page.call(
        "LiveService/ListChains").json["chains"][0]["pause"]
    assert page.call(call, pause, Origin=f"http://127.0.0.1:{port}", Sec_Fetch_Site="same-origin").status == 200
    assert page.call(call, pause, Host=f"localhost:{port}").status == 200


def test_headers_keep_scripts_frames_and_caches_out(world):
    _, gateway = open_to_all(world)
    page = Dashboard(gateway)
    for path in ("/", "/app.js", "/app.css", "/none", "/api/caller"):
        headers = page.request("GET", path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"


def test_requests_have_bounds(world):
    _, gateway = open_to_all(world)
    page = Dashboard(gateway)
    large = page.request("POST", "/api/LiveService/ListChains", "x" * 100_000)
    assert large.status == 413
    assert json.loads(large.text) == {"code": "RESOURCE_EXHAUSTED", "message": "the request's body is larger than 65536 bytes"}
    assert page.request("GET", "/", X="y" * 20_000).status == 431
    host, port = gateway.dashboard.rsplit(":", 1)
    slow = socket.create_connection((host, int(port)), timeout=30)
    slow.sendall(b"POST /api/LiveService/ListChains HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n")
    begun = time.monotonic()
    assert slow.recv(1) == b"", "a body that does not come ends the connection"
    assert time.monotonic() - begun < 25
    slow.close()
    # More than are let in: whoever waits longest for nothing goes, and the page still answers.
    idle = [socket.create_connection((host, int(port)), timeout=30) for _ in range(300)]
    assert page.call("LiveService/ListChains").status == 200
    for one in idle:
        one.close()


@pytest.fixture
def known(world, tmp_path):
    """A gateway that asks for a certificate or a token, the authority and the issuer."""
    authority = Authority(tmp_path)
    cert, key = authority.issue("gateway", "DNS:localhost,IP:127.0.0.1")
    issuer = Issuer(tmp_path, "https://issuer.plant")
    gateway = world.gateway(
        world.broker(), {"in/#": "c"}, audit={"file": str(world.folder / "audit.log")},
        permissions=[{"who": ["email:operator@plant"], "role": "operator"},
                     {"who": ["sub:system:serviceaccount:plant:viewer"], "role": "viewer"}],
        admin={"auth": {"certificates": {}, "jwt": [{"issuer": "https://issuer.plant", "audiences": ["sluice"],
                                                     "jwksFile": str(issuer.jwks)}]},
               "dashboard": {"listen": "127.0.0.1:0",
                             "tls": {"certFile": str(cert), "keyFile": str(key), "clientCaFile": str(authority.cert)}}})
    return gateway, authority, issuer


def test_certificates_and_tokens_say_who_somebody_is(world, known):
    gateway, authority, issuer = known
    nobody = Dashboard(gateway, trust=authority.cert)
    assert nobody.request("GET", "/").status == 200, "the page itself holds no secret"
    assert nobody.request("GET", "/api/access").json == {"asked": True, "tokens": True, "certificates": True, "both": False}
    refused = nobody.call("LiveService/ListChains")
    assert refused.status == 401 and refused.headers["www-authenticate"].startswith("Bearer")
    assert nobody.call("TapService/Tail").status == 401

    viewer = Dashboard(gateway, trust=authority.cert, token=issuer.token(account="viewer"))
    assert viewer.request("GET", "/api/caller").json["role"] == "viewer"
    assert viewer.call("LiveService/ListChains").status == 200
    assert viewer.call("LiveService/PauseChain", {"chain": "c"}).status == 403
    assert Dashboard(gateway, trust=authority.cert, token="nonsense").call("LiveService/ListChains").status == 401

    operator = Dashboard(gateway, trust=authority.cert, client=authority.issue("operator", "email:operator@plant"))
    assert operator.call("LiveService/PauseChain", {"chain": "c"}).status == 200
    assert operator.call("AdminService/PurgeDeadLetters", {"selection": {"filter": {}}}).status == 403
    assert ("email:operator@plant", "PauseChain", "done") in audit(world)
    assert ("email:operator@plant", "PurgeDeadLetters", "refused") in audit(world)
    stranger = Dashboard(gateway, trust=authority.cert, client=authority.issue("stranger", "email:stranger@plant"))
    assert stranger.call("LiveService/ListChains").status == 403
