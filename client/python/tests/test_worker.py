"""Workers against the fake gateway."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

import sluice
from sluice import AsyncContext, Context, EventKind, Message, Outcome, Reply, Settlement, StatusCode, Worker
from sluice.testing import FakeGateway

if TYPE_CHECKING:
    pass

from workers import PATIENCE, Events, joined, options, run_in_thread, until_abandoned, wait


def test_every_kind_of_answer(gateway: FakeGateway) -> None:
    worker = Worker(gateway.address, options=options())

    @worker.chain("none")
    def none(message: Message) -> None:
        assert message.topic == "topic"

    @worker.chain("reply")
    def reply(message: Message) -> Reply:
        return Reply(payload=message.payload * 2, user_properties=message.user_properties)

    @worker.chain("list")
    def replies(_: Message) -> list[Reply]:
        return [Reply("a"), Reply("b")]

    @worker.chain("settlement")
    def settlement(_: Message) -> Settlement:
        return Settlement.drop("done before")

    @worker.chain("retry", "again")
    def retry(_: Message) -> None:
        raise sluice.Retry("busy", after=2)

    @worker.chain("fails")
    async def fails(_: Message) -> None:
        raise ValueError("é" * 2000)

    @worker.chain("wrong")
    def wrong(_: Message) -> int:
        return 7

    with worker:
        assert gateway.expect_settle(gateway.deliver("none")).outcome is Outcome.ACK
        settle = gateway.expect_settle(gateway.deliver("reply", b"ab", user_properties=[("k", "v")]))
        assert settle.replies == [Reply(payload=b"abab", user_properties=[("k", "v")])]
        assert [one.topic for one in gateway.expect_settle(gateway.deliver("list")).replies] == ["a", "b"]
        settle = gateway.expect_settle(gateway.deliver("settlement"))
        assert (settle.outcome, settle.reason) == (Outcome.DROP, "done before")
        settle = gateway.expect_settle(gateway.deliver("again"))
        assert (settle.outcome, settle.reason, settle.retry_after) == (Outcome.RETRY, "busy", 2)
        settle = gateway.expect_settle(gateway.deliver("fails"))
        assert (settle.outcome, settle.reason) == (Outcome.RETRY, "é" * 512)
        settle = gateway.expect_settle(gateway.deliver("wrong"))
        assert settle.outcome is Outcome.RETRY
        assert "returned int" in settle.reason
        assert worker.stats() == sluice.Stats(streams=1, received=7, settled=7)


def test_failures_are_logged_with_their_traceback_once_a_second(gateway: FakeGateway, caplog: pytest.LogCaptureFixture) -> None:
    def handler(_: Message) -> None:
        raise RuntimeError("broken")

    with caplog.at_level(logging.ERROR, "sluice"), Worker(gateway.address, "c", handler, options=options()):
        for _ in range(5):
            gateway.expect_settle(gateway.deliver("c"))
    [record] = [record for record in caplog.records if "failed on message" in record.message]
    assert record.exc_info is not None


def test_replies_ahead_of_the_settle_come_first_and_in_order(gateway: FakeGateway) -> None:
    def handler(_: Message, context: Context) -> Reply:
        context.send(Reply("first"))
        context.send(Reply("second"))
        return Reply("last")

    async def async_handler(_: Message, context: AsyncContext) -> Reply:
        await context.send(Reply("first"))
        await context.send(Reply("second"))
        return Reply("last")

    worker = Worker(gateway.address, "c", handler, options=options())
    worker.chain("async")(async_handler)
    with worker:
        for chain in ("c", "async"):
            delivery = gateway.deliver(chain)
            assert [gateway.expect_reply(delivery, n).topic for n in (1, 2)] == ["first", "second"]
            assert gateway.expect_settle(delivery).replies[0].topic == "last"


@pytest.mark.parametrize("how", ["revoke", "lose"])
@pytest.mark.parametrize("is_async", [False, True])
def test_handlers_learn_that_nobody_waits(gateway: FakeGateway, how: str, is_async: bool) -> None:
    learned: queue.SimpleQueue[int] = queue.SimpleQueue()

    def handler(message: Message, context: Context) -> Reply:
        assert not context.abandoned
        assert context.wait_abandoned(PATIENCE)
        learned.put(message.delivery_id)
        return Reply("without effect")

    async def async_handler(message: Message, context: AsyncContext) -> None:
        await asyncio.wait_for(context.wait_abandoned(), PATIENCE)
        learned.put(message.delivery_id)

    worker = Worker(gateway.address, options=options())
    worker.chain("c")(async_handler if is_async else handler)
    with worker:
        delivery = gateway.deliver("c")
        gateway.expect_began(delivery)
        if how == "revoke":
            gateway.revoke(delivery)
        else:
            gateway.lose_stream()
        assert learned.get(timeout=PATIENCE) == delivery


def test_sending_to_a_lost_stream_is_an_error(gateway: FakeGateway) -> None:
    codes: queue.SimpleQueue[StatusCode] = queue.SimpleQueue()

    def handler(_: Message, context: Context) -> None:
        context.wait_abandoned(PATIENCE)
        try:
            context.send(Reply("late"))
        except sluice.SendError as error:
            codes.put(error.status.code)

    with Worker(gateway.address, "c", handler, options=options()):
        gateway.expect_began(gateway.deliver("c"))
        gateway.lose_stream()
        assert codes.get(timeout=PATIENCE) == StatusCode.UNAVAILABLE


def test_leases_of_long_handlers_are_extended(gateway: FakeGateway) -> None:
    gate = threading.Event()
    with Worker(gateway.address, "c", lambda _: wait(gate), options=options()):
        delivery = gateway.deliver("c", lease=0.4)
        gateway.expect_began(delivery)
        gateway.expect_extend(delivery)
        gate.set()
        gateway.expect_settle(delivery)


def test_a_drain_finishes_what_is_in_work(gateway: FakeGateway) -> None:
    gate = threading.Event()
    worker = Worker(gateway.address, "c", lambda _: wait(gate), options=options())
    thread, raised = run_in_thread(worker)
    delivery = gateway.deliver("c")
    stream = gateway.expect_stream()
    gateway.expect_began(delivery)
    worker.drain()
    stream.expect(lambda one: one.worker_drains, PATIENCE, "the drain")
    assert not stream.half_closed
    gate.set()
    gateway.expect_settle(delivery)
    assert joined(thread)
    assert raised == []
    assert stream.half_closed


def test_a_drain_that_takes_too_long_is_an_error(gateway: FakeGateway) -> None:
    worker = Worker(gateway.address, "c", lambda _, context: until_abandoned(context), options=options(drain_timeout=0.1))
    thread, raised = run_in_thread(worker)
    gateway.expect_began(gateway.deliver("c"))
    worker.drain()
    assert joined(thread)
    assert isinstance(raised[0], sluice.DrainTimeoutError)


def test_stop_ends_streams_at_once(gateway: FakeGateway) -> None:
    worker = Worker(gateway.address, "c", lambda _, context: until_abandoned(context), options=options())
    thread, raised = run_in_thread(worker)
    gateway.expect_began(gateway.deliver("c"))
    worker.stop()
    assert joined(thread)
    assert isinstance(raised[0], sluice.StoppedError)
    gateway.expect_no_stream()


@pytest.mark.parametrize("end", ["drain", "stop"])
def test_a_worker_can_be_ended_before_it_runs(gateway: FakeGateway, end: str) -> None:
    worker = Worker(gateway.address, "c", lambda _: None, options=options())
    getattr(worker, end)()
    thread, raised = run_in_thread(worker)
    assert joined(thread)
    assert [type(error) for error in raised] == ([] if end == "drain" else [sluice.StoppedError])
    with pytest.raises(sluice.WorkerStateError):
        worker.run()


def test_signals_are_for_the_main_thread_and_one_worker(gateway: FakeGateway) -> None:
    worker = Worker(gateway.address, "c", lambda _: os.kill(os.getpid(), signal.SIGTERM), options=options())
    raised: queue.SimpleQueue[Exception] = queue.SimpleQueue()

    def elsewhere() -> None:
        try:
            Worker(gateway.address, "c", lambda _: None, options=options()).run_until_signal()
        except sluice.WorkerStateError as error:
            raised.put(error)
        gateway.deliver("c")

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=elsewhere)
    thread.start()
    worker.run_until_signal()
    thread.join(PATIENCE)
    assert "main thread" in str(raised.get(timeout=PATIENCE))
    assert signal.getsignal(signal.SIGTERM) is before
    assert gateway.expect_settle().outcome is Outcome.ACK


def test_results_and_refused_items(gateway: FakeGateway) -> None:
    results: queue.SimpleQueue[sluice.ItemResult] = queue.SimpleQueue()
    with Worker(gateway.address, "c", lambda _: None, options=options(on_result=results.put)):
        delivery = gateway.deliver("c")
        gateway.answer(delivery, sluice.ResultCode.REFUSED, reply_id=7, mqtt_reason_code=135, message="not allowed")
        assert results.get(timeout=PATIENCE) == sluice.ItemResult(7, delivery, sluice.ResultCode.REFUSED, 135, "not allowed")
    events = Events()
    with Worker(gateway.address, "c", lambda _: None, options=options(on_event=events)):
        delivery = gateway.deliver("c")
        for _ in range(3):
            gateway.answer(delivery, sluice.ResultCode.DENIED, message="no such topic")
        assert "no such topic" in events.expect(EventKind.ITEM_REFUSED).text


def test_functions_of_the_user_that_fail_end_nothing(gateway: FakeGateway, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("broken")

    with Worker(gateway.address, "c", lambda _: None, options=options(on_event=broken, on_result=broken)):
        gateway.answer(gateway.deliver("c"), reply_id=1)
        gateway.expect_settle(gateway.deliver("c"))
    assert "on_event failed" in caplog.text
    assert "on_result failed" in caplog.text


def test_middleware_wraps_both_kinds_of_handlers(gateway: FakeGateway) -> None:
    def tag(name: str) -> Any:
        def middleware(call: Any) -> Any:
            if asyncio.iscoroutinefunction(call):

                async def async_wrapped(message: Message, context: Any) -> Any:
                    return [Reply(name), *(await call(message, context))]

                return async_wrapped

            def wrapped(message: Message, context: Any) -> Any:
                return [Reply(name), *call(message, context)]

            return wrapped

        return middleware

    async def async_handler(_: Message) -> list[Reply]:
        return [Reply("async")]

    worker = Worker(gateway.address, "c", lambda _: [Reply("c")], options=options(middleware=[tag("outer"), tag("inner")]))
    worker.chain("async")(async_handler)
    with worker:
        for chain in ("c", "async"):
            replies = gateway.expect_settle(gateway.deliver(chain)).replies
            assert [one.topic for one in replies] == ["outer", "inner", chain]


def test_many_messages_are_settled_once_each(gateway: FakeGateway) -> None:
    async def async_handler(message: Message) -> Reply:
        return Reply(payload=message.payload)

    worker = Worker(gateway.address, "c", lambda m: Reply(payload=m.payload), options=options(window_messages=5000))
    worker.chain("async")(async_handler)
    with worker:
        ids = []
        for frame in range(20):
            ids += gateway.deliver_many("c" if frame % 2 else "async", [b"%d" % one for one in range(100)])
        for number, one in enumerate(ids):
            assert gateway.expect_settle(one).replies[0].payload == b"%d" % (number % 100)


def test_the_block_of_a_with_raises_what_it_raised(gateway: FakeGateway) -> None:
    with contextlib.suppress(ZeroDivisionError), Worker(gateway.address, "c", lambda _: None, options=options()):
        raise ZeroDivisionError
    gateway.expect_no_stream()
