"""What deploy/ holds fits the programs."""
import os
import re
import shutil
import subprocess

import pytest
import yaml

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


def test_compose_ends_the_gateway_before_the_broker_and_starts_it_before_the_workers():
    services = compose()["services"]
    assert services["gateway"]["depends_on"] == ["mosquitto"] and services["worker"]["depends_on"] == ["gateway"]


def test_the_gateway_takes_the_configuration_of_the_service(tmp_path):
    (tmp_path / "mqtt-password").write_text("secret\n")
    check(DEPLOY / "systemd" / "gateway.yaml", CREDENTIALS_DIRECTORY=str(tmp_path))


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
