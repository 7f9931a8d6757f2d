"""All replicas of a gateway asked at once, and gateways under names: sluicectl --all and context."""
import json
import os
import stat
import subprocess

import pytest

from harness.ctl import Ctl, ctl
from harness.process import BIN
from harness.wait import wait_until


def lines(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


@pytest.fixture(name="pair")
def two_gateways(world):
    broker = world.broker()
    gateways = [world.gateway(broker, {f"in/{i}": "c"}, gateway={"name": f"sluice-{i}"},
                              connection={"clientId": f"sluice-e2e-{i}"}) for i in range(2)]
    world.client(broker).publish_all([(f"in/{i}", b"x") for i in (0, 0, 1)], qos=1)
    for gateway, count in zip(gateways, (2, 1)):
        gateway.wait_metric("sluice_journal_messages", lambda value, count=count: value == count)
    return gateways


def test_all_are_asked_and_added_up(world, pair):
    addresses = [gateway.admin for gateway in pair]
    both = ",".join(addresses)
    chains = lines(ctl("chains", "status", "--json", address=both))
    assert {(chain["replica"], chain["name"], chain["waiting"]) for chain in chains} == {
        (addresses[0], "c", 2), (addresses[1], "c", 1)}
    table = [line.split() for line in ctl("chains", "status", address=both).splitlines()]
    assert table[0][:2] == ["REPLICA", "CHAIN"]
    assert [(row[0], row[4]) for row in table[1:4]] == [(addresses[0], "2"), (addresses[1], "1"), ("(all)", "3")]

    worker = world.raw_worker(pair[0])
    worker.hello("c")
    messages = worker.expect_deliveries(2)
    workers = ctl("workers", "list", "--all", address=both)
    assert "1 worker, 2 in flight of 1000" in workers and "at 2 replicas" in workers
    connections = lines(ctl("--address", addresses[0], "--address", addresses[1], "connections", "status", "--json"))
    assert [(one["replica"], one["received"]) for one in connections] == [(addresses[0], 2), (addresses[1], 1)]
    statuses = lines(ctl("status", "--json", address=both))
    assert [one["gateway"] for one in statuses] == ["sluice-0", "sluice-1"]
    assert "2 replicas: " in ctl("status", "--all", address=both)

    worker.settle(*messages, outcome=2, reason="no")
    wait_until(lambda: len(Ctl(pair[0]).letters()) == 2, "they are dead letters")
    letters = lines(ctl("dlq", "list", "--json", address=both))
    assert [letter["replica"] for letter in letters] == [addresses[0]] * 2
    listed = ctl("dlq", "list", "--limit", "1", address=both)
    assert listed.startswith("REPLICA") and "1 dead letter shown at 2 replicas" in listed

    traced = ctl("trace", messages[0].message_id, address=both)
    assert traced.startswith(f"{addresses[0]}:\n") and "is a dead letter" in traced
    assert "nothing is known" in ctl("trace", "01890a5d-ac96-774b-bcce-b302099a8057", address=both, status=1)


def test_one_that_is_away_is_said_and_the_others_are_shown(pair):
    both = ",".join(gateway.admin for gateway in pair)
    pair[1].stop()
    for command in (("status",), ("workers", "list"), ("chains", "status"), ("connections", "status"), ("dlq", "list")):
        said = ctl(*command, address=both, status=1)
        assert f"cannot reach the gateway at {pair[1].admin}" in said, command
        assert "1 replica" in said or pair[0].admin in said, said
    assert "1 without an answer" in ctl("status", address=both, status=1)


def test_what_is_for_one_gateway_is_not_asked_of_several(pair):
    both = ",".join(gateway.admin for gateway in pair)
    assert "this command asks one gateway, and there are 2" in ctl("chain", "pause", "c", address=both, status=2)
    assert [chain["name"] for chain in lines(Ctl(pair[0])("chains", "status", "--json"))] == ["c"]


class Home:
    """A user with a file of contexts."""

    def __init__(self, folder):
        self.folder = folder
        self.file = folder / "sluice" / "contexts.yaml"

    def __call__(self, *args, status=0, **env):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}
        done = subprocess.run([BIN / "sluicectl", *args], capture_output=True, text=True, timeout=60, check=False,
                              stdin=subprocess.DEVNULL, env={**kept, "XDG_CONFIG_HOME": str(self.folder), **env})
        assert done.returncode == status, f"{args} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr


def test_a_context_stands_for_a_gateway(pair, tmp_path):
    home = Home(tmp_path / "home")
    assert "there is none" in home("context", "list")
    assert "in use" in home("context", "set", "zero", "--address", pair[0].admin)
    home("context", "set", "both", "--address", f"{pair[0].admin},{pair[1].admin}")
    assert stat.S_IMODE(home.file.stat().st_mode) == 0o600
    assert json.loads(home("status", "--json"))["gateway"] == "sluice-0", "the first one is in use"
    assert len(lines(home("status", "--json", "--context", "both"))) == 2
    assert len(lines(home("status", "--json", SLUICE_CONTEXT="both"))) == 2
    said = json.loads(home("status", "--json", "--address", pair[1].admin, SLUICE_CONTEXT="both"))
    assert said["gateway"] == "sluice-1", "what is said goes first"
    assert json.loads(home("status", "--json", SLUICE_ADMIN=pair[1].admin))["gateway"] == "sluice-1"
    home("context", "use", "both")
    assert [one["name"] for one in lines(home("context", "list", "--json")) if one["current"]] == ["both"]
    assert "(in use)" in home("context", "show")

    assert "there is no context 'botj' (did you mean 'both'?)" in home("status", "--context", "botj", status=2)
    assert "(did you mean 'zero'?)" in home("context", "use", "zerro", status=1)
    home.file.chmod(0o644)
    assert "others may read" in home("status")
    assert "none is in use now" in home("context", "delete", "both")
    assert "(did you mean" not in home("context", "show", "both", status=1)
    assert "is no name" in home("context", "set", "a/b", "--address", "h:1", status=2)


def test_a_context_holds_names_of_files_and_no_secrets(tmp_path):
    home = Home(tmp_path / "home")
    token = tmp_path / "token"
    token.write_text("s3cret")
    home("context", "set", "plant", "--address", "gw:7444", "--token-file", str(token), "--ca-file", "ca.pem")
    text = home.file.read_text()
    assert "s3cret" not in text and str(token) in text
    assert json.loads(home("context", "show", "--json"))["ca_file"] == os.path.abspath("ca.pem")
    home("context", "set", "plant", "--address", "other:7444")
    shown = json.loads(home("context", "show", "plant", "--json"))
    assert shown["addresses"] == ["other:7444"] and shown["token_file"] == str(token), "the rest stays"
    home.file.write_text("contexts:\n  plant: {adresses: [a:1]}\n")
    assert "contexts.yaml:2: 'adresses' is no key (did you mean 'addresses'?)" in home("context", "list", status=1)
    assert "contexts.yaml:2" in home("status", status=2)
