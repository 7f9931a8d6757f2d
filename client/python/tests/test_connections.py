"""How workers connect, and connect again."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from typing import Any

import pytest
from workers import PATIENCE, Events, options, wait

from sluice import EventKind, StatusCode, Worker
from sluice._session import Session
from sluice.testing import FakeGateway


def test_a_lost_stream_is_made_again(gateway: FakeGateway) -> None:
    events = Events()
    with Worker(gateway.address, "c", lambda _: None, options=options(on_event=events)):
        first = gateway.expect_stream()
        gateway.lose_stream(message="the network is gone")
        event = events.expect(EventKind.DISCONNECTED)
        assert (event.status.code, event.status.message) == (StatusCode.UNAVAILABLE, "the network is gone")
        assert event.retry_in is not None
        assert 0.005 <= event.retry_in <= 0.01
        assert event.address == gateway.address
        events.expect(EventKind.CONNECTED)
        assert gateway.expect_stream() is not first
        gateway.expect_settle(gateway.deliver("c"))


def test_a_refusal_waits_the_longest(gateway: FakeGateway) -> None:
    events = Events()
    gateway.refuse(StatusCode.PERMISSION_DENIED, "not you")
    with Worker(gateway.address, "c", lambda _: None, options=options(on_event=events)):
        event = events.expect(EventKind.CONNECT_FAILED)
        assert event.status.code == StatusCode.PERMISSION_DENIED
        assert event.retry_in is not None
        assert event.retry_in >= 15
        assert "not you" in event.text


def test_a_gateway_that_is_not_there_is_tried_again() -> None:
    events = Events()
    with FakeGateway() as gone:
        address = gone.address
    with Worker(address, "c", lambda _: None, options=options(on_event=events)):
        for _ in range(3):
            assert events.expect(EventKind.CONNECT_FAILED).status.code == StatusCode.UNAVAILABLE


def test_chains_that_the_gateway_refuses_are_told(gateway: FakeGateway) -> None:
    events = Events()
    gateway.refuse_chain("b", "not yours")
    with Worker(gateway.address, ["a", "b"], lambda _: None, options=options(on_event=events)):
        assert "serving a" in events.expect(EventKind.CONNECTED).text
        assert "chain b: not yours" in events.expect(EventKind.CHAIN_REFUSED).text


def test_a_gateway_that_drains_is_dialled_again_at_once(gateway: FakeGateway) -> None:
    gate = threading.Event()
    events = Events()
    worker = Worker(gateway.address, "c", lambda _: wait(gate), options=options(on_event=events))
    with worker:
        delivery = gateway.deliver("c")
        old = gateway.expect_stream()
        gateway.drain("maintenance")
        assert "maintenance" in events.expect(EventKind.DRAINING).text
        gateway.expect_stream(2)
        assert not old.half_closed
        gate.set()
        gateway.expect_settle(delivery)
        old.expect(lambda one: one.half_closed, PATIENCE, "the old stream's half-close")
        assert events.expect(EventKind.DISCONNECTED).status.ok


def test_one_stream_to_every_address_of_a_name_as_long_as_it_has_it() -> None:
    addresses = ["127.0.0.1", "127.0.0.2"]
    looked_up = Counter[str]()
    changed = threading.Condition()

    def resolver(host: str) -> list[str]:
        with changed:
            looked_up[host] += 1
            changed.notify_all()
            if host == "unknown":
                raise LookupError("nobody knows it")
            return list(addresses)

    events = Events()
    with FakeGateway(addresses=["127.0.0.1", "127.0.0.2", "127.0.0.3"]) as gateway:
        port = gateway.address.rpartition(":")[2]
        given = options(resolver=resolver, resolve_interval=1, on_event=events)
        worker = Worker([f"replicas:{port}", f"unknown:{port}"], "c", lambda _: None, options=given)
        with worker:
            gateway.expect_stream(2)
            event = events.expect(EventKind.RESOLVE_FAILED)
            assert (event.address, event.status.code) == ("unknown", StatusCode.NOT_FOUND)
            assert "nobody knows it" in event.text
            addresses[:] = ["127.0.0.3"]
            gateway.expect_stream(3)
            for _ in range(3):
                events.expect(EventKind.CONNECTED)
            gateway.lose_stream()
            ended = [events.expect(EventKind.DISCONNECTED) for _ in range(3)]
            dialled_again = [event.address for event in ended if event.retry_in is not None]
            assert dialled_again == [f"127.0.0.3:{port}"]
            assert events.expect(EventKind.CONNECTED).address == f"127.0.0.3:{port}"


def test_tokens_are_asked_for_by_each_attempt(gateway: FakeGateway) -> None:
    tokens = iter(["one\n", "", "two"])
    events = Events()
    with Worker(gateway.address, "c", lambda _: None, options=options(token=lambda: next(tokens), on_event=events)):
        assert gateway.expect_stream().metadata["authorization"] == "Bearer one"
        events.expect(EventKind.CONNECTED)
        gateway.lose_stream()
        failed = events.expect(EventKind.CONNECT_FAILED)
        assert failed.status.code == StatusCode.UNAVAILABLE
        events.expect(EventKind.CONNECTED)
        assert gateway.expect_stream().metadata["authorization"] == "Bearer two"


def test_a_token_callback_that_hangs_is_given_up(gateway: FakeGateway) -> None:
    events = Events()
    gate = threading.Event()
    given = options(token=lambda: gate.wait(PATIENCE) and "x", connect_timeout=0.05, on_event=events)
    with Worker(gateway.address, "c", lambda _: None, options=given):
        assert events.expect(EventKind.CONNECT_FAILED).status.code == StatusCode.DEADLINE_EXCEEDED
    gate.set()


def test_a_token_never_shows(tmp_path: Any, gateway: FakeGateway) -> None:
    events = Events()
    file = tmp_path / "token"
    file.write_text("secret token")
    with Worker(gateway.address, "c", lambda _: None, options=options(token_file=str(file), on_event=events)):
        text = events.expect(EventKind.CONNECT_FAILED).text
        assert str(file) in text
        assert "secret" not in text


@pytest.mark.parametrize("part", ["take", "gather", "hello_frame", "tick"])
def test_a_fault_within_the_sdk_is_told_and_connects_again(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    whole = getattr(Session, part)
    broken = threading.Event()

    def faulty(session: Session, *given: Any) -> Any:
        if not broken.is_set():
            broken.set()
            raise ZeroDivisionError("a fault")
        return whole(session, *given)

    monkeypatch.setattr(Session, part, faulty)
    events = Events()
    with Worker(gateway.address, "c", lambda _: None, options=options(on_event=events)):
        failed = events.expect(EventKind.CONNECT_FAILED)
        assert failed.status.code == StatusCode.INTERNAL
        assert "a fault" in failed.text
        events.expect(EventKind.CONNECTED)
        # The gateway may hear later of the first one's end.
        gateway._wait(lambda: len(gateway._live()) == 1, PATIENCE, "the first stream's end")
        gateway.expect_settle(gateway.deliver("c"))


def test_an_address_that_does_not_answer_holds_up_a_drain_for_a_second() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # It accepts, and says nothing.
        events = Events()
        began = time.monotonic()
        with Worker(f"127.0.0.1:{silent.getsockname()[1]}", "c", lambda _: None, options=options(on_event=events)):
            connection, _ = silent.accept()
        connection.close()
        assert events.expect(EventKind.CONNECT_FAILED).status.code == StatusCode.CANCELLED
        assert time.monotonic() - began < PATIENCE
