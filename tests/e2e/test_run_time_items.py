"""Routes and chains that are put while the gateway runs: with the real gateway, broker and sluicectl."""
import json
import subprocess
import threading

from harness.ctl import Ctl
from harness.process import BIN
from harness.wait import TIME_FACTOR, wait_until
from test_reload import SettlingWorker, reload, route


def put(of, folder, item, *flags, kind="routes", status=0):
    file = folder / "item.json"
    file.write_text(json.dumps(item))
    return of(kind, "put", file, *flags, status=status)


def items(of, kind="routes"):
    return {each["id"]: each for each in map(json.loads, of(kind, "list", "--json").splitlines())}


def test_a_route_is_put_shown_and_deleted_and_outlives_a_kill(world, tmp_path):
    broker = world.broker(persistent=True)
    gateway = world.gateway(broker, [route("in", "in", "c")])
    of = Ctl(gateway)

    said = put(of, tmp_path, route("new", "new/#", "d"))
    assert "+ route 'new'" in said and "put: new, version 1" in said
    wait_until(lambda: "1 new/#" in broker.process.log(), "it is subscribed to")
    worker = world.process(SettlingWorker, gateway, "c", "d")
    world.client(broker).publish_all([("new/x", b"1")])
    wait_until(lambda: worker.payloads("new/x") == [b"1"], "it takes messages")
    listed = of("routes", "list")
    assert "ROUTE" in listed and "new/#" in listed and "file" in listed
    assert items(of)["new"]["put_by"] and not items(of)["new"]["in_file"]
    assert "path: new/#" in of("routes", "show", "new")
    worker.close()

    gateway.kill()
    gateway.restart()
    assert items(of)["new"]["version"] == 1
    worker = world.process(SettlingWorker, gateway, "c", "d")
    world.client(broker).publish_all([("new/x", b"2")])
    wait_until(lambda: b"2" in worker.payloads("new/x"), "it takes messages again")
    assert "deleted: new" in of("routes", "delete", "new")
    wait_until(lambda: broker.process.log().count("sluice-e2e new/#") == 1, "it is left")
    assert list(items(of)) == ["in"]
    of("routes", "show", "new", status=1)


def test_refusals_say_why_and_change_nothing(world, tmp_path):
    gateway = world.gateway(world.broker(), [route("in", "in", "c")])
    of = Ctl(gateway)
    assert "stands in" in put(of, tmp_path, route("in", "x", "c"), status=1)
    assert "stands in" in of("routes", "delete", "in", status=1)
    said = put(of, tmp_path, {"id": "x", "from": {"path": "x", "qos": 7}, "to": {"path": "c"}}, status=1)
    assert "item.json:1:" in said and "route.from.qos" in said and "nothing has changed" in said
    assert "only tried" in put(of, tmp_path, route("x", "x", "c"), "--dry-run")
    put(of, tmp_path, route("x", "x", "c"), "--expect", "0")
    assert "somebody else" in put(of, tmp_path, route("x", "x", "c"), "--expect", "0", status=1)
    assert list(items(of)) == ["in", "x"]
    with_x = gateway.config_path.read_text()
    file = tmp_path / "clash.yaml"
    file.write_text(with_x.replace("id: in", "id: x"))
    assert "the id 'x' is taken by the route in line" in of("config", "apply", file, status=1)
    reload(gateway, lambda config: config["routes"].append(route("y", "y", "c")))
    assert list(items(of)) == ["in", "x", "y"]


def test_chains_are_put_and_deleted(world, tmp_path):
    gateway = world.gateway(world.broker(), [route("in", "in", "c")])
    of = Ctl(gateway)
    put(of, tmp_path, {"c": {"lease": "7m"}}, kind="chains")
    assert world.raw_worker(gateway).hello("c").accepted_chains[0].lease_ms == 7 * 60_000
    assert "7m" in of("chains", "list")
    of("chains", "delete", "c")
    assert world.raw_worker(gateway).hello("c").accepted_chains[0].lease_ms == 30_000
    assert items(of, "connections")["plant"]["in_file"]


def test_of_two_writers_one_wins_each_version(world, tmp_path):
    gateway = world.gateway(world.broker(), [route("in", "in", "c")])
    put(Ctl(gateway), tmp_path, route("x", "x/0", "c"))
    wins = []

    def write(name):
        of = Ctl(gateway)
        folder = tmp_path / name
        folder.mkdir()
        for i in range(8):
            version = items(of)["x"]["version"]
            file = folder / "item.json"
            file.write_text(json.dumps(route("x", f"x/{name}{i}", "c")))
            try:
                of("routes", "put", file, "--expect", version)
            except AssertionError as error:
                assert "has version" in str(error)
            else:
                wins.append(version)

    writers = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(wins) >= 8 and len(set(wins)) == len(wins), "no version was replaced twice"
    assert items(Ctl(gateway))["x"]["version"] == len(wins) + 1


def test_what_was_acknowledged_is_there_after_kills_in_the_middle_of_puts(world, tmp_path):
    broker = world.broker(persistent=True)
    gateway = world.gateway(broker, [route("in", "in", "c")])
    of = Ctl(gateway)
    acknowledged = set()
    for turn in range(5):
        stop = threading.Event()

        def write(turn=turn, stop=stop):
            for i in range(1000):
                if stop.is_set():
                    return
                name = f"r{turn}-{i}"
                file = tmp_path / "item.json"
                file.write_text(json.dumps(route(name, f"{name}/#", "c")))
                try:
                    of("routes", "put", file)
                except AssertionError:
                    return  # Killed meanwhile: it may be there or not.
                acknowledged.add(name)

        writer = threading.Thread(target=write)
        before = len(acknowledged)
        writer.start()
        wait_until(lambda before=before, turn=turn: len(acknowledged) > before + turn, "some are put")
        gateway.kill()
        stop.set()
        writer.join()
        gateway.restart()
        there = set(items(of)) - {"in"}
        assert acknowledged <= there and len(there - acknowledged) <= turn + 1
    worker = world.process(SettlingWorker, gateway, "c")
    gateway.wait_ready()
    world.client(broker).publish_all([(f"{name}/x", b"x") for name in sorted(acknowledged)])
    wait_until(lambda: all(worker.payloads(f"{name}/x") for name in acknowledged), "each takes messages")


def test_without_a_journal_on_disk_it_lasts_until_the_end_and_says_so(world, tmp_path):
    gateway = world.gateway(world.broker(), [route("in", "in", "c")], journal={"enabled": False},
                            admin={"listen": f"unix:{tmp_path}/admin.sock"})
    of = Ctl(gateway)
    of.address = f"unix:{tmp_path}/admin.sock"
    assert "lasts until it ends" in put(of, tmp_path, route("x", "x", "c"))
    assert items(of)["x"]["version"] == 1
    gateway.stop()
    gateway.restart()
    assert list(items(of)) == ["in"]


def test_what_would_become_of_a_message_is_told_online_and_offline(world, tmp_path):
    broker = world.broker()
    gateway = world.gateway(broker, [route("temp", "plant/+/temp", "alarm:node3"), route("all", "$share/g/plant/#", "c")],
                            chains={"alarm": {"orderBy": "topic level 2"}}, replies={"allow": ["plant/#", "out/#"]})
    of = Ctl(gateway)
    put(of, tmp_path, {**route("hex", "raw/+", "raw-${topic.2}"),
                       "from": {"path": "raw/+", "processors": ["toHex"]}, "to": {"path": "${topic}"}})

    tested = json.loads(of("routes", "test", "--topic", "plant/7/temp", "--json"))["matches"]
    assert [(each["route"], each["chain"], each["start_node"], each["ordering_key"]) for each in tested] == [
        ("temp", "alarm", "node3", "7"), ("all", "c", "", "")]
    assert tested[1]["subscription"] == "$share/g/plant/#"
    payload = tmp_path / "payload"
    payload.write_bytes(b"\x01\xff")
    assert "01FF" in of("routes", "test", "--topic", "raw/x", "--payload", payload)
    assert "no route takes" in of("routes", "test", "--topic", "nobody", status=1)
    assert "may go" in of("routes", "test", "--topic", "plant/7/temp", "--reply", "out/x")
    assert "'all' would take the reply in again" in of("routes", "test", "--topic", "plant/7/temp", "--reply", "plant/x",
                                                       status=1)
    assert "no filter of replies.allow" in of("routes", "test", "--topic", "plant/7/temp", "--reply", "x", status=1)
    of("routes", "test", "--topic", "plant/#", status=1)

    def offline(*args):
        return subprocess.run([BIN / "sluice-gateway", "--config", gateway.config_path, *args], capture_output=True,
                              text=True, timeout=30 * TIME_FACTOR, check=False)

    done = offline("--test", "plant/7/temp")
    assert done.returncode == 0 and done.stdout == of("routes", "test", "--topic", "plant/7/temp")
    done = offline("--test", "plant/7/temp", "--reply", "plant/x")
    assert done.returncode == 1 and "DENIED" in done.stdout
    assert offline("--test", "raw/x").returncode == 1, "what was put is not of the file"
    assert offline("--reply", "x").returncode == 2
