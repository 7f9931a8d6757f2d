"""Certificates of both sides: renewed under load, withdrawn, and told when they do not fit."""
import signal
import socket
import threading

import grpc
import pytest
from sluice.v1 import worker_pb2 as pb

from harness.ctl import ctl
from harness.issuer import Authority
from harness.lasting_calls import LastingCalls
from harness.process import free_port
from harness.proxy import TcpProxy
from harness.wait import wait_until
from harness.worker import AnsweringWorker

HOSTS = "DNS:localhost,IP:127.0.0.1"
RULE = {"who": ["spiffe://plant/worker/*"], "chains": ["c"], "replies": {"allow": ["out"]}}


class Echo(AnsweringWorker):
    def replies_to(self, delivery):
        return [pb.Reply(topic="out", qos=1, payload=delivery.payload)]


def install(folder, **texts):
    """Replaces files of these names, with `_` for `.`; each at once, as a mounted Secret's are."""
    for name, text in texts.items():
        path = folder / name.replace("_", ".")
        fresh = path.with_suffix(".new")
        fresh.write_text(text)
        fresh.rename(path)


class Tls:
    """Two authorities, a broker that asks for certificates, and the files of broker and gateway."""

    def __init__(self, world):
        self.world = world
        self.old = Authority(world._subfolder("old"), "Old CA")
        self.new = Authority(world._subfolder("new"), "New CA")
        self.at_broker = world._subfolder("at-broker")
        self.at_gateway = world._subfolder("at-gateway")
        self.count = 0
        # On SIGHUP mosquitto reads its certificate again, but not whom it trusts.
        install(self.at_broker, ca_pem=self.old.cert.read_text() + self.new.cert.read_text())
        self.trust(self.old)
        self.issue(self.old)

    def trust(self, *authorities):
        install(self.at_gateway, ca_pem="".join(authority.cert.read_text() for authority in authorities))

    def _pair(self, authority, names=HOSTS):
        self.count += 1
        cert, key = authority.issue(f"cert-{self.count}", names)
        return cert.read_text(), key.read_text()

    def issue(self, authority):
        """Fresh certificates of the broker, of the listener, and of the gateway as the broker's client."""
        cert, key = self._pair(authority)
        install(self.at_broker, tls_crt=cert, tls_key=key)
        cert, key = self._pair(authority)
        install(self.at_gateway, listener_key=key, listener_crt=cert)
        cert, key = self._pair(authority)
        install(self.at_gateway, client_key=key, client_crt=cert)

    def broker(self):
        """Also with a plain listener, for the test's own clients."""
        broker = self.world.broker(start=False)
        self.plain_port = broker.port
        self.secure_port = free_port()
        with broker.conf.open("a") as conf:
            conf.write(f"listener {self.secure_port} 127.0.0.1\ncafile {self.at_broker}/ca.pem\ncertfile {self.at_broker}/tls.crt\n"
                       f"keyfile {self.at_broker}/tls.key\nrequire_certificate true\n")
        broker.start()
        return broker

    def files(self, *names):
        return {key: str(self.at_gateway / name) for key, name in names}

    def listener(self, **more):
        return {"insecure": False, "auth": {"certificates": {}},
                "tls": {**self.files(("certFile", "listener.crt"), ("keyFile", "listener.key"), ("clientCaFile", "ca.pem")), **more}}

    def connection(self, port):
        return {"server": f"mqtts://127.0.0.1:{port}",
                **self.files(("caFile", "ca.pem"), ("certFile", "client.crt"), ("certKeyFile", "client.key"))}

    def credentials(self, authority, name):
        self.count += 1
        cert, key = authority.issue(f"worker-{self.count}", f"URI:spiffe://plant/worker/{name}")
        self.worker_cert = cert
        return grpc.ssl_channel_credentials((self.at_gateway / "ca.pem").read_bytes(), key.read_bytes(), cert.read_bytes())


@pytest.fixture
def tls(world):
    return Tls(world)


def test_everything_is_renewed_while_messages_flow_and_none_is_lost(world, tls):
    broker = tls.broker()
    proxy = world._keep(TcpProxy(tls.secure_port))
    gateway = world.gateway(broker, {"in/#": "c"}, connection=tls.connection(proxy.port), workers=tls.listener(), permissions=[RULE])
    heard = world.subscriber(broker, "out")
    first = world._keep(Echo(gateway, credentials=tls.credentials(tls.old, "first")))
    device = world.client(broker)
    done = threading.Event()
    sent = []

    def publish():
        while not done.is_set():
            for _ in range(10):
                sent.append(b"%d" % len(sent))
                device.publish("in/x", sent[-1])
            done.wait(0.05)

    publisher = threading.Thread(target=publish)
    publisher.start()

    def flows_on():
        """Messages that are sent from now on are answered."""
        begin = len(sent)
        wait_until(lambda: len(sent) > begin + 100, "messages are sent")
        heard.expect_payloads(sent[begin:begin + 100], seconds=60)

    def reload():
        loaded = len(gateway.events("TLS files read again"))
        yield
        broker.process.signal(signal.SIGHUP)
        wait_until(lambda: len(gateway.events("TLS files read again")) > loaded, "the gateway has read its files again")
        connects = gateway.metric("sluice_mqtt_connects_total", result="ok")
        proxy.cut()
        wait_until(lambda: gateway.metric("sluice_mqtt_connects_total", result="ok") >= connects + 2, "both are connected again")
        flows_on()

    def step(change):
        steps = reload()
        next(steps)
        change()
        next(steps, None)

    try:
        flows_on()
        step(lambda: tls.trust(tls.old, tls.new))
        step(lambda: tls.issue(tls.new))
        second = world._keep(Echo(gateway, credentials=tls.credentials(tls.new, "second")))
        assert first.alive()
        step(lambda: tls.trust(tls.new))
        code, details = first.expect_end()
        assert code == grpc.StatusCode.UNAUTHENTICATED, details
        flows_on()
        assert second.alive()
    finally:
        done.set()
        publisher.join()
    heard.expect_payloads(sent, seconds=60)
    assert gateway.metric("sluice_dead_letters_kept") == 0


@pytest.mark.parametrize("auth", [True, False], ids=["auth", "tls-alone"])
def test_a_certificate_that_is_revoked_ends_its_stream_and_lets_nobody_in_again(world, tls, auth):
    install(tls.at_gateway, list_crl=tls.old.crl())
    broker = world.broker()
    workers = tls.listener(**tls.files(("clientCrl", "list.crl")))
    rules = {"permissions": [RULE]}
    if not auth:
        del workers["auth"]
        rules = {}
    gateway = world.gateway(broker, {"in/#": "c"}, workers=workers, **rules)
    good = world.raw_worker(gateway, credentials=tls.credentials(tls.old, "good"))
    good.hello("c", messages=0)
    lost = tls.credentials(tls.old, "lost")
    lost_cert = tls.worker_cert
    worker = world.raw_worker(gateway, credentials=lost)
    worker.hello("c")
    world.client(broker).publish("in/x", b"1")
    worker.expect_deliveries(1)
    install(tls.at_gateway, list_crl="junk")
    wait_until(lambda: gateway.events("TLS files are not usable, the last good ones stay in use"), "junk is told")
    assert worker.alive()

    install(tls.at_gateway, list_crl=tls.old.crl(lost_cert))
    code, details = worker.expect_end()
    assert (code, details) == (grpc.StatusCode.UNAUTHENTICATED,
                               "revoked: the client certificate is not taken any more; connect with another")
    assert worker.drains
    assert "CN = " in gateway.events("a client certificate is not taken any more")[-1]["detail"]
    assert gateway.metric("sluice_worker_streams_ended_total", reason="withdrawn") == 1
    good.window(10)
    [again] = good.expect_deliveries(1)
    assert again.attempt == 1, "the message is not to blame"

    back = world.raw_worker(gateway, credentials=lost)
    gateway.wait_metric("sluice_connections_refused_total", lambda n: n > 0, listener="workers", reason="tls_certificate_revoked")
    assert back.ended is None and back.welcome is None


def test_an_administrator_whose_certificate_is_revoked_may_nothing_on_a_connection_that_is_open(world, tls):
    install(tls.at_gateway, list_crl=tls.old.crl())
    admin = {**tls.listener(**tls.files(("clientCrl", "list.crl"))), "listen": "127.0.0.1:0"}
    ops = {"who": ["spiffe://plant/worker/ops"], "role": "viewer"}
    gateway = world.gateway(world.broker(), {"in/#": "c"}, admin=admin, permissions=[ops])
    with grpc.secure_channel(gateway.admin, tls.credentials(tls.old, "ops")) as channel:
        get_status = channel.unary_unary("/sluice.v1.AdminService/GetStatus")
        assert get_status(b"", timeout=30)
        install(tls.at_gateway, list_crl=tls.old.crl(tls.worker_cert))
        wait_until(lambda: gateway.events("TLS files read again"), "the gateway has read the list")
        with pytest.raises(grpc.RpcError) as refused:
            get_status(b"", timeout=30)
        assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
        assert refused.value.details() == "revoked: the client certificate is not taken any more; connect with another"
    assert gateway.metric("sluice_connections_accepted_total", listener="admin") == 1


def test_calls_of_an_administrator_that_last_end_when_the_certificate_is_revoked(world, tls):
    install(tls.at_gateway, list_crl=tls.old.crl())
    admin = {**tls.listener(**tls.files(("clientCrl", "list.crl"))), "listen": "127.0.0.1:0"}
    ops = {"who": ["spiffe://plant/worker/ops"], "role": "operator"}
    broker = world.broker()
    gateway = world.gateway(broker, {"in/#": "c"}, admin=admin, permissions=[ops])
    device = world.client(broker)
    with LastingCalls(gateway.admin, tls.credentials(tls.old, "ops"), lambda: device.publish_all([("in/1", b"x")], qos=1)) as calls:
        install(tls.at_gateway, list_crl=tls.old.crl(tls.worker_cert))
        revoked = (grpc.StatusCode.UNAUTHENTICATED, "revoked: the client certificate is not taken any more; connect with another")
        assert calls.ends() == {"Tail": revoked, "ImportDeadLetters": revoked}


def test_of_a_handshake_that_fails_sluicectl_says_one_line_of_its_own(tmp_path):
    """gRPC's log would stand around it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def answer():
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                with peer:
                    peer.recv(1)
                    peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        said = ctl("status", "--ca-file", Authority(tmp_path).cert, address=f"127.0.0.1:{port}", status=1)
        listener.shutdown(socket.SHUT_RDWR)
    lines = said.splitlines()
    assert len(lines) == 1 and lines[0].startswith("sluicectl: cannot reach the gateway"), said
    assert "if it speaks no TLS, leave out" in said
