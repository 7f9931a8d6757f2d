"""Connections that are put while the gateway runs: with the real gateway, brokers and sluicectl."""
import json

from harness.administrators import Administrators
from harness.ctl import Ctl
from harness.wait import wait_until
from test_reload import SettlingWorker, reload, route
from test_run_time_items import items, put


def hall_at(broker, **more):
    return {"server": broker.url, "clientId": "hall-1", **more}


def test_a_connection_and_its_route_are_put_used_and_deleted(world, tmp_path):
    plant, hall = world.broker(), world.broker()
    gateway = world.gateway(plant, [{key: value for key, value in route("in", "in", "c").items() if key != "connection"}])
    of = Ctl(gateway)
    said = put(of, tmp_path, {"connections": {"hall": hall_at(hall)},
                              "routes": [{**route("hall", "in", "c"), "connection": "hall"}]}, kind="connections")
    assert "+ connection hall" in said and "put: hall, version 1" in said
    listed = items(of, "connections")
    assert listed["hall"]["version"] == 1 and listed["plant"]["in_file"]
    assert "hall-1" in of("connections", "show", "hall") and "put" in of("connections", "list")
    gateway.wait_ready()
    worker = world.process(SettlingWorker, gateway, "c")
    world.client(hall).publish_all([("in", b"hall")])
    world.client(plant).publish_all([("in", b"plant")])
    wait_until(lambda: sorted(worker.payloads("in")) == [b"hall", b"plant"], "both take messages")

    assert "used by route 'hall'" in of("connections", "delete", "hall", status=1)
    before = gateway.config_path.read_text()
    refused = tmp_path / "leans.yaml"
    refused.write_text(before.replace("- from", "- connection: hall\n  from", 1))
    assert "which is no connection" in of("config", "apply", refused, status=1)
    put(of, tmp_path, {"hall": hall_at(hall, keepAlive="25s")}, "--expect", "1", kind="connections")
    gateway.wait_ready()
    world.client(hall).publish_all([("in", b"anew")])
    wait_until(lambda: b"anew" in worker.payloads("in"), "it goes on after the change")
    reload(gateway, lambda config: config["routes"].append(route("y", "y", "c")))
    of("routes", "delete", "hall")
    assert "- connection hall" in of("connections", "delete", "hall")
    assert list(items(of, "connections")) == ["plant"]
    wait_until(lambda: any("hall-1" in str(event) for event in gateway.events("mqtt session left; it is ended")),
               "its session is ended", 30)
    assert gateway.stop() == 0


def test_what_was_acknowledged_outlives_a_kill_that_comes_at_once(world, tmp_path):
    plant, hall = world.broker(), world.broker()
    gateway = world.gateway(plant, [route("in", "in", "c")])
    of = Ctl(gateway)
    for i in range(3):
        put(of, tmp_path, {"connections": {f"hall{i}": hall_at(hall, clientId=f"hall-{i}")},
                           "routes": [{**route(f"r{i}", f"in/{i}", "c"), "connection": f"hall{i}"}]}, kind="connections")
        gateway.kill()
        gateway.restart()
        assert f"hall{i}" in items(of, "connections") and f"r{i}" in items(of)
    worker = world.process(SettlingWorker, gateway, "c")
    world.client(hall).publish_all([(f"in/{i}", b"x") for i in range(3)])
    wait_until(lambda: all(worker.payloads(f"in/{i}") for i in range(3)), "each takes messages")
    worker.close()
    for i in range(3):
        of("routes", "delete", f"r{i}")
        of("connections", "delete", f"hall{i}")
        gateway.kill()
        gateway.restart()
        assert f"hall{i}" not in items(of, "connections")


def test_secrets_are_in_files_only(world, tmp_path):
    gateway = world.gateway(world.broker(), [route("in", "in", "c")])
    hall = world.broker()
    of = Ctl(gateway)
    said = put(of, tmp_path, {"hall": hall_at(hall, username="u", password="swordfish")}, kind="connections", status=1)
    assert "passwordFile" in said and "swordfish" not in said and "nothing has changed" in said
    assert "file" in put(of, tmp_path, {"hall": hall_at(hall, username="u", passwordFile="/nowhere")}, kind="connections",
                         status=1)
    secret = tmp_path / "secret"
    secret.write_text("swordfish\n")
    put(of, tmp_path, {"hall": hall_at(hall, username="u", passwordFile=str(secret))}, kind="connections")
    shown = of("connections", "show", "hall") + of("config", "show") + json.dumps(items(of, "connections"))
    assert str(secret) in shown and "swordfish" not in shown
    for file in (tmp_path.parent / "state", gateway.config_path.parent / "state"):
        for each in file.glob("additions.db*"):
            assert b"swordfish" not in each.read_bytes() and each.stat().st_mode & 0o077 == 0
    assert list((gateway.config_path.parent / "state").glob("additions.db*"))
    assert "swordfish" not in gateway.process.log()


def test_a_connection_whose_broker_is_away_is_put_all_the_same(world, tmp_path):
    gateway = world.gateway(world.broker(), [route("in", "in", "c")])
    hall = world.broker(persistent=True)
    hall.stop()
    of = Ctl(gateway)
    put(of, tmp_path, {"connections": {"hall": hall_at(hall)},
                       "routes": [{**route("hall", "h", "c"), "connection": "hall"}]}, kind="connections")
    gateway.wait_not_ready("hall")
    hall.start()
    gateway.wait_ready(30)
    worker = world.process(SettlingWorker, gateway, "c")
    world.client(hall).publish_all([("h", b"x")])
    wait_until(lambda: worker.payloads("h"), "it takes messages")


def test_an_operator_puts_routes_and_an_administrator_connections(world, tmp_path):
    administrators = Administrators(world, ops="operator", boss="admin")
    ctl = administrators.ctl
    connection, lab = tmp_path / "connection.json", tmp_path / "route.json"
    connection.write_text(json.dumps({"connections": {"hall": hall_at(world.broker())}}))
    lab.write_text(json.dumps(route("lab", "lab", "c")))
    refused = (1, "sluicectl: needs the role admin, has operator\nsluicectl: nothing has changed\n")
    assert ctl("ops", "routes", "put", lab) == (0, "")
    assert ctl("ops", "routes", "put", connection) == refused, "whatever it is called"
    assert ctl("boss", "connections", "put", connection)[0] == 0
    assert ctl("ops", "connections", "delete", "hall") == refused
    assert ctl("boss", "connections", "delete", "hall")[0] == 0
    assert ("email:ops@plant", "PutConfigurationItems", "refused") in administrators.audit()
