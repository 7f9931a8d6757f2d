"""What deploy/ holds fits the programs."""
import json
import os
import re
import shutil
import subprocess

import pytest
import yaml

from harness.gateway import LABEL, SAMPLE
from harness.issuer import Issuer
from harness.process import BIN, SOURCE

DEPLOY = SOURCE / "deploy"
UNIT = DEPLOY / "systemd" / "sluice-gateway.service"
DEFAULT_DRAIN_S = 20


def check(config, **env):
    done = subprocess.run([BIN / "sluice-gateway", "--config", config, "--check"], capture_output=True, text=True, timeout=30,
                          env={**os.environ, **env}, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def compose():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def test_the_gateway_takes_the_configuration_of_compose():
    check(DEPLOY / "compose" / "gateway.yaml")


def test_compose_names_files_targets_and_names_that_are_there():
    content = compose()
    for config in content["configs"].values():
        assert (DEPLOY / config["file"]).is_file()
    targets = re.findall(r"^FROM .* AS (\w+)$", (SOURCE / "Dockerfile").read_text(), re.MULTILINE)
    for name in ("gateway", "worker"):
        assert content["services"][name]["build"]["target"] in targets
    config = yaml.safe_load((DEPLOY / "compose" / "gateway.yaml").read_text())
    assert config["connections"]["local"]["server"] == "mqtt://mosquitto:1883" and "mosquitto" in content["services"]
    worker = content["services"]["worker"]["command"]
    assert worker[worker.index("--gateway") + 1] == "gateway:" + config["workers"]["listen"].rpartition(":")[2]
    assert config["routes"][0]["to"]["path"] == "chain:" + worker[worker.index("--chain") + 1]


def test_compose_publishes_on_loopback_only():
    for service in compose()["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_compose_ends_the_gateway_before_those_it_drains_to():
    services = compose()["services"]
    assert set(services["gateway"]["depends_on"]) == set(services) - {"gateway"}
    assert not any("depends_on" in service for name, service in services.items() if name != "gateway")


def test_the_gateway_takes_the_configuration_of_the_service():
    """Its journal is where this user may write, which is checked, too."""
    text = (DEPLOY / "systemd" / "gateway.yaml").read_text()
    config = yaml.safe_load(text)
    assert config["journal"]["path"] == "/var/lib/sluice" and "StateDirectory=sluice\n" in UNIT.read_text()
    done = subprocess.run([BIN / "sluice-gateway", "--config", "/dev/stdin", "--check"], input=text.replace("/var/lib/sluice", "data"),
                          capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_service_gives_the_drain_its_time():
    assert int(re.search(r"^TimeoutStopSec=(\d+)$", UNIT.read_text(), re.MULTILINE)[1]) >= DEFAULT_DRAIN_S + 10
    assert int(compose()["services"]["gateway"]["stop_grace_period"].rstrip("s")) >= DEFAULT_DRAIN_S + 10


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
def test_the_service_is_what_systemd_understands_and_exposes_little(tmp_path):
    unit = tmp_path / UNIT.name
    # The program is not installed here.
    unit.write_text(UNIT.read_text().replace("/usr/bin/sluice-gateway", str(BIN / "sluice-gateway")))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and UNIT.name not in done.stderr, done.stderr
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=15", unit], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done.stdout


def asked():
    """Each expression of the dashboard and of the alerts, with what stands beside it and may name labels."""
    dashboard = json.loads((DEPLOY / "grafana" / "sluice.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"], set(re.findall(r"{{(\w+)}}", target["legendFormat"])), f"panel {panel['title']}"
    for group in yaml.safe_load((DEPLOY / "prometheus" / "sluice-rules.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["expr"], set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])), rule["alert"]


def test_dashboard_and_alerts_ask_for_metrics_and_labels_that_a_gateway_has(world, tmp_path):
    broker = world.broker()
    # A gateway with all that has metrics only when it is asked for.
    issuer = Issuer(tmp_path)
    rules = tmp_path / "rules.yaml"
    rules.write_text('permissions: [{name: all, who: ["sub:*"], chains: ["*"]}]')
    jwt = [{"issuer": issuer.url, "audiences": ["sluice"], "jwksFile": str(issuer.jwks)}]
    gateway = world.gateway(broker, {"in": "c"}, workers={"auth": {"jwt": jwt}}, permissionsFile=str(rules))
    world.client(broker).publish("in", b"x")  # A chain has its metrics from its first message on.
    gateway.wait_metric("sluice_backlog_messages", lambda backlog: backlog == 1)
    target = {"namespace", "pod", "instance", "job"}  # Prometheus adds them.
    labels = {}
    for line in gateway.get("/metrics")[1].splitlines():
        if sample := SAMPLE.match(line):
            labels.setdefault(sample[1], set(target)).update(dict(LABEL.findall(sample[2] or "")))

    for expr, beside, where in asked():
        names = re.findall(r"\b((?:sluice|process)_\w+)", expr)
        assert names, where
        assert set(names) <= set(labels), where
        wanted = {label for listed in re.findall(r"\b(?:by|without|on) \(([^)]*)\)", expr) for label in listed.split(", ")}
        wanted |= set(re.findall(r"(\w+)=~", expr)) | beside
        for name in names:
            # sluice_build_info stands beside others to say which gateways there are.
            assert name == "sluice_build_info" or wanted <= labels[name], f"{where}: {name}"
        if grouped := re.match(r"(?:histogram_quantile\([\d.]+, )?\w+ by \(([^)]*)\)", expr):
            assert beside <= set(grouped[1].split(", ")), f"{where}: its legend names what is summed up"
