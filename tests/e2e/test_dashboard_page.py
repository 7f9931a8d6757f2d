"""The dashboard in a browser: tests/e2e/browser/page.mjs looks at a gateway under load, roles.mjs signs in."""
import contextlib
import os
import pathlib
import threading

from sluice.v1 import worker_pb2 as pb

from harness.browser import browse, modules
from harness.ctl import Ctl
from harness.issuer import Authority, Issuer
from harness.wait import wait_until

HOSTILE = '<img src=x onerror="window.hacked=1">'


@contextlib.contextmanager
def load(client, topics):
    """Publishes to each of the topics again and again."""
    stop = threading.Event()

    def publish():
        while not stop.wait(0.02):
            client.publish_all([(topic, b"21.5") for topic in topics], qos=1)

    thread = threading.Thread(target=publish, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)


def test_an_operator_sees_the_path_and_acts_on_what_is_wrong(world):
    modules()
    broker = world.broker()
    gateway = world.gateway(
        broker, {"load/#": "temperature", "alarm/#": "alarms", "poison/#": "poison"},
        connection={"username": "sluice", "password": "hunter2"}, chains={"poison": {"maxAttempts": 1}},
        gateway={"name": "plant-1"}, admin={"dashboard": {"listen": "127.0.0.1:0", "role": "admin"}})
    client = world.client(broker)
    world.answering_worker(gateway, chain="temperature", topic="out")
    poisoned = world.raw_worker(gateway)
    poisoned.hello("poison")
    client.publish_all([("alarm/1", b"hot")] * 5, qos=1)
    client.publish_all([(f"poison/{HOSTILE}", b"<script>window.hacked=1</script>"), ("poison/2", b"\x00\xff")], qos=1)
    deliveries = poisoned.expect_deliveries(2)
    poisoned.settle(*deliveries, outcome=pb.OUTCOME_REJECT, reason="<b>no such sensor</b>")
    operator = Ctl(gateway)
    wait_until(lambda: len(operator.letters()) == 2, operator.letters)

    pictures = pathlib.Path(os.environ.get("SLUICE_PICTURES", world.folder))
    with load(client, ["load/7/temp", f"load/{HOSTILE}", "load/8/temp"]):
        seen = browse("page.mjs", f"http://{gateway.dashboard}", pictures)

    assert seen["ok"], f"{seen['missed']}\n{seen['complaints']}"
    [again] = poisoned.expect_deliveries(1)
    assert again.topic == f"poison/{HOSTILE}", "what was replayed through the page came again"
    assert len(operator.letters()) == 1


def test_who_signs_in_with_a_viewers_token_looks_and_gets_no_payload(world, tmp_path):
    modules()
    broker = world.broker()
    issuer = Issuer(tmp_path, "https://issuer.plant")
    cert, key = Authority(tmp_path).issue("gateway", "DNS:localhost,IP:127.0.0.1")
    gateway = world.gateway(
        broker, {"poison/#": "poison"}, chains={"poison": {"maxAttempts": 1}},
        permissions=[{"who": [f"sub:system:serviceaccount:plant:{role}"], "role": role} for role in ("viewer", "operator")],
        admin={"auth": {"jwt": [{"issuer": "https://issuer.plant", "audiences": ["sluice"], "jwksFile": str(issuer.jwks)}]},
               "dashboard": {"listen": "127.0.0.1:0", "tls": {"certFile": str(cert), "keyFile": str(key)}}})
    worker = world.raw_worker(gateway)
    worker.hello("poison")
    world.client(broker).publish_all([("poison/1", b"for operators")], qos=1)
    worker.settle(*worker.expect_deliveries(1), outcome=pb.OUTCOME_REJECT)
    wait_until(lambda: gateway.metric("sluice_dead_letters_kept") == 1, "it is a dead letter")

    seen = browse("roles.mjs", f"https://{gateway.dashboard}", issuer.token(account="viewer"), issuer.token(account="operator"))

    assert seen["ok"], f"{seen['missed']}\n{seen['complaints']}"
