"""What /metrics shows, and that docs/metrics.md names all of it."""
import os
import re
import subprocess
import sys

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain_text

from harness.gateway import config_for
from harness.process import SOURCE

sys.path.insert(0, str(SOURCE / "scripts"))
import metrics_reference  # noqa: E402

PAGE = SOURCE / "docs" / "metrics.md"


@pytest.fixture
def certificate(tmp_path):
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90",
               "-subj", "/CN=test", "-keyout", tmp_path / "tls.key", "-out", tmp_path / "tls.crt"]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    return {"certFile": str(tmp_path / "tls.crt"), "keyFile": str(tmp_path / "tls.key")}


@pytest.fixture
def rules(tmp_path):
    file = tmp_path / "rules.yaml"
    file.write_text('permissions: [{who: ["**"], chains: ["*"]}]\n')
    return str(file)


def config_with_everything(broker, certificate, rules):
    """Each way to take in, and all that has metrics of its own."""
    config = config_for(broker, {"in": "c"}, chains={"configured": {}})
    config["workers"] = {"listen": "127.0.0.1:0", "tls": {**certificate, "clientCaFile": certificate["certFile"]},
                         "auth": {"certificates": {}}}
    config["permissionsFile"] = rules
    config["telemetry"] = {"otlp": {"endpoint": "http://127.0.0.1:9"}}
    config["connections"]["other"] = {"server": broker.url, "clientId": "sluice-e2e-paho", "driver": "paho"}
    config["routes"].append({"id": "other", "connection": "other", "from": {"path": "other"}, "to": {"path": "chain:c"}})
    return config


def metrics_of(gateway):
    status, text = gateway.get("/metrics")
    assert status == 200
    return text


def test_the_page_names_every_metric_of_a_gateway(world, certificate, rules):
    gateway = world.gateway_with(config_with_everything(world.broker(), certificate, rules))

    before = PAGE.read_text()
    after = metrics_reference.page(before, metrics_of(gateway))
    if os.environ.get("SLUICE_UPDATE_DOCS"):
        PAGE.write_text(after)
    else:
        assert after == before, "run this test with SLUICE_UPDATE_DOCS=1"
    assert "/tmp" not in after and gateway.workers not in after


def test_open_metrics_has_all_that_plain_text_has(world, certificate, rules):
    broker = world.broker()
    gateway = world.gateway_with(config_with_everything(broker, certificate, rules))
    world.client(broker).publish("in", b"x")
    gateway.wait_metric("sluice_backlog_messages", lambda backlog: backlog == 1)

    status, text = gateway.get("/metrics", Accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert status == 200
    series = {(sample.name, *((name, float(value) if name == "le" else value) for name, value in sorted(sample.labels.items())))
              for family in open_metrics(text) for sample in family.samples}
    assert series == {(sample.name, *((name, float(value) if name == "le" else value) for name, value in sorted(sample.labels.items())))
                      for family in plain_text(metrics_of(gateway)) for sample in family.samples}


def test_a_gateway_without_much_has_no_metric_that_the_page_does_not_name(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, journal={"enabled": False})
    world.client(broker).publish("in", b"x")

    named = set(re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.MULTILINE))
    assert set(metrics_reference.families(metrics_of(gateway))) <= named


def test_all_series_of_a_metric_have_the_same_labels(world, certificate, rules):
    broker = world.broker()
    gateway = world.gateway_with(config_with_everything(broker, certificate, rules))
    world.client(broker).publish("in", b"x")
    gateway.wait_metric("sluice_backlog_messages", lambda backlog: backlog == 1)

    for family in metrics_reference.families(metrics_of(gateway)).values():
        assert len(family.label_sets) == 1, f"{family.name}: {family.label_sets}"
        assert family.help and family.type, family.name


def test_the_bounds_of_buckets_are_numbers_that_one_can_read(world):
    gateway = world.gateway(world.broker(), {"in": "c"})

    bounds = {bound for family in metrics_reference.families(metrics_of(gateway)).values() for bound in family.values.get("le", ())}
    assert {"0.0001", "0.0025", "1", "500", "+Inf"} <= bounds
    assert not [bound for bound in bounds if "e" in bound or len(bound) > len("0.00025")]


def test_a_chain_that_is_configured_has_its_series_before_any_message(world):
    gateway = world.gateway(world.broker(), {"in": "routed"}, chains={"named": {"queue": {"maxMessages": 77}}})

    text = metrics_of(gateway)
    for chain in ("routed", "named"):
        for name in ("sluice_backlog_messages", "sluice_deliveries_total", "sluice_oldest_message_seconds", "sluice_end_to_end_seconds_count",
                     "sluice_chain_workers", "sluice_queue_limit_messages"):
            assert f'{name}{{chain="{chain}"}}' in text, name
        for series in ('sluice_replies_denied_total{chain="%s",reason="denied"}', 'sluice_dead_letters_total{chain="%s",reason_kind="gateway_killed"}'):
            assert f"{series % chain} 0" in text, series
    assert gateway.metric("sluice_queue_limit_messages", chain="named") == 77


def test_a_reply_is_timed_and_measured_up_to_the_broker(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    answers = world.subscriber(broker, "out")
    client = world.client(broker)
    client.publish("in", b"waits")
    gateway.wait_metric("sluice_oldest_message_seconds", lambda age: age > 0.05, chain="c")
    assert gateway.metric("sluice_end_to_end_seconds_count") == 0
    world.answering_worker(gateway, chain="c", topic="out")
    answers.expect(1)

    gateway.wait_metric("sluice_end_to_end_seconds_count", lambda count: count == 1, chain="c")
    assert gateway.metric("sluice_end_to_end_seconds_sum", chain="c") > 0.05
    gateway.wait_metric("sluice_oldest_message_seconds", lambda age: age == 0, chain="c")
    assert gateway.metric("sluice_received_bytes_total", connection="plant") == len(b"in" + b"waits")
    assert gateway.metric("sluice_published_bytes_total", connection="plant") > len(b"out" + b"waits")
    for direction in ("in", "out"):
        assert gateway.metric("sluice_worker_bytes_total", direction=direction) > 0
    assert gateway.metric("sluice_journal_write_seconds_count") > 0


def test_the_configured_bounds_stand_beside_what_they_bound(world):
    gateway = world.gateway(
        world.broker(), {"in": "c"}, replies={"maxOutstandingMessages": 11, "maxOutstandingBytes": "2KiB"},
        deadLetters={"maxMessages": 12, "maxBytes": "3MiB"}, workers={"maxStreams": 13})

    assert gateway.metric("sluice_outbox_connection_limit_messages") == 11
    assert gateway.metric("sluice_outbox_connection_limit_bytes") == 2048
    assert gateway.metric("sluice_outbox_limit_messages") == 4 * 11
    assert gateway.metric("sluice_outbox_limit_bytes") == 4 * 2048
    assert gateway.metric("sluice_dead_letters_limit_messages") == 12
    assert gateway.metric("sluice_dead_letters_limit_bytes") == 3 << 20
    assert gateway.metric("sluice_worker_streams_limit") == 13
    assert gateway.metric("sluice_journal_limit_messages") == 5_000_000
    assert gateway.metric("sluice_journal_limit_bytes") == 4 << 30
