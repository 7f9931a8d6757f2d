"""Rules in a file of their own: what becomes of streams when it changes, and when it cannot be used."""
import json

import grpc
import pytest
from sluice.v1 import worker_pb2 as pb

from harness.ctl import Ctl
from harness.dashboard import Dashboard
from harness.issuer import Authority, Issuer
from harness.lasting_calls import LastingCalls
from harness.wait import wait_until

Result = pb.Result
ACCOUNT = "sub:system:serviceaccount:plant:temperature"
QUESTION = ("permissions", "test", "--as", ACCOUNT, "--chain", "temp", "--reply", "office/7", "--message-topic", "plant/7/temp")


class Site:
    """A gateway whose rules stand in a file."""

    def __init__(self, world):
        self.world = world
        self.issuer = Issuer(world._subfolder("issuer"))
        self.file = world._subfolder("rules") / "rules.yaml"
        self.permit(["temp", "pressure"], "plant/#")
        broker = world.broker()
        jwt = [{"issuer": self.issuer.url, "audiences": ["sluice"], "jwksFile": str(self.issuer.jwks)}]
        self.gateway = world.gateway(broker, {"plant/+/temp": "temp", "plant/+/pressure": "pressure"},
                                     workers={"auth": {"jwt": jwt}}, permissionsFile=str(self.file))
        self.device = world.client(broker)
        self.heard = world.subscriber(broker, "#")

    def write(self, text):
        fresh = self.file.with_suffix(".new")
        fresh.write_text(text)
        fresh.rename(self.file)

    def permit(self, chains, reply):
        self.write(json.dumps({"permissions": [{"name": "all", "who": [ACCOUNT], "chains": chains, "replies": {"allow": [reply]}}]}))

    def worker(self, *chains):
        worker = self.world.raw_worker(self.gateway, metadata=(("authorization", f"Bearer {self.issuer.token()}"),))
        worker.welcome = worker.hello(*chains)
        return worker


@pytest.fixture
def site(world):
    return Site(world)


def test_a_reply_that_is_not_permitted_any_more_is_denied_at_once_and_the_worker_is_told_to_come_back(site):
    worker = site.worker("temp")
    site.device.publish("plant/7/temp", b"20")
    [delivery] = worker.expect_deliveries(1)
    worker.reply(delivery, reply_id=1, topic="plant/7/reply", payload=b"yes")
    assert [result.code for result in worker.expect_results(1)] == [Result.CODE_OK]
    assert Ctl(site.gateway)(*QUESTION, status=1).startswith("NOT permitted")

    site.permit(["temp", "pressure"], "office/#")
    wait_until(lambda: worker.drains, "the worker is told")
    assert worker.drains[0].reason == "the rules have changed; connect again to serve under them"
    worker.reply(delivery, reply_id=2, topic="plant/7/reply", payload=b"no")
    worker.reply(delivery, reply_id=3, topic="office/7", payload=b"yes")
    assert [result.code for result in worker.expect_results(3)[1:]] == [Result.CODE_DENIED, Result.CODE_OK]
    assert Ctl(site.gateway)(*QUESTION).startswith("permitted")
    worker.settle(delivery)
    worker.half_close()
    assert worker.expect_end()[0] == grpc.StatusCode.OK
    assert site.gateway.metric("sluice_permissions_changes_total") == 1


def test_a_worker_that_loses_one_of_its_chains_comes_back_without_it(site):
    worker = site.worker("temp", "pressure")
    site.device.publish("plant/7/pressure", b"1")
    [delivery] = worker.expect_deliveries(1)
    site.permit(["temp"], "plant/#")
    wait_until(lambda: worker.drains, "the worker is told")
    worker.reply(delivery, reply_id=1, topic="plant/7/reply", payload=b"no")
    assert [result.code for result in worker.expect_results(1)] == [Result.CODE_DENIED]
    back = site.worker("temp", "pressure")
    assert [chain.chain for chain in back.welcome.accepted_chains] == ["temp"]
    assert [chain.chain for chain in back.welcome.refused_chains] == ["pressure"]


def test_a_worker_that_loses_all_of_its_chains_is_ended_and_its_messages_use_no_attempt(site):
    worker = site.worker("temp")
    site.device.publish("plant/7/temp", b"20")
    worker.expect_deliveries(1)
    site.permit(["pressure"], "plant/#")
    code, details = worker.expect_end()
    assert (code, details) == (grpc.StatusCode.PERMISSION_DENIED,
                               "revoked: no rule lets this worker serve any of its chains any more")
    assert worker.drains
    site.permit(["temp"], "plant/#")
    site.gateway.wait_metric("sluice_permissions_changes_total", lambda changes: changes == 2)
    [again] = site.worker("temp").expect_deliveries(1)
    assert (again.payload, again.attempt) == (b"20", 1)


def test_a_file_that_cannot_be_used_is_told_with_its_place_and_changes_nothing(site):
    said = "the rules cannot be used; the last good ones stay"
    worker = site.worker("temp")
    site.write("permissions:\n- {who: ['**'], chain: [temp]}\n")
    site.gateway.wait_metric("sluice_permissions_file_good", lambda good: good == 0)
    assert f"{site.file}:2:17: permissions[0]: unknown key 'chain' (did you mean 'chains'?)" in site.gateway.events(said)[-1]["why"]
    site.file.unlink()
    wait_until(lambda: "No such file" in site.gateway.events(said)[-1]["why"], "that it is missing is told")
    assert worker.alive() and not worker.drains
    site.permit(["temp", "pressure"], "plant/#")
    site.gateway.wait_metric("sluice_permissions_file_good", lambda good: good == 1)
    assert worker.alive() and not worker.drains, "the rules are the same"
    assert site.gateway.metric("sluice_permissions_changes_total") == 0


def test_calls_of_an_administrator_that_last_end_when_the_rule_is_taken_away(world):
    def permit(role):
        text = json.dumps({"permissions": [{"who": ["email:ops@plant"], **({"role": role} if role else {"chains": ["c"]})}]})
        fresh = file.with_suffix(".new")
        fresh.write_text(text)
        fresh.rename(file)

    file = world._subfolder("rules") / "rules.yaml"
    permit("operator")
    authority = Authority(world._subfolder("ca"))
    files = authority.issue("gateway", "DNS:localhost,IP:127.0.0.1")
    tls = {"certFile": str(files[0]), "keyFile": str(files[1]), "clientCaFile": str(authority.cert)}
    broker = world.broker()
    gateway = world.gateway(broker, {"in/#": "c"}, permissionsFile=str(file),
                            admin={"listen": "127.0.0.1:0", "auth": {"certificates": {}}, "tls": tls,
                                   "dashboard": {"listen": "127.0.0.1:0", "tls": tls}})
    device = world.client(broker)
    cert, key = authority.issue("ops", "email:ops@plant")
    credentials = grpc.ssl_channel_credentials(authority.cert.read_bytes(), key.read_bytes(), cert.read_bytes())
    page = Dashboard(gateway, trust=authority.cert, client=(cert, key)).tail()
    assert page.status == 200
    with LastingCalls(gateway.admin, credentials, lambda: device.publish_all([("in/1", b"x")], qos=1)) as calls:
        # A viewer may tail, and not import.
        permit("viewer")
        assert calls.importing.code() == grpc.StatusCode.PERMISSION_DENIED
        assert calls.importing.details() == "needs the role operator, has viewer"
        assert calls.tail.is_active()
        permit(None)
        assert calls.ends()["Tail"] == (grpc.StatusCode.PERMISSION_DENIED, "needs the role viewer, has none")
    assert [json.loads(line) for line in page.read().splitlines() if b"end" in line][-1]["end"]["code"] == "PERMISSION_DENIED"
