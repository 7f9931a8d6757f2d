"""Who workers are, and what they may: tokens as an API server signs them, certificates, rules, and what they end."""
import time

import grpc
import pytest
import yaml
from sluice.v1 import worker_pb2 as pb

from harness.administrators import Administrators
from harness.issuer import Authority, Issuer
from harness.process import SOURCE
from harness.wait import wait_until

Result = pb.Result
TEMPERATURE = "sub:system:serviceaccount:plant:temperature"
RULES = [
    {"name": "temperature", "who": [TEMPERATURE, "spiffe://plant/worker/*"], "chains": ["temp"], "streams": 2,
     "replies": {"allow": ["plant/${topic.2}/reply/#"], "deny": ["plant/+/reply/admin"], "qos": 1}},
    {"name": "namespace", "claims": {"/kubernetes.io/namespace": "plant"}, "chains": ["pressure"]},
]


@pytest.fixture
def secured(world):
    """A broker, an issuer, and a gateway that asks for tokens."""
    world.b = world.broker()
    world.issuer = Issuer(world._subfolder("issuer"))

    def gateway(rules=tuple(RULES), **auth):
        jwt = [{"issuer": world.issuer.url, "audiences": ["sluice"], "jwksFile": str(world.issuer.jwks), "clockSkew": "0s"}]
        return world.gateway(world.b, {"plant/+/temp": "temp", "plant/+/pressure": "pressure"},
                             workers={"auth": {"jwt": jwt, **auth}}, permissions=list(rules))

    world.make = gateway
    return world


def shown(token):
    return (("authorization", f"Bearer {token}"),)


def test_a_projected_token_of_the_right_account_is_let_in_and_others_are_not(secured):
    gateway = secured.make()
    worker = secured.raw_worker(gateway, metadata=shown(secured.issuer.token()))
    welcome = worker.hello("temp", "pressure")
    assert [chain.chain for chain in welcome.accepted_chains] == ["temp", "pressure"]

    stranger = secured.raw_worker(gateway, metadata=shown(secured.issuer.token(namespace="office")))
    stranger.say_hello("temp")
    code, details = stranger.expect_end()
    assert code == grpc.StatusCode.PERMISSION_DENIED
    assert "'temp'" in details

    for metadata in ((), shown("junk"), shown(secured.issuer.token(audience="vault")), shown(secured.issuer.token(seconds=-5))):
        nobody = secured.raw_worker(gateway, metadata=metadata)
        nobody.say_hello("temp")
        assert nobody.expect_end()[0] == grpc.StatusCode.UNAUTHENTICATED
    checks = [event["check"] for event in gateway.events("worker not let in")]
    assert checks == ["no_credentials", "token_malformed", "token_audience", "token_expired"]
    for check in checks:
        assert gateway.metric("sluice_authentication_refusals_total", listener="workers", check=check) == 1
    assert worker.alive()


@pytest.mark.parametrize("key", ["key-1", "ec-1"], ids=["RS256", "ES256"])
def test_the_example_of_the_chart_lets_in_its_account_by_tokens_of_an_api_server(secured, key):
    example = yaml.safe_load((SOURCE / "helm" / "sluice" / "examples" / "tokens.yaml").read_text())["config"]["permissions"]
    secured.issuer.rotate("key-of-before", key)
    gateway = secured.gateway(
        secured.b, {"plant/+/temp": "temperature"}, permissions=example,
        workers={"auth": {"jwt": [{"issuer": secured.issuer.url, "audiences": ["sluice"], "jwksFile": str(secured.issuer.jwks)}]}})
    of = {"namespace": "mqtt", "account": "temperature", "audience": ["sluice", "https://kubernetes.default.svc"]}
    heard = secured.subscriber(secured.b, "plant/+/reply/#")
    worker = secured.raw_worker(gateway, metadata=shown(secured.issuer.token(**of)))
    worker.hello("temperature")
    secured.client(secured.b).publish("plant/7/temp", b"20")
    worker.answer(*worker.expect_deliveries(1), topic="plant/7/reply/ok")
    heard.expect(1)

    def end_of(**changed):
        other = secured.raw_worker(gateway, metadata=shown(secured.issuer.token(**{**of, **changed})))
        other.say_hello("temperature")
        return other.expect_end()[0]

    assert end_of(account="default") == grpc.StatusCode.PERMISSION_DENIED
    assert end_of(namespace="office") == grpc.StatusCode.PERMISSION_DENIED
    assert end_of(audience=["https://kubernetes.default.svc"]) == grpc.StatusCode.UNAUTHENTICATED, "the pod's token for the API"
    # As service accounts had them before 1.24, in Secrets: for ever, and for everybody.
    legacy = {"aud": None, "exp": None, "nbf": None, "iat": None, "iss": "kubernetes/serviceaccount"}
    assert end_of(**legacy) == grpc.StatusCode.UNAUTHENTICATED
    assert end_of(**{**legacy, "iss": secured.issuer.url}) == grpc.StatusCode.UNAUTHENTICATED


def test_a_reply_goes_only_below_the_device_that_asked(secured):
    gateway = secured.make()
    heard = secured.subscriber(secured.b, "plant/+/reply/#")
    worker = secured.raw_worker(gateway, metadata=shown(secured.issuer.token()))
    worker.hello("temp")
    secured.client(secured.b).publish("plant/7/temp", b"20")
    [delivery] = worker.expect_deliveries(1)
    for reply_id, (topic, qos) in enumerate([("plant/8/reply/x", 1), ("plant/7/reply/admin", 1), ("plant/7/reply/x", 2),
                                             ("elsewhere", 0)], start=1):
        worker.reply(delivery, reply_id=reply_id, topic=topic, qos=qos, payload=b"no")
    assert {result.code for result in worker.expect_results(4)} == {Result.CODE_DENIED}
    assert gateway.metric("sluice_replies_denied_total", chain="temp", reason="not_permitted") == 4
    worker.answer(delivery, topic="plant/7/reply/ok")
    assert [message.topic for message in heard.expect(1)] == ["plant/7/reply/ok"]
    wait_until(lambda: gateway.metric("sluice_dead_letters_kept") == 4, "what was denied stands in the dead letters")


def test_nobody_answers_a_message_that_another_holds(secured):
    gateway = secured.make()
    holder = secured.raw_worker(gateway, metadata=shown(secured.issuer.token()))
    holder.hello("temp")
    secured.client(secured.b).publish("plant/7/temp", b"20")
    [delivery] = holder.expect_deliveries(1)
    other = secured.raw_worker(gateway, metadata=shown(secured.issuer.token()))
    other.hello("temp", messages=0)
    other.reply(delivery, reply_id=1, topic="plant/7/reply/x", payload=b"no")
    [result] = other.expect_results(1)
    assert result.code == Result.CODE_STALE


def test_a_principal_has_as_many_streams_as_its_rule_lets_it(secured):
    gateway = secured.make()
    for _ in range(2):
        secured.raw_worker(gateway, metadata=shown(secured.issuer.token())).hello("temp")
    third = secured.raw_worker(gateway, metadata=shown(secured.issuer.token()))
    third.say_hello("temp")
    code, details = third.expect_end()
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert details == f"{TEMPERATURE} has 2 worker streams already, as many as it may have (permissions[].streams)"
    other = secured.raw_worker(gateway, metadata=shown(secured.issuer.token(account="pressure")))
    other.hello("pressure")


def test_a_greedy_principal_is_refused_streams_and_another_is_not(secured):
    jwt = [{"issuer": secured.issuer.url, "audiences": ["sluice"], "jwksFile": str(secured.issuer.jwks)}]
    # No rules, and nothing set but the streams in all.
    gateway = secured.gateway(secured.b, {"plant/+/temp": "temp"}, workers={"auth": {"jwt": jwt}, "maxStreams": 20})
    greedy, modest = (shown(secured.issuer.token(account=account)) for account in ("greedy", "modest"))
    held = [secured.raw_worker(gateway, metadata=greedy) for _ in range(18)]
    for one in held:
        one.hello("temp")
    refused = secured.raw_worker(gateway, metadata=greedy)
    refused.say_hello("temp")
    assert refused.expect_end() == (
        grpc.StatusCode.RESOURCE_EXHAUSTED, "sub:system:serviceaccount:plant:greedy has 18 worker streams already, as many as it "
        "may have (workers.maxStreamsPerPrincipal)")
    secured.raw_worker(gateway, metadata=modest).hello("temp")
    assert all(one.alive() for one in held)
    held[0].half_close()
    held[0].expect_end()
    secured.raw_worker(gateway, metadata=greedy).hello("temp")


def test_a_token_that_ends_is_told_in_time_and_then_ends_the_stream(secured):
    gateway = secured.make()
    worker = secured.raw_worker(gateway, metadata=shown(secured.issuer.token(seconds=5)))
    worker.hello("temp")
    wait_until(lambda: worker.drains, "the gateway asks the worker to leave")
    assert worker.ended is None
    assert "expires" in worker.drains[0].reason
    code, details = worker.expect_end()
    assert code == grpc.StatusCode.UNAUTHENTICATED
    assert details.startswith("expired")


def test_a_key_that_is_withdrawn_ends_the_streams_of_its_tokens(secured):
    gateway = secured.make()
    old = secured.raw_worker(gateway, metadata=shown(secured.issuer.token()))
    old.hello("temp")
    secured.issuer.rotate("key-1", "key-2")
    wait_until(lambda: gateway.events("the keys of an issuer are others now"), "the gateway has the new key")
    new = secured.raw_worker(gateway, metadata=shown(secured.issuer.token()))
    new.hello("temp")
    assert old.alive()
    secured.issuer.jwks.write_text("junk")
    wait_until(lambda: gateway.events("the keys of an issuer cannot be used; the last good ones stay"), "junk is told")
    assert old.alive()
    secured.issuer.rotate("key-2")
    assert old.expect_end()[0] == grpc.StatusCode.UNAUTHENTICATED
    assert new.alive()


def test_a_certificate_names_its_holder(secured):
    authority = Authority(secured._subfolder("ca"))
    cert, key = authority.issue("gateway", "DNS:localhost,IP:127.0.0.1")
    gateway = secured.gateway(
        secured.b, {"plant/+/temp": "temp"}, permissions=RULES[:1],
        workers={"insecure": False, "tls": {"certFile": str(cert), "keyFile": str(key), "clientCaFile": str(authority.cert)},
                 "auth": {"certificates": {}}})

    def worker(name, alternative_names):
        mine, mine_key = authority.issue(name, alternative_names)
        files = [path.read_bytes() for path in (authority.cert, mine_key, mine)]
        return secured.raw_worker(gateway, credentials=grpc.ssl_channel_credentials(*files))

    known = worker("worker-7", "URI:spiffe://plant/worker/7")
    assert known.hello("temp").accepted_chains[0].chain == "temp"
    other = worker("worker-8", "URI:spiffe://plant/worker/8/admin")
    other.say_hello("temp")
    assert other.expect_end()[0] == grpc.StatusCode.PERMISSION_DENIED
    nameless = worker("worker-9", "IP:127.0.0.1")
    nameless.say_hello("temp")
    assert nameless.expect_end()[0] == grpc.StatusCode.UNAUTHENTICATED
    assert gateway.events("worker not let in")[-1]["check"] == "certificate_name"


def test_a_rate_holds_a_worker_back_and_loses_nothing(secured):
    rule = {"name": "slow", "who": ["**"], "chains": ["temp"], "replies": {"allow": ["#"]}, "rate": {"messages": 20}}
    gateway = secured.make(rules=[rule])
    heard = secured.subscriber(secured.b, "out")
    worker = secured.raw_worker(gateway, metadata=shown(secured.issuer.token()))
    worker.hello("temp")
    secured.client(secured.b).publish("plant/7/temp", b"20")
    [delivery] = worker.expect_deliveries(1)
    start = time.monotonic()
    for number in range(60):
        worker.reply(delivery, topic="out", payload=str(number).encode())
    assert [message.payload for message in heard.expect(60)] == [str(number).encode() for number in range(60)]
    assert time.monotonic() - start > 1.5


def test_no_part_of_a_token_stands_in_logs_metrics_or_files(secured):
    gateway = secured.make()
    token = secured.issuer.token()
    secured.raw_worker(gateway, metadata=shown(token)).hello("temp")
    secured.raw_worker(gateway, metadata=shown(token[:-4] + "AAAA")).say_hello("temp")
    wait_until(lambda: gateway.events("worker not let in"), "the bad one is refused")
    state = b"".join(path.read_bytes() for path in (gateway.config_path.parent / "state").rglob("*") if path.is_file())
    everything = gateway.process.log() + gateway.get("/metrics")[1] + state.decode(errors="replace")
    for part in token.split("."):
        assert part not in everything


def test_administrators_have_roles_and_leave_a_trace(world):
    administrators = Administrators(world, ops="operator", look="viewer")
    ctl = administrators.ctl
    assert ctl("look", "status")[0] == 0
    assert ctl("look", "dlq", "replay", "--all", "--yes") == (1, "sluicectl: needs the role operator, has viewer\n")
    assert ctl("look", "chains", "status")[0] == 0
    assert ctl("look", "chain", "pause", "c") == (1, "sluicectl: needs the role operator, has viewer\n")
    assert ctl("ops", "chain", "pause", "c")[0] == 0
    assert ctl("ops", "dlq", "replay", "--all", "--yes")[0] == 0
    assert ctl("ops", "dlq", "purge", "--all", "--yes") == (1, "sluicectl: needs the role admin, has operator\n")
    assert ctl("eve", "status") == (1, "sluicectl: needs the role viewer, has none\n")
    assert administrators.audit() == [
        ("email:look@plant", "ReplayDeadLetters", "refused"), ("email:look@plant", "PauseChain", "refused"),
        ("email:ops@plant", "PauseChain", "done"), ("email:ops@plant", "ReplayDeadLetters", "done"),
        ("email:ops@plant", "PurgeDeadLetters", "refused"), ("email:eve@plant", "GetStatus", "refused")]
    assert administrators.audit_file.stat().st_mode & 0o777 == 0o600
