"""A model that cannot find a fault proves nothing."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from story.fates import ECHO_S, GRACE_S, Configuration, Fates, Route  # noqa: E402
from story.subscriptions import Subscriptions  # noqa: E402


class World:
    """A model with a clock of its own. One route r of family a on connection plant, unless something else is given."""

    def __init__(self, routes=None, lasting=True, **more):
        self.at = 100.0
        self.first = self.configuration(routes, lasting, **more)
        self.fates = Fates(self.first, True, lambda: self.at)
        self.at += 1
        self.numbers = 0

    @staticmethod
    def route(name="r", connection="plant", chain="c0", tag="r.1", qos=1, line="id", hexed=False):
        return Route(name, "a", connection, line, chain, tag, qos, hexed)

    def configuration(self, routes=None, lasting=True, denied=frozenset()):
        routes = [self.route()] if routes is None else routes
        return Configuration({route.id: route for route in routes}, {"plant": lasting, "other": True}, denied)

    def message(self, accept=True):
        number = self.numbers
        self.numbers += 1
        self.at += 0.001
        self.fates.publish(number, "a", "k")
        if accept:
            self.fates.accept(number)
        return number

    def answer(self, number, tag="r.1", chain="c0", hexed=False, name="r", reply_chain=None):
        self.at += 0.001
        self.fates.answer(number, name, chain, tag, hexed, reply_chain or chain)

    def change(self, routes=None, touched=("plant",), **more):
        self.at += 0.001
        self.fates.change(self.configuration(routes, **more), "a change", set(touched))

    def settle(self):
        self.at += 0.001
        self.fates.settle()

    def later(self, seconds=10 * GRACE_S):
        self.at += seconds

    def faults(self):
        self.fates.conclude()
        return [(what, number) for what, number, _ in self.fates.faults]


def test_what_is_answered_is_no_fault_and_what_is_not_is_lost():
    world = World()
    world.answer(world.message())
    lost = world.message()
    world.message(accept=False)
    assert world.faults() == [("lost", lost)]


def test_what_no_route_takes_is_owed_to_nobody_and_may_not_be_answered():
    world = World()
    world.change([])
    meanwhile = world.message()
    world.settle()
    after = world.message()
    world.answer(meanwhile)
    assert world.faults() == []
    world.answer(after)
    assert world.faults() == [("removed", after)]


def test_a_route_whose_filter_changes_owes_every_message():
    world = World()
    world.change([world.route()])
    lost = world.message()
    world.settle()
    assert world.faults() == [("lost", lost)]


@pytest.mark.parametrize("after", [[], [World.route(connection="other", tag="r.2")], [World.route(qos=0)]])
def test_what_is_published_before_a_route_goes_is_owed(after):
    world = World()
    lost = world.message()
    world.change(after)
    world.message()
    world.settle()
    assert world.faults() == [("lost", lost)]


def test_two_routes_owe_an_answer_each():
    world = World([World.route(), World.route("s", tag="s.1")])
    number = world.message()
    world.answer(number)
    assert world.faults() == [("lost", number)]


def test_the_chain_and_the_form_are_those_of_the_tag():
    world = World([World.route(hexed=True)])
    numbers = [world.message() for _ in range(4)]
    world.answer(numbers[0], hexed=True)
    world.answer(numbers[1], hexed=False)
    world.answer(numbers[2], hexed=True, chain="c1")
    world.answer(numbers[3], hexed=True, tag="r.7")
    assert [what for what, _ in world.faults()] == ["wrong", "wrong", "invented", "lost"]


def test_a_message_that_overtakes_another_of_its_line_breaks_the_order():
    world = World()
    first, second = world.message(), world.message()
    world.answer(second)
    world.answer(first)
    assert world.faults() == [("order", first)]


def test_where_the_session_changes_no_order_is_promised():
    world = World()
    first = world.message()
    world.change([World.route(line="id-2")])
    world.settle()
    second = world.message()
    world.answer(second)
    world.answer(first)
    assert world.faults() == []


def test_a_reply_goes_out_only_while_that_is_permitted():
    world = World(denied=frozenset({"c0"}))
    number = world.message()
    world.fates.bury("1", number, "r", world.at, "DENIED", "c0")
    assert world.faults() == []
    world.answer(number)
    assert world.faults()[0] == ("denied", number)


def test_a_dead_letter_needs_a_reason():
    world = World()
    number = world.message()
    world.fates.bury("1", number, "", world.at, "no route: nobody's")
    assert world.faults() == [("dead", number)]
    world = World()
    number = world.message()
    world.change([])
    world.fates.bury("1", number, "", world.at, "no route: nobody's")
    assert world.faults() == []


def test_what_comes_twice_needs_a_reason():
    world = World()
    world.fates.end(world.fates.disturb("a kill"))
    excused = world.message()
    world.later(2 * ECHO_S)
    number = world.message()
    for each in (excused, excused, number, number):
        world.answer(each)
    assert world.faults() == [("twice", number)]


def test_a_session_that_ends_takes_with_it_what_it_holds_and_no_more():
    world = World(lasting=False)
    old = world.message()
    world.later()
    fresh = world.message()
    world.fates.end(world.fates.disturb("a kill", sessions_end=True))
    world.message()
    assert world.faults() == [("lost", old)]
    assert (fresh, "r") in world.fates.owed


def test_the_log_of_the_broker_says_who_has_what(tmp_path):
    log = tmp_path / "mosquitto.log"
    log.write_text("1: New client connected from 127.0.0.1:1 as chaos-f1-0 (p5, c0, k10).\n1: chaos-f1-0 1 in/#\n"
                   "1: chaos-f1-0-2 0 +/a\n1: chaos-f1-0-replies 1 x\n1: chaos-old-0 1 y\n1: chaos-f1-0 2 $share/g/b\n1: chaos-f1-")
    of = Subscriptions(log)
    wanted = {"chaos-f1-0": {"in/#": 1, "+/a": 0, "$share/g/b": 2}}
    assert [text.split()[0] for text in of.differences(wanted, ())] == ["chaos-old-0"]
    assert of.differences(wanted, {"chaos-old-0"}) == []
    with log.open("a") as more:
        more.write("0 in/#\n")
    assert len(of.differences(wanted, {"chaos-old-0"})) == 1
    of.await_new("chaos-f1-0")
    assert len(of.differences({"chaos-f1-0": {"+/a": 0}}, {"chaos-old-0"})) == 1
    with log.open("a") as more:
        more.write("2: New client connected from 127.0.0.1:1 as chaos-f1-0 (p5, c1, k10).\n")
    assert of.differences({"chaos-f1-0": {"+/a": 0}}, {"chaos-old-0"}) == []
    of.set_lasting("chaos-f2-0", False)
    for line, has in [("as chaos-f2-0 (p5, c0, k10).\n3: chaos-f2-0 1 z", {"z": 1}), ("x\n4: Client chaos-f2-0 disconnected.", {})]:
        with log.open("a") as more:
            more.write(f"2: New client connected from 127.0.0.1:1 {line}\n")
        assert of.differences({"chaos-f1-0": {"+/a": 0}, "chaos-f2-0": has}, {"chaos-old-0"}) == []
    of.close()
