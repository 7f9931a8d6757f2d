"""Traces of what handlers do, by OpenTelemetry: `pip install sluice-worker[otel]`.

from sluice.otel import tracing

worker = Worker("gateway.example:7443", "temperature", check, options=Options(middleware=[tracing()]))
"""

from __future__ import annotations

import contextlib
import inspect
from importlib import metadata
from typing import TYPE_CHECKING, Any, Optional

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from sluice._handlers import from_exception, to_settlement
from sluice._reply import Outcome, Reply, Settlement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.context import Context as TraceContext

    from sluice._handlers import Call, Middleware
    from sluice._message import Message

__all__ = ["inject", "tracing"]

_PROPAGATOR = TraceContextTextMapPropagator()


def tracing(tracer_provider: Optional[trace.TracerProvider] = None, *, replies: bool = False) -> Middleware:
    """Gives each message a span of the kind consumer, named `process CHAIN`, with the attributes of the messaging conventions.

    It continues the trace that the message's user properties `traceparent` and `tracestate` name, and is current while the
    handler runs. A RETRY, a REJECT and an exception are errors of the span. `replies` puts the trace's context into the user
    properties of the replies that the handler returns; for those of `Context.send()` see `inject()`. Without a
    `tracer_provider` the global one is taken.
    """
    try:
        version: Optional[str] = metadata.version("sluice-worker")
    except metadata.PackageNotFoundError:  # It runs from its sources.
        version = None
    tracer = trace.get_tracer("sluice", version, tracer_provider=tracer_provider)

    def middleware(call: Call) -> Call:
        if inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(getattr(call, "__call__", None)):  # noqa: B004

            async def async_traced(message: Message, context: Any) -> Any:
                with _span(tracer, message) as span:
                    return _end(span, await call(message, context), replies)

            return async_traced

        def traced(message: Message, context: Any) -> Any:
            with _span(tracer, message) as span:
                return _end(span, call(message, context), replies)

        return traced

    return middleware


def inject(reply: Reply, context: Optional[TraceContext] = None) -> Reply:
    """Puts the current trace's context, or another, into a reply's user properties, in place of one that is there."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier, context)
    if carrier:
        kept = [(name, value) for name, value in reply.user_properties if name not in carrier]
        reply.user_properties = [*kept, *carrier.items()]
    return reply


@contextlib.contextmanager
def _span(tracer: trace.Tracer, message: Message) -> Iterator[trace.Span]:
    named = dict(reversed(message.user_properties))  # The first of a name counts.
    attributes: dict[str, str | int] = {
        "messaging.system": "sluice",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": message.topic,
        "messaging.message.id": message.message_id,
        "messaging.message.body.size": len(message.payload),
        "sluice.chain": message.chain,
        "sluice.route": message.route,
        "sluice.attempt": message.attempt,
        "sluice.delivery_id": str(message.delivery_id),
    }
    with tracer.start_as_current_span(
        f"process {message.chain}",
        context=_PROPAGATOR.extract(named),
        kind=trace.SpanKind.CONSUMER,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield span
        except BaseException as error:
            settlement = from_exception(error)
            if error.__class__.__module__ != Outcome.__module__:  # No Retry, Reject or Drop, which were meant.
                span.record_exception(error)
            _settled(span, settlement)
            raise


def _end(span: trace.Span, result: Any, replies: bool) -> Any:
    settlement = to_settlement(result)
    if replies and span.is_recording():
        for reply in settlement.replies:
            inject(reply)
    _settled(span, settlement)
    return result


def _settled(span: trace.Span, settlement: Settlement) -> None:
    outcome = Outcome(settlement.outcome)
    span.set_attribute("sluice.outcome", outcome.name)
    span.set_attribute("sluice.replies", len(settlement.replies))
    if outcome in (Outcome.RETRY, Outcome.REJECT):
        span.set_attribute("error.type", outcome.name)
        span.set_status(trace.Status(trace.StatusCode.ERROR, settlement.reason))
