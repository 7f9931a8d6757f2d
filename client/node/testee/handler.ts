import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

import {
  type Context,
  type Handler,
  type HandlerResult,
  type Message,
  type Outcome,
  type Reply,
  type Settlement,
  WorkerError,
} from "@sluice/worker";

import { emit } from "./emit.js";

interface GivenReply {
  topic?: string;
  payload?: string;
  payload_base64?: string;
  payload_bytes?: number;
  qos?: number;
  retain?: boolean;
  reply_id?: number;
  content_type?: string;
  response_topic?: string;
  correlation_data_base64?: string;
  user_properties?: [string, string][];
  expiry_s?: number;
  metadata?: Record<string, string>;
}

interface Step {
  describe?: boolean;
  say?: string;
  sleep_ms?: number;
  gate?: string;
  until_abandoned?: boolean;
  send?: GivenReply;
  throw?: string;
  settle?: { outcome: Outcome; reason?: string; retry_after_ms?: number; replies?: GivenReply[] };
  return?: GivenReply | GivenReply[];
}

/** Where handlers wait until they are told to go on. */
export class Gates {
  readonly #open = new Set<string>();
  readonly #waiting = new Map<string, (() => void)[]>();

  release(name: string): void {
    this.#open.add(name);
    for (const go of this.#waiting.get(name) ?? []) go();
    this.#waiting.delete(name);
  }

  async wait(name: string): Promise<void> {
    if (this.#open.has(name)) return;
    await new Promise<void>((resolve) => {
      this.#waiting.set(name, [...(this.#waiting.get(name) ?? []), resolve]);
    });
  }
}

function payloadOf(given: GivenReply): string | Buffer | undefined {
  if (given.payload_base64 !== undefined) return Buffer.from(given.payload_base64, "base64");
  if (given.payload_bytes !== undefined) return Buffer.alloc(given.payload_bytes, "x");
  return given.payload;
}

function toReply(given: GivenReply): Reply {
  const correlation = given.correlation_data_base64;
  const fields = {
    topic: given.topic,
    payload: payloadOf(given),
    qos: given.qos,
    retain: given.retain,
    replyId: given.reply_id,
    contentType: given.content_type,
    responseTopic: given.response_topic,
    correlationData: correlation === undefined ? undefined : Buffer.from(correlation, "base64"),
    userProperties: given.user_properties,
    expiryS: given.expiry_s,
    metadata: given.metadata,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function describe(message: Message): void {
  emit({
    event: "message",
    delivery_id: message.deliveryId,
    message_id: message.messageId,
    route: message.route,
    chain: message.chain,
    start_node: message.startNode,
    topic: message.topic,
    payload_base64: message.payload.toString("base64"),
    qos: message.qos,
    retain: message.retain,
    dup: message.dup,
    data_type: message.dataType,
    received_unix_ms: message.receivedUnixMs,
    age_ms: message.ageMs,
    lease_ms: message.leaseMs,
    attempt: message.attempt,
    ordering_key: message.orderingKey,
    content_type: message.contentType,
    response_topic: message.responseTopic,
    correlation_data_base64: message.correlationData.toString("base64"),
    user_properties: message.userProperties,
    expiry_s: message.expiryS ?? null,
    metadata: { ...message.metadata },
  });
}

async function send(context: Context, message: Message, reply: GivenReply): Promise<void> {
  let status = "OK";
  try {
    await context.send(toReply(reply));
  } catch (error) {
    status = error instanceof WorkerError ? error.code : "UNKNOWN";
  }
  emit({ event: "sent", delivery_id: message.deliveryId, status });
}

function stepsOf(message: Message): Step[] {
  try {
    const content = message.json() as { steps?: unknown } | null;
    return Array.isArray(content?.steps) ? (content.steps as Step[]) : [];
  } catch {
    return [];
  }
}

function settlementOf(given: NonNullable<Step["settle"]>): Settlement {
  return {
    outcome: given.outcome,
    reason: given.reason ?? "",
    retryAfterMs: given.retry_after_ms ?? 0,
    replies: (given.replies ?? []).map(toReply),
  };
}

/** What a step says the handler returns; undefined: it goes on. */
async function take(
  step: Step,
  message: Message,
  context: Context,
  gates: Gates,
): Promise<{ result: HandlerResult } | undefined> {
  if (step.describe) describe(message);
  if (step.say !== undefined) emit({ event: "said", text: step.say, delivery_id: message.deliveryId });
  if (step.sleep_ms !== undefined) await sleep(step.sleep_ms);
  if (step.gate !== undefined) await gates.wait(step.gate);
  if (step.until_abandoned) {
    if (!context.signal.aborted) await once(context.signal, "abort");
    emit({ event: "abandoned", delivery_id: message.deliveryId });
  }
  if (step.send !== undefined) await send(context, message, step.send);
  if (step.throw !== undefined) throw new Error(step.throw);
  if (step.settle !== undefined) return { result: settlementOf(step.settle) };
  if (Array.isArray(step.return)) return { result: step.return.map(toReply) };
  if (step.return !== undefined) return { result: toReply(step.return) };
  return undefined;
}

export function makeHandler(gates: Gates): Handler {
  return async (message, context) => {
    for (const step of stepsOf(message)) {
      const end = await take(step, message, context, gates);
      if (end !== undefined) return end.result;
    }
    return undefined;
  };
}
