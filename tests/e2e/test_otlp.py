"""Traces: what a collector is told of messages, and what devices and workers see of it."""
import os
import pathlib
import shutil
import socket
import subprocess

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics

from sluice.v1 import worker_pb2 as pb

from harness.collector import Collector
from harness.process import SOURCE, Process, free_port
from harness.wait import wait_until

BUILT = pathlib.Path(os.environ.get("SLUICE_CLIENTS", SOURCE / "build" / "tools" / "clients"))
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
DEVICE = "00f067aa0ba902b7"
SAMPLED = f"00-{TRACE}-{DEVICE}-01"
NOT_SAMPLED = f"00-{TRACE}-{DEVICE}-00"


@pytest.fixture
def collector(world):
    return world.stack.enter_context(closing(Collector()))


class closing:
    def __init__(self, thing):
        self.thing = thing

    def __enter__(self):
        return self.thing

    def __exit__(self, *_):
        self.thing.close()


def traced_gateway(world, broker, collector, routes=None, ratio=0, more=None, **sections):
    return world.gateway(broker, routes or {"in/#": "c"}, telemetry={
        "otlp": {"endpoint": collector.endpoint, "sampleRatio": ratio, "serviceName": "gateway", **(more or {})}}, **sections)


def properties(message):
    return dict(getattr(message.properties, "UserProperty", []))


def given(delivery):
    return {one.name: one.value for one in delivery.user_properties}


def test_a_message_with_a_sampled_parent_is_one_trace_from_the_device_to_the_reply(world, collector):
    broker = world.broker()
    gateway = traced_gateway(world, broker, collector)
    worker = world.answering_worker(gateway)
    replies = world.subscriber(broker, "out")
    world.client(broker).publish("in/7", b"21.5", UserProperty=[("traceparent", SAMPLED), ("tracestate", "device=1")])

    (reply,) = replies.expect(1)
    (way,) = collector.expect("process in/#")
    (attempt,) = collector.expect("deliver c")
    (publish,) = collector.expect("publish ")
    assert {span.trace for span in collector.spans} == {TRACE}
    assert way.parent == DEVICE and attempt.parent == way.id and publish.parent == way.id
    assert (way.kind, attempt.kind, publish.kind) == ("consumer", "producer", "producer")
    assert way.start <= attempt.start <= attempt.end <= way.end and publish.start <= publish.end
    (delivery,) = worker.deliveries
    assert given(delivery) == {"traceparent": f"00-{TRACE}-{way.id}-01", "tracestate": f"sluice={DEVICE},device=1"}
    assert properties(reply) == {"traceparent": f"00-{TRACE}-{publish.id}-01", "tracestate": f"sluice=r{way.id},device=1"}
    assert way.attributes.items() >= {
        "messaging.system": "mqtt", "messaging.operation.type": "process", "messaging.destination.name": "in/7",
        "messaging.destination.template": "in/#", "messaging.message.id": delivery.message_id,
        "messaging.message.body.size": 4, "sluice.chain": "c", "sluice.outcome": "ack", "sluice.attempt": 1}.items()
    assert attempt.attributes["sluice.worker"].startswith("raw/")
    assert publish.attributes["messaging.destination.name"] == "out"
    path, headers = collector.requests[0]
    assert path == "/v1/traces" and headers["Content-Type"] == "application/x-protobuf"
    assert all(span.error is None for span in collector.spans)


def test_what_is_not_sampled_passes_as_it_came_and_is_told_to_nobody(world, collector):
    broker = world.broker()
    gateway = traced_gateway(world, broker, collector)
    worker = world.answering_worker(gateway)
    device = world.client(broker)
    device.publish("in/1", b"", UserProperty=[("traceparent", NOT_SAMPLED), ("a", "b")])
    device.publish("in/2", b"", UserProperty=[("traceparent", "nonsense")])
    device.publish("in/3", b"")
    device.publish("in/4", b"", UserProperty=[("traceparent", SAMPLED)])

    collector.expect("process ")
    assert {span.attributes.get("messaging.destination.name") for span in collector.named("process ")} == {"in/4"}
    by_topic = {delivery.topic: given(delivery) for delivery in worker.deliveries}
    assert by_topic["in/1"] == {"traceparent": NOT_SAMPLED, "a": "b"}
    assert by_topic["in/2"] == {"traceparent": "nonsense"}
    assert by_topic["in/3"] == {}


def test_with_a_ratio_of_one_every_message_begins_a_trace(world, collector):
    broker = world.broker()
    gateway = traced_gateway(world, broker, collector, ratio=1)
    worker = world.answering_worker(gateway)
    world.client(broker, protocol="3.1.1").publish_all([(f"in/{i}", b"x") for i in range(20)])

    ways = collector.expect("process ", 20)
    assert len({span.trace for span in ways}) == 20 and all(span.parent == "" for span in ways)
    assert {given(delivery)["traceparent"] for delivery in worker.deliveries} == {f"00-{span.trace}-{span.id}-01" for span in ways}
    wait_until(lambda: gateway.metric("sluice_spans_exported_total") >= 60, lambda: f"{gateway.get('/metrics')[1]}")
    assert gateway.metric("sluice_spans_dropped_total") == 0


def test_histograms_name_a_message_that_was_traced(world, collector):
    broker = world.broker()
    gateway = traced_gateway(world, broker, collector)
    world.answering_worker(gateway)
    replies = world.subscriber(broker, "out")
    world.client(broker).publish("in/1", b"")
    replies.expect(1)
    accept = "application/openmetrics-text;version=1.0.0"
    gateway.wait_metric("sluice_end_to_end_seconds_count", lambda count: count == 1, chain="c")
    assert "trace_id" not in gateway.get("/metrics", Accept=accept)[1]

    world.client(broker).publish("in/2", b"", UserProperty=[("traceparent", SAMPLED)])
    (way,) = collector.expect("process in/#")
    (publish,) = collector.expect("publish ")
    gateway.wait_metric("sluice_end_to_end_seconds_count", lambda count: count == 2, chain="c")
    exemplars = {sample.name: sample.exemplar for family in open_metrics(gateway.get("/metrics", Accept=accept)[1])
                 for sample in family.samples if sample.exemplar}
    assert {name: exemplar.labels for name, exemplar in exemplars.items()} == {
        "sluice_queue_seconds_bucket": {"trace_id": TRACE, "span_id": way.id},
        "sluice_settle_seconds_bucket": {"trace_id": TRACE, "span_id": way.id},
        "sluice_end_to_end_seconds_bucket": {"trace_id": TRACE, "span_id": publish.id}}
    assert all(0 <= exemplar.value < 60 and exemplar.timestamp for exemplar in exemplars.values())
    assert "trace_id" not in gateway.get("/metrics")[1], "Prometheus' older format has none"


def test_messages_that_come_in_one_read_are_linked(world, collector):
    broker = world.broker()
    gateway = traced_gateway(world, broker, collector, ratio=1, more={"serviceName": "g"})
    world.answering_worker(gateway)
    device = world.client(broker)
    for _ in range(20):
        if collector.named("receive "):
            break
        device.publish_all([("in/x", b"x")] * 200)
    batch = collector.expect("receive ")[0]
    assert batch.kind == "client" and batch.parent == ""
    assert batch.attributes["messaging.batch.message_count"] >= len(batch.links) >= 2 or len(batch.links) == 128
    wait_until(lambda: set(batch.links) <= {(span.trace, span.id) for span in collector.named("process ")},
               "each link names a message's span")


def test_a_retry_a_lost_worker_and_a_dead_letter_show_as_errors(world, collector):
    broker = world.broker()
    gateway = traced_gateway(world, broker, collector, chains={"c": {"deadLetterTopic": "dead"}})
    dead = world.subscriber(broker, "dead")
    first = world.raw_worker(gateway)
    first.hello("c")
    world.client(broker).publish("in/7", b"x", UserProperty=[("traceparent", SAMPLED)])
    (delivery,) = first.expect_deliveries(1)
    first.settle(delivery, outcome=pb.OUTCOME_RETRY, reason="busy", retry_after_ms=1)
    first.expect_deliveries(1)
    first.cancel()
    second = world.raw_worker(gateway)
    second.hello("c")
    (third,) = second.expect_deliveries(1)
    second.settle(third, outcome=pb.OUTCOME_REJECT, reason="bad reading")

    (way,) = collector.expect("process ")
    assert "bad reading" in way.error and way.attributes["sluice.outcome"] == "dead_letter"
    attempts = sorted(collector.expect("deliver ", 3), key=lambda span: span.start)
    assert [span.attributes["error.type"] for span in attempts] == ["retry", "lost", "reject"]
    assert attempts[0].error == "busy" and attempts[2].error == "bad reading"
    assert [span.attributes["sluice.attempt"] for span in attempts][:2] == [1, 2]
    (letter,) = dead.expect(1)
    assert properties(letter)["traceparent"] == f"00-{TRACE}-{way.id}-01", "it names the gateway's span"


def test_what_no_chain_takes_and_what_expires_have_spans_that_say_so(world, collector):
    broker = world.broker()
    gateway = traced_gateway(world, broker, collector, {"in/#": "c", "odd/#": "chain:${userProperty.no-such}"})
    device = world.client(broker)
    context = [("traceparent", SAMPLED)]
    device.publish("in/1", b"", UserProperty=context, MessageExpiryInterval=1)
    device.publish("odd/1", b"", UserProperty=context)
    device.publish("odd/2", b"", qos=0, UserProperty=context)
    (expired,) = collector.expect("process in/#")
    odd = {span.attributes["messaging.destination.name"]: span for span in collector.expect("process odd/#", 2)}
    # What came in one read has a span of its own besides, in another trace.
    assert {(span.trace, span.parent) for span in (expired, *odd.values())} == {(TRACE, DEVICE)}
    assert (expired.attributes["sluice.outcome"], expired.error) == ("dropped", "its expiry interval is over")
    assert odd["odd/1"].attributes["sluice.outcome"] == "dead_letter" and odd["odd/1"].error.startswith("no chain")
    assert odd["odd/2"].attributes["error.type"] == "dropped" and odd["odd/2"].error.startswith("no chain")
    assert gateway.metric("sluice_dead_letters_total") == 1


def test_a_reply_that_a_killed_gateway_has_left_is_published_within_its_trace(world, collector):
    broker = world.broker()
    gateway = traced_gateway(world, broker, collector)
    replies = world.subscriber(broker, "out")
    worker = world.raw_worker(gateway)
    worker.hello("c")
    world.client(broker).publish("in/7", b"x", UserProperty=[("traceparent", SAMPLED)]).wait_for_publish(10)
    (delivery,) = worker.expect_deliveries(1)
    broker.freeze()
    worker.settle(delivery, replies=[pb.Reply(topic="out", qos=1)])
    (way,) = collector.expect("process ")
    gateway.kill()
    broker.thaw()
    gateway.restart()

    (reply,) = [one for one in replies.expect(1)][-1:]
    (publish,) = collector.expect("publish ")
    assert (publish.trace, publish.parent, publish.error) == (TRACE, way.id, None)
    assert properties(reply)["traceparent"] == f"00-{TRACE}-{publish.id}-01"


def test_a_trace_goes_on_over_a_kill_of_the_gateway(world, collector):
    broker = world.broker()
    gateway = traced_gateway(world, broker, collector)
    device = world.client(broker)
    device.publish_all([("in/0", b"")])
    device.publish("in/7", b"x", UserProperty=[("traceparent", SAMPLED)]).wait_for_publish(10)
    gateway.wait_metric("sluice_backlog_messages", lambda count: count == 2)
    gateway.kill()
    gateway.restart()
    worker = world.answering_worker(gateway)

    (way,) = collector.expect("process ")
    assert (way.trace, way.parent) == (TRACE, DEVICE)
    (delivery,) = [one for one in worker.deliveries if one.topic == "in/7"]
    assert given(delivery)["traceparent"] == f"00-{TRACE}-{way.id}-01"


def test_a_collector_that_has_too_much_to_do_is_sent_the_same_again(world, collector):
    collector.answers += [(503, {"Retry-After": "1"}), (429, {})]
    broker = world.broker()
    gateway = traced_gateway(world, broker, collector)
    world.answering_worker(gateway)
    world.client(broker).publish("in/7", b"x", UserProperty=[("traceparent", SAMPLED)])

    collector.expect("process ")
    assert len(collector.requests) >= 3 and len(collector.named("process ")) == 1
    assert gateway.metric("sluice_spans_dropped_total") == 0
    (said,) = gateway.events("the collector of traces has not taken spans")
    assert "503" in said["reason"]


def test_without_a_collector_messages_flow_and_the_end_is_not_held_up(world):
    broker = world.broker()
    config = {"otlp": {"endpoint": f"http://127.0.0.1:{free_port()}", "sampleRatio": 1}}
    gateway = world.gateway(broker, {"in/#": "c"}, telemetry=config)
    world.answering_worker(gateway)
    replies = world.subscriber(broker, "out")
    world.client(broker).publish_all([("in/x", b"x")] * 100)
    replies.expect(100)
    gateway.wait_metric("sluice_spans_held", lambda count: count >= 100)
    assert gateway.stop() == 0


def test_what_is_held_is_sent_at_the_end(world, collector):
    broker = world.broker()
    gateway = traced_gateway(world, broker, collector, ratio=1)
    world.answering_worker(gateway)
    replies = world.subscriber(broker, "out")
    world.client(broker).publish_all([("in/x", b"x")] * 50)
    replies.expect(50)
    assert gateway.stop() == 0
    assert len(collector.named("process ")) == 50


def test_a_collector_that_never_answers_does_not_hold_up_the_end(world):
    broker = world.broker()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = {"otlp": {"endpoint": f"http://127.0.0.1:{silent.getsockname()[1]}", "sampleRatio": 1}}
        gateway = world.gateway(broker, {"in/#": "c"}, telemetry=config, shutdown={"drain": "20s"})
        world.answering_worker(gateway)
        replies = world.subscriber(broker, "out")
        world.client(broker).publish_all([("in/x", b"x")] * 10)
        replies.expect(10)
        assert gateway.stop(seconds=12) == 0


def test_https_with_a_ca_and_headers_from_a_file_that_no_log_shows(world, tmp_path):
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90",
                    "-subj", "/CN=collector", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True, timeout=30)
    headers = tmp_path / "headers"
    headers.write_text("Authorization: Bearer s3cret-t0ken\nX-Scope-OrgID: plant\n")
    broker = world.broker()
    with closing(Collector((certificate, key))) as collector:
        gateway = traced_gateway(world, broker, collector, ratio=1,
                                 more={"headersFile": str(headers), "tls": {"caFile": str(certificate)}})
        world.answering_worker(gateway)
        world.client(broker).publish("in/7", b"x")
        collector.expect("process ")
        (_, first), *_ = collector.requests
        assert first["Authorization"] == "Bearer s3cret-t0ken" and first["X-Scope-OrgID"] == "plant"
        headers.write_text("s3cret-t0ken without a colon")
        world.client(broker).publish("in/7", b"x")
        (said,) = wait_until(lambda: gateway.events("the collector of traces has not taken spans"), "it is told")
        assert "headersFile" in said["reason"] and "line 1" in said["reason"]
        assert "s3cret" not in gateway.process.log()


def show(spans):
    """A trace as a tree, a line each."""
    begin = min(span.start for span in spans)
    lines = []

    def add(span, depth):
        name = f"{'  ' * depth}{span.service}: {span.name}"
        lines.append(f"{name:<44} {span.kind:<8} {(span.start - begin) / 1e6:>7.3f} ms {(span.end - span.start) / 1e6:>8.3f} ms")
        for child in sorted((one for one in spans if one.parent == span.id), key=lambda one: one.start):
            add(child, depth + 1)

    for root in [span for span in spans if span.parent not in {one.id for one in spans}]:
        add(root, 0)
    return "\n".join(lines)


def test_device_gateway_go_worker_and_reply_are_one_trace(world, collector):
    if shutil.which("go") is None:
        pytest.skip("go is not there")
    made = subprocess.run([SOURCE / "tests" / "e2e" / "clients" / "build", "traced", BUILT], capture_output=True, text=True,
                          timeout=500, check=False)
    if made.returncode != 0:
        pytest.skip(f"the worker cannot be built here: {made.stderr[-500:]}")
    (worker,) = made.stdout.splitlines()
    broker = world.broker()
    gateway = traced_gateway(world, broker, collector)
    world.process(lambda folder: Process("worker", [worker, gateway.workers, collector.address], folder))
    gateway.wait_metric("sluice_worker_streams", lambda streams: streams == 1)
    replies = world.subscriber(broker, "out")
    world.client(broker).publish("in/7", b"x", UserProperty=[("traceparent", SAMPLED)])

    (reply,) = replies.expect(1)
    (way,) = collector.expect("process in/#", service="gateway")
    (work,) = collector.expect("process c", service="worker")
    (publish,) = collector.expect("publish ", service="gateway")
    spans = [span for span in collector.spans if span.trace == TRACE]
    assert way.parent == DEVICE and work.parent == way.id and publish.parent == work.id
    assert properties(reply)["traceparent"] == f"00-{TRACE}-{publish.id}-01"
    assert len(spans) == 4
    print(show(spans))
