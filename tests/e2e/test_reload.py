"""The configuration changes while the gateway runs: with the real gateway, broker and workers."""
import json
import random
import signal

import yaml
from sluice.v1 import worker_pb2 as pb

from harness.ctl import Ctl, ctl
from harness.reloading import Load, SettlingWorker, assert_whole, connects, refusals, reload, route, runs, version, write
from harness.wait import wait_until


def test_routes_are_added_changed_and_removed_under_load_and_nothing_is_lost(world):
    broker = world.broker()
    gateway = world.gateway(broker, [route("keep", "keep/#", "c"), route("widen", "widen/+", "c"),
                                     route("retarget", "retarget", "c"), route("go", "go", "c")],
                            chainDefaults={"orderBy": "topic"}, chains={"d": {}})
    worker = world.process(SettlingWorker, gateway, "c", "d")
    load = world.process(Load, world.client(broker), ["keep/a", "widen/a", "retarget"], per_second=600)
    wait_until(lambda: load.total() > 100, "the load runs")
    before = connects(gateway)

    def routes(config):
        return {each["id"]: each for each in config["routes"]}

    reload(gateway, lambda config: config["routes"].append(route("new", "new/#", "d")))
    gateway.wait_ready()
    world.client(broker).publish_all([("new/x", b"first")])
    wait_until(lambda: worker.payloads("new/x") == [b"first"], "the new route takes messages")
    reload(gateway, lambda config: routes(config)["widen"]["from"].update(path="widen/#"))
    reload(gateway, lambda config: routes(config)["retarget"]["to"].update(path="d"))
    reload(gateway, lambda config: config["routes"].remove(routes(config)["go"]))
    reload(gateway, lambda config: routes(config)["widen"]["from"].update(path="widen/a"))
    gateway.wait_ready()
    target = load.total() + 200
    wait_until(lambda: load.total() > target, "the load goes on")
    load.stop()

    assert_whole(worker, load, ["keep/a", "widen/a", "retarget"])
    chains = {delivery.chain for delivery in worker.deliveries if delivery.topic == "retarget"}
    assert chains == {"c", "d"}, "some before the change, some after it"
    assert connects(gateway) == before, "the connection has kept its socket"
    world.client(broker).publish_all([("go", b"nobody's"), ("keep/a", b"end")])
    wait_until(lambda: b"end" in worker.payloads("keep/a"), "the end comes")
    assert worker.payloads("go") == [], "a route that was removed takes nothing"
    assert Ctl(gateway).letters() == []


def test_a_changed_filter_is_asked_for_before_the_old_one_is_left(world):
    broker = world.broker()
    gateway = world.gateway(broker, [route("keep", "keep", "c"), route("move", "before/#", "c")])

    reload(gateway, lambda config: config["routes"][1]["from"].update(path="after/#"))
    wait_until(lambda: "sluice-e2e before/#" in broker.process.log(), "the old filter is left")

    log = broker.process.log()
    assert log.index("sluice-e2e 1 after/#") < log.rindex("sluice-e2e before/#")
    assert log.count("1 keep") == 1, "what stays is not touched"
    gateway.wait_ready()
    gateway.stop()
    gateway.restart()
    assert broker.process.log().count("sluice-e2e before/#") == 1, "it is remembered as left"


def test_a_file_that_is_wrong_changes_nothing_and_is_said_everywhere(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    good = gateway.config_path.read_text()
    gateway.config_path.write_text(good + "routs: []\n")
    gateway.process.signal(signal.SIGHUP)

    wait_until(lambda: refusals(gateway), "the log says so")
    assert "routs" in refusals(gateway)[0]["reason"]
    assert gateway.metric("sluice_config_last_reload_success") == 0
    assert "the last change was refused" in gateway.readiness() and gateway.ready()
    assert runs(gateway, good)
    said = Ctl(gateway)("config", "apply", status=1)
    assert f"{gateway.config_path}:" in said and "routs" in said and "nothing has changed" in said
    worker = world.process(SettlingWorker, gateway, "c")
    world.client(broker).publish_all([("in", b"x")])
    wait_until(lambda: worker.payloads("in") == [b"x"], "it goes on as before")

    gateway.config_path.write_text(good)
    gateway.process.signal(signal.SIGHUP)
    gateway.wait_metric("sluice_config_last_reload_success", lambda value: value == 1)
    assert gateway.metric("sluice_config_hash") == int(version(good), 16)


def test_what_needs_a_restart_is_refused_as_a_whole_and_says_so(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    before = gateway.config_path.read_text()

    def change(config):
        config["http"]["listen"] = "127.0.0.1:1"
        config["routes"].append(route("new", "new", "c"))

    write(gateway, change)
    said = Ctl(gateway)("config", "apply", status=1)
    assert "http: is read at the start only: restart the gateway" in said
    assert runs(gateway, before)
    assert "new" not in broker.process.log()


def test_diff_apply_and_show(world, tmp_path):
    broker = world.broker(users={"gw": "swordfish"})
    gateway = world.gateway(broker, {"in": "c"}, connection={"username": "gw", "password": "swordfish"})
    of = Ctl(gateway)
    config = yaml.safe_load(gateway.config_path.read_text())
    config["routes"].append(route("new", "new", "c"))
    file = tmp_path / "other.yaml"
    file.write_text(yaml.safe_dump(config))

    said = of("config", "diff", file)
    assert "+ route 'new': 'new' is subscribed to on connection plant" in said
    assert "kept: 1 connection, 1 route, 0 chains" in said
    assert "new" not in broker.process.log(), "a diff changes nothing"
    of("config", "apply", file, "--expect", "000000000000", status=1)
    assert version(file.read_text()) in of("config", "apply", file)
    wait_until(lambda: "sluice-e2e 1 new" in broker.process.log(), "it is subscribed to")
    shown = of("config", "show")
    assert yaml.safe_load(shown)["routes"][1]["id"] == "new" and "swordfish" not in shown
    assert of.status()["configuration"]["hash"] == version(file.read_text())
    assert "nothing differs" in of("config", "diff", file)
    assert "swordfish" not in gateway.process.log() and "swordfish" not in gateway.readiness()
    # Its own file is as it was.
    of("config", "apply")
    assert len(yaml.safe_load(of("config", "show"))["routes"]) == 1


def test_a_file_that_is_watched_is_taken_however_it_is_replaced(world, tmp_path):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, more=["--watch"])

    def wait_for(text, what):
        wait_until(lambda: runs(gateway, text), lambda: f"{what}: {gateway.readiness()}")

    wait_for(write(gateway, lambda config: config["routes"].append(route("renamed", "renamed", "c"))), "a rename")
    assert "(watch)" in gateway.readiness()
    # As the kubelet does: gateway.yaml is a link through ..data, which is exchanged as a whole.
    def config_map(version, text):
        folder = gateway.config_path.parent / f"..{version}"
        folder.mkdir()
        (folder / "gateway.yaml").write_text(text)
        link = gateway.config_path.parent / "..new"
        link.symlink_to(folder.name)
        link.rename(gateway.config_path.parent / "..data")

    text = gateway.config_path.read_text()
    config_map(1, text)
    gateway.config_path.unlink()
    gateway.config_path.symlink_to("..data/gateway.yaml")
    changed = yaml.safe_load(text)
    changed["routes"].append(route("mapped", "mapped", "c"))
    text = yaml.safe_dump(changed)
    config_map(2, text)
    wait_for(text, "a ConfigMap")
    config_map(3, text + "routs: []\n")
    wait_until(lambda: refusals(gateway), "a wrong one is refused")
    config_map(4, text + "# put right\n")
    wait_for(text + "# put right\n", "the one after it")
    assert len(refusals(gateway)) == 1, "it is not tried again and again"
    gateway.wait_ready()
    for topic in ("renamed", "mapped"):
        assert f"sluice-e2e 1 {topic}" in broker.process.log()
    assert gateway.stop() == 0


def test_sighups_in_quick_succession_end_with_the_last_file(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    text = ""
    for i in range(30):
        text = write(gateway, lambda config, i=i: config["routes"].append(route(f"r{i}", f"r{i}/#", "c")))
        gateway.process.signal(signal.SIGHUP)
    wait_until(lambda: runs(gateway, text), lambda: gateway.readiness())
    worker = world.process(SettlingWorker, gateway, "c")
    gateway.wait_ready()
    world.client(broker).publish_all([(f"r{i}/x", b"x") for i in range(30)])
    wait_until(lambda: all(worker.payloads(f"r{i}/x") for i in range(30)), "every route takes messages")
    gateway.process.signal(signal.SIGHUP)
    assert gateway.stop() == 0, "and it does not shorten the end"


def test_chains_replies_and_bounds_change_in_place(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, chains={"c": {"lease": "5m", "maxAttempts": 1}},
                            replies={"allow": ["out"]})
    worker = world.raw_worker(gateway)
    worker.hello("c")
    publisher = world.client(broker)
    publisher.publish_all([("in", b"1")])
    [one] = worker.expect_deliveries(1)
    worker.reply(one, topic="other", payload=b"no", reply_id=1)
    assert worker.expect_results(1)[0].code == pb.Result.CODE_DENIED

    def change(config):
        config["chains"]["c"] = {"lease": "7m", "maxAttempts": 3, "queue": {"maxMessages": 77}}
        config["replies"]["allow"] = ["other"]
        config["deadLetters"] = {"maxMessages": 7}
        config["log"]["level"] = "warning"

    text = write(gateway, change)
    assert "lease" in Ctl(gateway)("config", "diff", gateway.config_path)
    Ctl(gateway)("config", "apply")
    assert runs(gateway, text)
    worker.reply(one, topic="other", payload=b"yes", reply_id=2)
    assert worker.expect_results(2)[1].code == pb.Result.CODE_OK
    worker.settle(one, outcome=pb.OUTCOME_RETRY)
    [again] = worker.expect_deliveries(1)
    assert again.attempt == 2, "by the new maxAttempts; by the old one it would be a dead letter"
    assert gateway.metric("sluice_queue_limit_messages", chain="c") == 77
    assert gateway.metric("sluice_dead_letters_limit_messages") == 7
    other = world.raw_worker(gateway)
    assert other.hello("c").accepted_chains[0].lease_ms == 7 * 60_000
    assert not gateway.events("configuration applied"), "the level of the log is the new one"


def test_killed_in_the_middle_of_a_reload_it_goes_on_with_the_file(world):
    broker = world.broker(persistent=True)
    gateway = world.gateway(broker, [route("keep", "keep", "c"), route("move", "move/0", "c")])
    for i in range(1, 6):
        text = write(gateway, lambda config, i=i: config["routes"][1]["from"].update(path=f"move/{i}"))
        gateway.process.signal(signal.SIGHUP)
        gateway.kill()
        gateway.restart()
        assert runs(gateway, text)
        worker = world.process(SettlingWorker, gateway, "c")
        world.client(broker).publish_all([(f"move/{i - 1}", b"old"), (f"move/{i}", b"new"), ("keep", b"%d" % i)])
        wait_until(lambda: b"%d" % i in worker.payloads("keep"), "messages come")
        assert worker.payloads(f"move/{i}") == [b"new"] and worker.payloads(f"move/{i - 1}") == []
        worker.close()


def test_a_worker_that_asked_for_a_chain_too_early_is_asked_to_connect_again(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    worker = world.raw_worker(gateway)
    assert [each.chain for each in worker.hello("c", "late").refused_chains] == ["late"]
    reload(gateway, lambda config: config["routes"].append(route("late", "late", "late")))
    wait_until(lambda: worker.drains, "the stream drains")
    assert "chain 'late' is configured now" in worker.drains[0].reason
    assert worker.alive(), "and it may finish what it holds"
    assert not world.raw_worker(gateway).hello("c", "late").refused_chains


def test_fifty_random_reloads_lose_nothing(world):
    """500 messages a second to topics that some route always takes, while routes, chains and replies change."""
    seed = 14
    dice = random.Random(seed)
    broker = world.broker()
    topics = [f"t/{i}" for i in range(5)]
    gateway = world.gateway(broker, [route("all", "t/#", "a")], chainDefaults={"orderBy": "topic"},
                            chains={"b": {}})
    worker = world.process(SettlingWorker, gateway, "a", "b")
    load = world.process(Load, world.client(broker), topics, per_second=500)

    def change(config):
        # Exactly one route takes each topic, by one filter or another.
        kind = dice.randrange(4)
        if kind == 0:
            config["routes"] = [route("all", dice.choice(["t/#", "t/+", "+/+"]), dice.choice("ab"))]
        elif kind == 1:
            config["routes"] = [route(topic, topic, dice.choice("ab")) for topic in topics]
        elif kind == 2:
            config["chainDefaults"].update(lease=f"{dice.randrange(10, 60)}s", maxAttempts=dice.randrange(2, 9))
        else:
            config["replies"] = {"allow": [f"out/{dice.randrange(100)}"]}

    before = connects(gateway)
    for _ in range(50):
        reload(gateway, change)
    gateway.wait_ready()
    load.stop()

    for topic in topics:
        wanted = {b"%d" % i for i in range(load.sent[topic])}
        wait_until(lambda: wanted <= set(worker.payloads(topic)),
                   lambda: f"seed {seed}: {topic} misses {sorted(wanted - set(worker.payloads(topic)))[:10]}", 30)
    assert json.loads(ctl("status", "--json", address=gateway.admin))["dead_letters"]["messages"] == 0
    for topic in topics:
        for of_chain in worker.in_order(topic):
            seen = [int(payload) for payload in dict.fromkeys(of_chain)]
            assert seen == sorted(seen), f"seed {seed}: {topic} lost its order"
    assert connects(gateway) == before
