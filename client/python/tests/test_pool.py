"""How many threads and tasks handlers get."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest

from sluice import Options
from sluice._crew import Crew
from sluice._handlers import compile_handler
from sluice._session import Session
from sluice.v1 import worker_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 5


class Work:
    """A crew, and frames of messages for it."""

    def __init__(self, handler: Any, **options: Any) -> None:
        self.refused: list[str] = []
        self.wake_ups: list[float] = []
        handlers = {"c": compile_handler(handler, ())}
        self.crew = Crew(Options(**options), handlers, lambda _, why: self.refused.append(why), self.wake_ups.append)
        self.session = Session(Options(), ["c"], "me", 10, 0)
        self.session.take(pb.GatewayFrame(welcome=pb.Welcome(protocol_version=1)).SerializeToString(), 0)

    def submit(self, count: int) -> None:
        frame = pb.GatewayFrame(deliveries=[pb.Delivery(delivery_id=1 + one, chain="c") for one in range(count)])
        batch = self.session.take(frame.SerializeToString(), 0).batch
        assert batch is not None
        self.crew.submit(batch)

    def settled(self) -> list[int]:
        """Of the next settle that is sent, and what is there by then."""
        data = None
        while data is None:
            data = self.session.gather(0, self.session.outbox.get(timeout=PATIENCE))
        self.session.written()
        return [settle.delivery_id for settle in pb.WorkerFrame.FromString(data).settles]

    def all_settled(self, count: int) -> list[int]:
        ids: list[int] = []
        while len(ids) < count:
            ids += self.settled()
        return ids


@pytest.fixture
def crews() -> Iterator[deque[Work]]:
    made: deque[Work] = deque()
    yield made
    for work in made:
        work.crew.close(wait=True, cancel=True)


def test_handlers_that_take_long_run_at_once(crews: deque[Work]) -> None:
    meeting = threading.Barrier(3)
    crews.append(work := Work(lambda _: meeting.wait(PATIENCE) and None, concurrency=3))
    work.submit(3)
    assert sorted(work.all_settled(3)) == [1, 2, 3]


def test_no_more_handlers_run_at_once_than_the_concurrency(crews: deque[Work]) -> None:
    running = 0
    most = 0
    lock = threading.Lock()

    def handler(_: Any) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.001)
        with lock:
            running -= 1

    crews.append(work := Work(handler, concurrency=2))
    for _ in range(5):
        work.submit(10)
        work.all_settled(10)
    assert most == 2


def test_quick_handlers_are_run_by_one_thread(crews: deque[Work]) -> None:
    threads = set()
    crews.append(work := Work(lambda _: threads.add(threading.get_ident()), concurrency=4))
    work.submit(1)
    work.all_settled(1)
    for _ in range(20):
        work.submit(50)
        work.all_settled(50)
    assert len(threads) == 1
    assert work.crew.settled == 1001


def test_one_that_waits_for_once_does_not_hold_up_the_rest(crews: deque[Work]) -> None:
    gate = threading.Event()

    def handler(message: Any) -> None:
        if message.delivery_id == 2 and message.batch.left > 1:
            gate.wait(PATIENCE)

    crews.append(work := Work(handler, concurrency=2))
    work.submit(1)
    work.all_settled(1)
    work.submit(3)
    now = 0.0
    assert work.settled() == [1]
    work.crew.nudge(now)
    work.crew.nudge(now + 1)
    assert work.settled() == [3]
    gate.set()
    assert work.settled() == [2]


def test_concurrency_0_runs_handlers_where_they_come_in() -> None:
    threads = []
    work = Work(lambda _: threads.append(threading.get_ident()), concurrency=0)
    work.submit(2)
    assert threads == [threading.get_ident()] * 2
    assert work.settled() == [1, 2]


def test_async_handlers_run_at_once_on_one_loop(crews: deque[Work]) -> None:
    waiting = 0
    everybody = asyncio.Event()

    async def handler(_: Any) -> None:
        nonlocal waiting
        waiting += 1
        if waiting == 50:
            everybody.set()
        await everybody.wait()

    crews.append(work := Work(handler, concurrency=50))
    work.submit(50)
    assert len(work.all_settled(50)) == 50


def test_no_more_tasks_than_the_concurrency(crews: deque[Work]) -> None:
    running = 0
    most = 0

    async def handler(_: Any) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1

    crews.append(work := Work(handler, concurrency=7))
    work.submit(40)
    assert sorted(work.all_settled(40)) == list(range(1, 41))
    assert most == 7


def test_a_handlers_context_variables_are_its_own(crews: deque[Work]) -> None:
    variable = contextvars.ContextVar("variable", default=0)
    seen = []

    async def handler(message: Any) -> None:
        seen.append(variable.get())
        variable.set(message.delivery_id)

    crews.append(work := Work(handler, concurrency=1))
    work.submit(5)
    work.all_settled(5)
    assert seen == [0] * 5


def test_the_end_cancels_tasks_that_nobody_waits_for() -> None:
    cancelled = threading.Event()
    started = threading.Event()

    async def handler(_: Any) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    work = Work(handler)
    work.submit(1)
    assert started.wait(PATIENCE)
    work.session.end()
    work.crew.close(wait=True, cancel=True)
    assert cancelled.is_set()


def test_what_waits_is_passed_over_once_the_stream_has_ended(crews: deque[Work]) -> None:
    ran: list[int] = []
    gate = threading.Event()
    started = threading.Event()

    def handler(message: Any) -> None:
        ran.append(message.delivery_id)
        started.set()
        gate.wait(PATIENCE)

    work = Work(handler, concurrency=1)
    work.submit(3)
    assert started.wait(PATIENCE)
    work.session.end()
    gate.set()
    work.crew.close(wait=True, cancel=False)
    assert ran == [1]
