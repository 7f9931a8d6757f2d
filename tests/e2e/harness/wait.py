"""Waiting for conditions, with deadlines. Nothing in the tests sleeps for a fixed time."""
import os
import time

TIME_FACTOR = float(os.environ.get("SLUICE_TIME_FACTOR", "1"))
POLL_S = 0.01


def deadline_in(seconds):
    """A time.monotonic() this far away; further where a sanitizer slows everything down."""
    return time.monotonic() + seconds * TIME_FACTOR


def wait_until(condition, what, seconds=15.0):
    """Returns the first true value of condition(), or fails and says what did not come to pass."""
    deadline = deadline_in(seconds)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(POLL_S)


def wait_on(condition_variable, predicate, what, seconds=15.0):
    """As wait_until, for state guarded by a threading.Condition, which the caller must not hold."""
    deadline = deadline_in(seconds)
    with condition_variable:
        while True:
            value = predicate()
            if value:
                return value
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
            condition_variable.wait(left)
