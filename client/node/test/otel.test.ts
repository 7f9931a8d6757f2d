import assert from "node:assert/strict";
import { test } from "node:test";

import {
  type Context,
  propagation,
  type Span,
  type SpanContext,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  type TextMapGetter,
  type TextMapSetter,
  trace,
  type TracerProvider,
} from "@opentelemetry/api";

import { type Middleware, reject, RetryError } from "@sluice/worker";
import { tracing } from "@sluice/worker/otel";
import { FakeGateway } from "@sluice/worker/testing";

import { RunningWorker } from "./support.js";

interface Seen {
  name: string;
  options: SpanOptions | undefined;
  parent: SpanContext | undefined;
  attributes: Record<string, unknown>;
  status: { code: SpanStatusCode; message?: string } | undefined;
  exception: unknown;
  ended: boolean;
}

/** As much of an SDK as the test needs: it remembers spans. */
function fakeProvider(spans: Seen[]): TracerProvider {
  const startSpan = (name: string, options?: SpanOptions, context?: Context): Span => {
    const parent = context === undefined ? undefined : trace.getSpanContext(context);
    const seen: Seen = {
      name,
      options,
      parent,
      attributes: { ...options?.attributes },
      status: undefined,
      exception: undefined,
      ended: false,
    };
    spans.push(seen);
    const span = trace.wrapSpanContext({
      traceId: parent?.traceId ?? "0".repeat(32),
      spanId: "b".repeat(16),
      traceFlags: 1,
    });
    return Object.assign(Object.create(span) as Span, {
      setAttribute(key: string, value: unknown) {
        seen.attributes[key] = value;
      },
      setStatus(status: Seen["status"]) {
        seen.status = status;
      },
      recordException(exception: unknown) {
        seen.exception = exception;
      },
      end() {
        seen.ended = true;
      },
    });
  };
  return { getTracer: () => ({ startSpan, startActiveSpan: () => undefined as never }) };
}

// As much of the W3C propagator.
propagation.setGlobalPropagator({
  fields: () => ["traceparent"],
  inject(context: Context, carrier: unknown, setter: TextMapSetter) {
    const span = trace.getSpanContext(context);
    if (span !== undefined) setter.set(carrier, "traceparent", `00-${span.traceId}-${span.spanId}-01`);
  },
  extract(context: Context, carrier: unknown, getter: TextMapGetter) {
    const [, traceId, spanId] = String(getter.get(carrier, "traceparent") ?? "").split("-");
    if (traceId === undefined || spanId === undefined) return context;
    return trace.setSpanContext(context, { traceId, spanId, traceFlags: 1, isRemote: true });
  },
});

test("makes a span of each message, continues its trace, and hands it on with replies", async () => {
  await using gateway = await FakeGateway.start();
  const spans: Seen[] = [];
  await using _running = new RunningWorker(
    gateway,
    async (message, context) => {
      if (message.text() === "throw") throw new TypeError("broken");
      if (message.text() === "retry") throw new RetryError("later");
      if (message.text() === "reject") return reject("never");
      await context.send({ payload: "early" });
      return { payload: "late", userProperties: [["own", "1"]] };
    },
    { middleware: [tracing({ propagate: true, tracerProvider: fakeProvider(spans) })] },
  );
  const traceId = "a".repeat(32);
  const id = await gateway.deliver({
    messageId: "m",
    topic: "plant/temp",
    payload: "four",
    userProperties: [["traceparent", `00-${traceId}-${"c".repeat(16)}-01`]],
  });
  const own = ["traceparent", `00-${traceId}-${"b".repeat(16)}-01`];
  assert.deepEqual((await gateway.expectReply(id)).userProperties, [own]);
  assert.deepEqual((await gateway.expectSettle(id)).replies[0]?.userProperties, [["own", "1"], own]);
  const [span] = spans;
  assert.equal(span?.name, "process chain");
  assert.equal(span.options?.kind, SpanKind.CONSUMER);
  assert.equal(span.parent?.spanId, "c".repeat(16));
  assert.equal(span.attributes["messaging.message.id"], "m");
  assert.equal(span.attributes["messaging.destination.name"], "plant/temp");
  assert.equal(span.attributes["messaging.message.body.size"], 4);
  assert.equal(span.attributes["sluice.outcome"], "ack");
  assert.equal(span.status, undefined);
  assert.ok(span.ended);

  for (const [payload, outcome, message] of [
    ["throw", "retry", "broken"],
    ["retry", "retry", "later"],
    ["reject", "reject", "never"],
  ] as const) {
    const settle = await gateway.expectSettle(await gateway.deliver({ payload }));
    assert.equal(settle.outcome, outcome);
    assert.equal(settle.reason, message);
    assert.deepEqual(spans.at(-1)?.status, { code: SpanStatusCode.ERROR, message });
    assert.equal(spans.at(-1)?.attributes["sluice.outcome"], outcome);
    assert.equal(spans.at(-1)?.exception instanceof TypeError, payload === "throw");
    assert.ok(spans.at(-1)?.ended);
  }
});

test("middleware stands around the handler, the first outermost", async () => {
  await using gateway = await FakeGateway.start();
  const order: string[] = [];
  const named =
    (name: string): Middleware =>
    async (_message, _context, next) => {
      order.push(`${name} in`);
      try {
        return await next();
      } catch {
        return { payload: `${name} saw it` };
      } finally {
        order.push(`${name} out`);
      }
    };
  await using _running = new RunningWorker(
    gateway,
    () => {
      order.push("handler");
      throw new Error("broken");
    },
    { middleware: [named("outer"), named("inner")] },
  );
  const settle = await gateway.expectSettle(await gateway.deliver());
  assert.equal(settle.replies[0]?.payload.toString(), "inner saw it");
  assert.deepEqual(order, ["outer in", "inner in", "handler", "inner out", "outer out"]);
});
