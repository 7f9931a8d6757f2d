"""Spans of messages. With the API alone there is no tracer that records, so the tests bring one."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

trace = pytest.importorskip("opentelemetry.trace")

from sluice import Drop, Message, Reject, Reply, Settlement  # noqa: E402
from sluice.otel import inject, tracing  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Span(trace.NonRecordingSpan):  # type: ignore[misc,name-defined]
    """Remembers what it is told."""

    def __init__(self, name: str, parent: Any, **given: Any) -> None:
        super().__init__(trace.SpanContext(parent.trace_id, 0x1234, is_remote=False, trace_flags=trace.TraceFlags(1)))
        self.name, self.parent, self.given = name, parent, given
        self.attributes: dict[str, Any] = dict(given["attributes"])
        self.status: Any = None
        self.exceptions: list[BaseException] = []

    def is_recording(self) -> bool:
        return True

    def set_attribute(self, key: str, value: Any) -> None:
        self.attributes[key] = value

    def set_status(self, status: Any, description: Any = None) -> None:
        self.status = status

    def record_exception(self, exception: BaseException, *_: Any, **__: Any) -> None:
        self.exceptions.append(exception)


class Tracer(trace.NoOpTracer):  # type: ignore[misc,name-defined]
    def __init__(self) -> None:
        self.spans: list[Span] = []

    @contextlib.contextmanager
    def start_as_current_span(self, name: str, context: Any = None, **given: Any) -> Iterator[Span]:
        span = Span(name, trace.get_current_span(context).get_span_context(), **given)
        self.spans.append(span)
        with trace.use_span(span, record_exception=False, set_status_on_exception=False):
            yield span


class Provider(trace.NoOpTracerProvider):  # type: ignore[misc,name-defined]
    def __init__(self) -> None:
        self.tracer = Tracer()

    def get_tracer(self, *_: Any, **__: Any) -> Tracer:
        return self.tracer


@pytest.fixture
def provider() -> Provider:
    return Provider()


MESSAGE = Message("a/b", b"123", chain="c", message_id="m", user_properties=[("traceparent", PARENT), ("x", "y")])


def test_a_span_continues_the_messages_trace(provider: Provider) -> None:
    def handler(_: Message, __: Any) -> Reply:
        assert trace.get_current_span().get_span_context().span_id == 0x1234
        return Reply("r")

    assert tracing(provider)(handler)(MESSAGE, None) == Reply("r")
    [span] = provider.tracer.spans
    assert span.name == "process c"
    assert span.given["kind"] is trace.SpanKind.CONSUMER
    assert span.parent.span_id == 0xB7AD6B7169203331
    assert span.attributes["messaging.destination.name"] == "a/b"
    assert span.attributes["messaging.message.id"] == "m"
    assert span.attributes["messaging.message.body.size"] == 3
    assert (span.attributes["sluice.outcome"], span.attributes["sluice.replies"]) == ("ACK", 1)
    assert span.status is None


def test_replies_carry_the_trace_by_choice(provider: Provider) -> None:
    async def handler(_: Message, __: Any) -> list[Reply]:
        return [Reply("r", user_properties=[("traceparent", "old"), ("k", "v")])]

    call = tracing(provider, replies=True)(handler)
    assert asyncio.iscoroutinefunction(call)
    [reply] = asyncio.run(call(MESSAGE, None))
    assert reply.user_properties == [("k", "v"), ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-0000000000001234-01")]


@pytest.mark.parametrize(
    ("result", "outcome", "is_error", "exceptions"),
    [
        (Settlement.retry("later"), "RETRY", True, 0),
        (Reject("never"), "REJECT", True, 0),
        (Drop(), "DROP", False, 0),
        (ValueError("broken"), "RETRY", True, 1),
    ],
)
def test_outcomes_are_told(provider: Provider, result: Any, outcome: str, is_error: bool, exceptions: int) -> None:
    def handler(_: Message, __: Any) -> Any:
        if isinstance(result, Exception):
            raise result
        return result

    with contextlib.suppress(Reject, Drop, ValueError):
        tracing(provider)(handler)(MESSAGE, None)
    [span] = provider.tracer.spans
    assert span.attributes["sluice.outcome"] == outcome
    assert (span.status is not None and span.status.status_code is trace.StatusCode.ERROR) == is_error
    assert len(span.exceptions) == exceptions


def test_without_a_trace_nothing_is_injected() -> None:
    assert inject(Reply("r")) == Reply("r")
