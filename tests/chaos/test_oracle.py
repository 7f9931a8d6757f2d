"""An oracle that cannot find a loss proves nothing."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from story.oracle import Oracle  # noqa: E402


def oracle_of(count, keys=1):
    oracle = Oracle()
    for number in range(count):
        oracle.publish(number, number % keys)
        oracle.accept(number)
    return oracle


def test_what_is_answered_is_not_lost():
    oracle = oracle_of(3)
    for number in range(3):
        oracle.answer(number)
    assert oracle.report() == {"accepted": 3, "answered": 3, "dead": 0, "lost": 0, "duplicates": 0, "order breaks": 0,
                               "invented": 0}


def test_a_lost_message_is_found():
    oracle = oracle_of(1000)
    for number in range(1000):
        if number != 617:
            oracle.answer(number)
    assert oracle.lost() == {617}


def test_a_dead_letter_is_not_lost():
    oracle = oracle_of(2)
    oracle.answer(0)
    oracle.bury(1)
    assert (oracle.lost(), oracle.report()["dead"]) == (set(), 1)


def test_what_no_broker_has_accepted_is_not_missed_and_may_be_answered():
    oracle = oracle_of(1)
    oracle.publish(1, 0)
    oracle.publish(2, 0)
    oracle.answer(0)
    oracle.answer(2)
    assert oracle.report()["lost"] == 0
    assert oracle.report()["answered"] == 2


def test_duplicates_are_counted_each():
    oracle = oracle_of(2)
    for number in (0, 1, 0, 0):
        oracle.answer(number)
    oracle.bury(1)
    assert oracle.duplicates() == 3


def test_a_message_that_overtakes_another_of_its_key_breaks_the_order():
    oracle = oracle_of(6, keys=2)
    for number in (1, 0, 2, 3, 5):  # 1, 3, 5 and 0, 2, 4 are keys of their own.
        oracle.answer(number)
    assert oracle.order_breaks() == []
    late = oracle_of(6, keys=2)
    for number in (0, 4, 2):
        late.answer(number)
    assert late.order_breaks() == [(0, 2, 4)]


def test_a_repeat_of_an_older_one_is_a_duplicate_and_no_break():
    oracle = oracle_of(4)
    for number in (0, 1, 0, 2, 1, 3):
        oracle.answer(number)
    assert (oracle.duplicates(), oracle.order_breaks(), oracle.lost()) == (2, [], set())


def test_an_answer_to_what_is_a_dead_letter_is_a_duplicate_and_no_break():
    oracle = oracle_of(3)
    oracle.answer(2)
    oracle.bury(0)
    oracle.answer(0)
    oracle.answer(1)
    oracle.bury(1)
    assert (oracle.duplicates(), oracle.order_breaks()) == (2, [])


def test_an_answer_to_nothing_is_told():
    oracle = oracle_of(1)
    oracle.answer(5)
    assert oracle.report()["invented"] == 1
    assert oracle.lost() == {0}
