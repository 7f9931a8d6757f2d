// Between the protocol's messages and the SDK's own.
import {
  DataType as ProtoDataType,
  type Delivery,
  Outcome as ProtoOutcome,
  type Reply as ProtoReply,
  type Settle,
} from "../generated/sluice/v1/worker.js";
import { type DataType, type Message, MessageData } from "../message.js";
import type { Outcome, Reply } from "../settlement.js";

/** What a test says of a message; the rest is as of a small JSON message of QoS 1. */
export interface MessageFields {
  messageId?: string;
  route?: string;
  chain?: string;
  startNode?: string;
  topic?: string;
  /** A string is sent as UTF-8, an object that is no Uint8Array as JSON. */
  payload?: string | Uint8Array | object;
  qos?: number;
  retain?: boolean;
  dup?: boolean;
  dataType?: DataType;
  receivedUnixMs?: number;
  ageMs?: number;
  leaseMs?: number;
  attempt?: number;
  orderingKey?: string;
  contentType?: string;
  responseTopic?: string;
  correlationData?: Uint8Array;
  userProperties?: readonly (readonly [name: string, value: string])[];
  expiryS?: number;
  metadata?: Readonly<Record<string, string>>;
}

/** A settle as the gateway received it. */
export interface ReceivedSettle {
  readonly deliveryId: number;
  readonly outcome: Outcome;
  readonly reason: string;
  readonly retryAfterMs: number;
  readonly replies: readonly ReceivedReply[];
}

/** A reply as the gateway received it. */
export interface ReceivedReply extends Omit<Reply, "payload"> {
  readonly payload: Buffer;
  /** Of a reply ahead of its settle; else 0. */
  readonly deliveryId: number;
}

const DATA_TYPES: Readonly<Record<DataType, ProtoDataType>> = {
  unspecified: ProtoDataType.DATA_TYPE_UNSPECIFIED,
  json: ProtoDataType.DATA_TYPE_JSON,
  text: ProtoDataType.DATA_TYPE_TEXT,
  binary: ProtoDataType.DATA_TYPE_BINARY,
};

function bytesOf(payload: string | Uint8Array | object): Buffer {
  if (typeof payload === "string") return Buffer.from(payload);
  if (payload instanceof Uint8Array) return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  return Buffer.from(JSON.stringify(payload));
}

/** A message for a unit test that calls a handler by itself. */
export function testMessage(fields: MessageFields = {}): Message {
  const { payload, ...rest } = { ...defaults(1), ...fields };
  return Object.assign(new MessageData(), rest, { deliveryId: 1, payload: bytesOf(payload) });
}

function defaults(
  deliveryId: number,
): Required<Pick<MessageFields, "messageId" | "topic" | "payload">> & MessageFields {
  return {
    messageId: `message-${String(deliveryId)}`,
    route: "route",
    chain: "chain",
    topic: "topic",
    payload: "{}",
    qos: 1,
    receivedUnixMs: Date.now(),
    leaseMs: 30_000,
    attempt: 1,
  };
}

export function toDelivery(deliveryId: number, fields: MessageFields, chain: string): Delivery {
  const all = { ...defaults(deliveryId), chain, ...fields };
  return {
    deliveryId: BigInt(deliveryId),
    messageId: all.messageId,
    route: all.route ?? "",
    chain: all.chain,
    startNode: all.startNode ?? "",
    topic: all.topic,
    payload: bytesOf(all.payload),
    qos: all.qos ?? 0,
    retain: all.retain ?? false,
    dup: all.dup ?? false,
    dataType: DATA_TYPES[all.dataType ?? "unspecified"],
    receivedUnixMs: BigInt(all.receivedUnixMs ?? 0),
    ageMs: BigInt(all.ageMs ?? 0),
    leaseMs: all.leaseMs ?? 0,
    attempt: all.attempt ?? 1,
    orderingKey: all.orderingKey ?? "",
    contentType: all.contentType ?? "",
    responseTopic: all.responseTopic ?? "",
    correlationData: Buffer.from(all.correlationData ?? []),
    userProperties: (all.userProperties ?? []).map(([name, value]) => ({ name, value })),
    expiryS: all.expiryS,
    metadata: { ...all.metadata },
  };
}

const OUTCOMES: ReadonlyMap<ProtoOutcome, Outcome> = new Map([
  [ProtoOutcome.OUTCOME_ACK, "ack"],
  [ProtoOutcome.OUTCOME_RETRY, "retry"],
  [ProtoOutcome.OUTCOME_REJECT, "reject"],
  [ProtoOutcome.OUTCOME_DROP, "drop"],
]);

export function fromSettle(settle: Settle): ReceivedSettle {
  const outcome = OUTCOMES.get(settle.outcome);
  if (outcome === undefined) throw new Error(`the worker settled with the unknown outcome ${String(settle.outcome)}`);
  return {
    deliveryId: Number(settle.deliveryId),
    outcome,
    reason: settle.reason,
    retryAfterMs: settle.retryAfterMs,
    replies: settle.replies.map(fromReply),
  };
}

export function fromReply(reply: ProtoReply): ReceivedReply {
  return {
    deliveryId: Number(reply.deliveryId),
    replyId: Number(reply.replyId),
    topic: reply.topic,
    payload: bytesOf(reply.payload),
    retain: reply.retain,
    contentType: reply.contentType,
    responseTopic: reply.responseTopic,
    userProperties: reply.userProperties.map(({ name, value }) => [name, value] as const),
    metadata: reply.metadata,
    ...(reply.qos === undefined ? {} : { qos: reply.qos }),
    ...(reply.correlationData === undefined ? {} : { correlationData: reply.correlationData }),
    ...(reply.expiryS === undefined ? {} : { expiryS: reply.expiryS }),
  };
}
