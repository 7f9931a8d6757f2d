"""Sessions at the broker while the configuration changes: none is left too early, and none keeps what nobody asks for any more."""
from harness.process import free_port
from harness.reloading import reload, route
from harness.wait import wait_until


def test_a_session_is_left_only_when_the_next_one_has_subscribed(world):
    # The order is in the broker's log; in between every message would be nobody's.
    broker = world.broker()
    gateway = world.gateway(broker, [route(f"r{i}", f"in/{i}/#", "c") for i in range(20)])
    for turn in range(3):
        before, after = "sluice-e2e" if turn == 0 else f"id-{turn - 1}", f"id-{turn}"
        reload(gateway, lambda config, after=after: config["connections"]["plant"].update(clientId=after))
        wait_until(lambda before=before: broker.process.log().count(f": {before} in/") == 20, "the old session is left")
        log = broker.process.log()
        assert log.count(f": {after} 1 in/") == 20
        assert log.rindex(f": {after} 1 in/") < log.index(f": {before} in/")


def test_a_session_without_a_successor_is_left_at_once(world):
    broker = world.broker()
    other = {"server": broker.url, "clientId": "other"}
    gateway = world.gateway(broker, [route("in", "in", "c")])

    def add(config):
        config["connections"]["other"] = other
        config["routes"].append({**route("more", "more", "c"), "connection": "other"})

    def remove(config):
        del config["connections"]["other"]
        config["routes"].pop()

    reload(gateway, add)
    gateway.wait_ready()
    reload(gateway, remove)
    wait_until(lambda: ": other more" in broker.process.log(), "it is left at once", 5)


def test_with_a_list_of_servers_what_an_earlier_configuration_asked_for_is_left_too(world):
    # With MQTT 3.1.1 the two filters, which overlap, have a session each: the one that holds both leaves one.
    port = free_port()
    broker = world.broker(options=[f"listener {port} 127.0.0.1"])
    both = [broker.url, f"mqtt://127.0.0.1:{port}"]
    gateway = world.gateway(broker, [route("a", "in/e/#", "c"), route("b", "+/e/+", "c")], connection={"server": both})
    reload(gateway, lambda config: config["connections"]["plant"].update(protocol="3.1.1"))
    wait_until(lambda: ": sluice-e2e +/e/+" in broker.process.log(), "the filter that has moved is left")
    gateway.wait_ready()

    gateway.kill()
    gateway.change_config(lambda config: config["routes"].pop())
    gateway.restart()
    wait_until(lambda: ": sluice-e2e-2 +/e/+" in broker.process.log(), "and so is the session that no one needs any more")


def test_with_a_list_of_servers_a_start_leaves_what_was_asked_for_before_it(world):
    port = free_port()
    broker = world.broker(options=[f"listener {port} 127.0.0.1"])
    both = [broker.url, f"mqtt://127.0.0.1:{port}"]
    gateway = world.gateway(broker, [route("a", "a/#", "c"), route("b", "b/#", "c")], connection={"server": both})
    gateway.kill()
    gateway.change_config(lambda config: config["routes"].pop())
    gateway.restart()
    wait_until(lambda: ": sluice-e2e b/#" in broker.process.log(), "the filter that is gone is left")
