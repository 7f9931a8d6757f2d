/**
 * OpenTelemetry for workers: a span for each message. Needs `@opentelemetry/api`, and an SDK that the program has set up.
 *
 * @packageDocumentation
 */
import {
  context as active,
  type Context as OtelContext,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type TracerProvider,
} from "@opentelemetry/api";

import type { Context, Message, Middleware, Reply, Settlement } from "../index.js";
import { SettlementError } from "../settlement.js";
import { errorText } from "../status.js";

export interface TracingOptions {
  /** Puts the span into the user properties of replies, so that who takes them continues the trace. Default: false. */
  propagate?: boolean;
  /** Default: the one registered globally. */
  tracerProvider?: TracerProvider;
}

type Pairs = readonly (readonly [name: string, value: string])[];

// MQTT's user properties are not case-sensitive by any standard, but writers of these two agree on small letters.
const fromPairs = {
  keys: (pairs: Pairs): string[] => pairs.map(([name]) => name),
  get: (pairs: Pairs, key: string): string | undefined => pairs.find(([name]) => name === key)?.[1],
};

const intoPairs = {
  set: (pairs: [string, string][], key: string, value: string): void => {
    pairs.push([key, value]);
  },
};

function attributes(message: Message): Record<string, string | number> {
  return {
    "messaging.system": "mqtt",
    "messaging.operation.name": "process",
    "messaging.operation.type": "process",
    "messaging.destination.name": message.topic,
    "messaging.message.id": message.messageId,
    "messaging.message.body.size": message.payload.length,
    "sluice.chain": message.chain,
    "sluice.route": message.route,
    "sluice.attempt": message.attempt,
  };
}

function inject(reply: Reply, spanContext: OtelContext): Reply {
  const own: [string, string][] = [];
  propagation.inject(spanContext, own, intoPairs);
  const given = reply.userProperties ?? [];
  // What the handler says for itself is left as it is.
  const added = own.filter(([key]) => !given.some(([name]) => name === key));
  return added.length === 0 ? reply : { ...reply, userProperties: [...given, ...added] };
}

function injectAll(settlement: Settlement, spanContext: OtelContext): Settlement {
  const { replies } = settlement;
  if (replies === undefined || replies.length === 0) return settlement;
  return { ...settlement, replies: replies.map((reply) => inject(reply, spanContext)) };
}

function tell(span: Span, settlement: Settlement): void {
  span.setAttribute("sluice.outcome", settlement.outcome);
  if (settlement.outcome !== "retry" && settlement.outcome !== "reject") return;
  span.setAttribute("error.type", settlement.outcome);
  span.setStatus({ code: SpanStatusCode.ERROR, message: settlement.reason ?? "" });
}

/**
 * A span of kind CONSUMER around the handler, by the semantic conventions for messaging. It continues the trace that
 * the message's user properties `traceparent` and `tracestate` name (by the propagator that is registered globally).
 *
 * ```ts
 * new Worker({ gateways, chains, middleware: [tracing({ propagate: true })] }, handler);
 * ```
 */
export function tracing(options: TracingOptions = {}): Middleware {
  const tracer = (options.tracerProvider ?? trace).getTracer("@sluice/worker");
  return (message, context, next) => {
    const parent = propagation.extract(active.active(), message.userProperties, fromPairs);
    const span = tracer.startSpan(
      `process ${message.chain}`,
      { kind: SpanKind.CONSUMER, attributes: attributes(message) },
      parent,
    );
    const inside = trace.setSpan(parent, span);
    const traced: Context = options.propagate
      ? {
          get signal() {
            return context.signal;
          },
          send: (reply) => context.send(inject(reply, inside)),
        }
      : context;
    return active.with(inside, async () => {
      try {
        const settlement = await next(traced);
        tell(span, settlement);
        return options.propagate ? injectAll(settlement, inside) : settlement;
      } catch (error) {
        if (error instanceof SettlementError) {
          tell(span, error.settlement);
        } else {
          span.setAttribute("sluice.outcome", "retry");
          span.setAttribute("error.type", error instanceof Error ? error.name : "_OTHER");
          span.recordException(error instanceof Error ? error : errorText(error));
          span.setStatus({ code: SpanStatusCode.ERROR, message: errorText(error) });
        }
        throw error;
      } finally {
        span.end();
      }
    });
  };
}
