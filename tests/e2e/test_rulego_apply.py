"""RuleGo's endpoints put at a gateway that runs, and RuleGo's stories of them: with the real gateway, brokers, sluicectl."""
import json
import pathlib
import time

import pytest

from harness.ctl import Ctl
from harness.wait import wait_until
from test_reload import SettlingWorker, route
from test_run_time_items import items, put


def router(name, path, to, **more):
    return {"id": name, "from": {"path": path}, "to": {"path": to, **more}}


def endpoint(broker, *routers, name="hall", **configuration):
    address = broker.url.split("//")[-1]
    return {"id": name, "type": "endpoint/mqtt", "configuration": {"server": address, "clientId": f"{name}-1", "qos": 1,
                                                                   **configuration}, "routers": list(routers)}


@pytest.fixture(name="apply")
def _apply(tmp_path):
    def run(of, dsl, *flags, status=0):
        file = tmp_path / "endpoint.json"
        file.write_text(json.dumps(dsl))
        return of("rulego", "apply", file, *flags, status=status)

    return run


def test_an_endpoint_becomes_a_connection_with_routes(world, apply):
    plant, hall = world.broker(), world.broker()
    gateway = world.gateway(plant, [route("in", "in", "c")])
    of = Ctl(gateway)
    dsl = endpoint(hall, router("r1", "plant/+/temp", "chain:temp:n1", wait=True), router("", "raw/#", "c"))
    assert "only tried" in apply(of, dsl, "--dry-run") and list(items(of)) == ["in"]
    said = apply(of, dsl)
    assert "put: hall" in said and "put: r1" in said and "put: raw/#" in said
    assert items(of)["r1"]["route"]["target"] == "temp:n1" and items(of, "chains")["temp"]["chain"]["order_by"] == "topic"
    gateway.wait_ready()
    worker = world.process(SettlingWorker, gateway, "c")
    world.client(hall).publish_all([("raw/1", b"x")])
    wait_until(lambda: worker.payloads("raw/1"), "it takes messages")
    # Equal ids replace.
    dsl["routers"][0]["from"]["path"] = "elsewhere"
    apply(of, dsl)
    assert items(of)["r1"]["route"]["subscription"] == "elsewhere"


def test_what_it_cannot_express_is_refused_by_name_and_nothing_changes(world, apply, tmp_path):
    plant = world.broker()
    gateway = world.gateway(plant, [route("in", "in", "c")])
    of = Ctl(gateway)

    def refused(dsl, *flags):
        said = apply(of, dsl, *flags, status=1)
        assert "nothing has changed" in said and list(items(of)) == ["in"]
        return said

    assert "component:log" in refused(endpoint(plant, router("a", "a", "component:log")))
    assert "myOwn" in refused(endpoint(plant, {**router("a", "a", "c"), "from": {"path": "a", "processors": ["myOwn"]}}))
    assert "ref://" in refused(endpoint(plant, router("a", "a", "c"), server="ref://elsewhere"))
    assert "stands in" in refused(endpoint(plant, router("in", "a", "c")))
    said = refused(endpoint(plant, router("a", "a", "c"), username="u", password="swordfish"))
    assert "--password-file" in said and "swordfish" not in said
    other = world.broker()
    assert "--connection" in refused(endpoint(other, router("a", "a", "c"), name="plant"))
    secret = tmp_path / "secret"
    secret.write_text("swordfish")
    apply(of, endpoint(plant, router("a", "a", "c"), username="u", password="swordfish"), "--password-file", secret)
    assert "swordfish" not in of("config", "show")


def test_a_connection_that_the_gateway_has_is_used(world, apply):
    plant = world.broker()
    gateway = world.gateway(plant, [route("in", "in", "c")])
    of = Ctl(gateway)
    apply(of, {**endpoint(plant, router("a", "a", "c"), name="plant"), "type": "mqtt"})
    apply(of, endpoint(plant, router("b", "b", "c"), name="else"), "--connection", "plant")
    assert list(items(of, "connections")) == ["plant"]
    assert {items(of)[name]["route"]["connection"] for name in "ab"} == {"plant"}


def test_of_two_routers_with_one_filter_the_other_goes_on(world, tmp_path):
    """RuleGo ends both with either."""
    broker = world.broker()
    gateway = world.gateway(broker, [route("in", "in", "c")])
    of = Ctl(gateway)
    put(of, tmp_path, [route("one", "same", "c1"), route("two", "same", "c2")])
    worker = world.process(SettlingWorker, gateway, "c1", "c2")
    client = world.client(broker)
    client.publish_all([("same", b"1")])
    wait_until(lambda: worker.payloads("same") == [b"1", b"1"], "both get it")
    of("routes", "delete", "one")
    client.publish_all([("same", b"2")])
    wait_until(lambda: worker.payloads("same") == [b"1", b"1", b"2"], "the other goes on")
    of("routes", "delete", "one", status=1)


def test_status_and_routes_over_an_outage_of_three_seconds(world, tmp_path):
    broker = world.broker(persistent=True)
    gateway = world.gateway(broker, [route("in", "in", "c")])
    of = Ctl(gateway)
    began = time.monotonic()
    broker.stop()
    gateway.wait_not_ready("plant")
    gateway.wait_metric("sluice_mqtt_connected", lambda connected: connected == 0, connection="plant", role="intake")
    # Also what is put meanwhile is there afterwards.
    put(of, tmp_path, route("later", "later", "d"))
    worker = world.process(SettlingWorker, gateway, "c", "d")
    wait_until(lambda: time.monotonic() - began > 3, "three seconds have passed")
    broker.start()
    gateway.wait_ready(30)
    assert gateway.metric("sluice_mqtt_connected", connection="plant", role="intake") == 1
    world.client(broker).publish_all([("in", b"1"), ("later", b"2")])
    wait_until(lambda: worker.payloads("in") and worker.payloads("later"), "both take messages")


def test_a_route_that_the_broker_refuses_is_asked_for_until_it_is_taken(world, tmp_path):
    """RuleGo's AddRouter does not return until then, and holds up all others."""
    plugin = next(pathlib.Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"), None)
    if plugin is None:
        pytest.skip("mosquitto's dynamic security plugin is not installed")
    rules = tmp_path / "security.json"

    def allow(subscribe):
        acls = [] if subscribe else [{"acltype": "subscribeLiteral", "allow": False, "topic": "refused"}]
        rules.write_text(json.dumps({
            "defaultACLAccess": {"publishClientSend": True, "publishClientReceive": True, "subscribe": True,
                                 "unsubscribe": True},
            "clients": [], "anonymousGroup": "all", "groups": [{"groupname": "all", "roles": [{"rolename": "limited"}]}],
            "roles": [{"rolename": "limited", "acls": acls}]}))

    allow(False)
    broker = world.broker(persistent=True, options=[f"plugin {plugin}", f"plugin_opt_config_file {rules}"])
    gateway = world.gateway(broker, [route("in", "in", "c")])
    of = Ctl(gateway)
    put(of, tmp_path, route("r", "refused", "c"))
    gateway.wait_not_ready("subscription 'refused' refused")
    gateway.wait_metric("sluice_mqtt_subscriptions_refused", lambda refused: refused == 1, connection="plant")
    worker = world.process(SettlingWorker, gateway, "c")
    client = world.client(broker)
    client.publish_all([("in", b"1")])
    wait_until(lambda: worker.payloads("in"), "the other route takes messages")
    broker.stop()
    allow(True)
    broker.start()
    gateway.wait_ready(30)
    world.client(broker).publish_all([("refused", b"2")])
    wait_until(lambda: worker.payloads("refused"), "it takes messages")
