// What a worker says, as fields of a WorkerFrame. What is frequent is written here, what is rare by the generated code.
import type { Reply, Settlement } from "./settlement.js";
import { varintSize, type Writer } from "./wire.js";

/** Of one frame, as worker.proto counts them. */
export const MAX_FRAME_ITEMS = 100_000;
const MAX_REASON_BYTES = 1_024;
const MAX_RETRY_MS = 3_600_000;
const MAX_UINT32 = 0xffff_ffff;

// Fields of WorkerFrame.
const EXTENDS = 3;
const REPLIES = 4;
const SETTLES = 5;
const BEGAN = 9;

const OUTCOMES: Readonly<Record<string, number>> = { ack: 0, retry: 1, reject: 2, drop: 3 }; // As Outcome.

export interface Extension {
  readonly deliveryId: number;
  readonly leaseMs: number;
}

function wrong(field: string, value: unknown, allowed: string): TypeError {
  return new TypeError(
    `${field} is ${typeof value === "string" ? JSON.stringify(value) : String(value)}; allowed is ${allowed}`,
  );
}

function number(field: string, value: number, most: number): number {
  if (Number.isSafeInteger(value) && value >= 0 && value <= most) return value;
  throw wrong(field, value, `a whole number 0 … ${String(most)}`);
}

function text(field: string, value: string): string {
  if (typeof value === "string") return value;
  throw wrong(field, value, "a string");
}

function writePair(writer: Writer, field: number, name: string, value: string): void {
  const expected = name.length + value.length + 4;
  const begin = writer.open(field, expected);
  if (name !== "") writer.stringField(1, text("a property's name", name));
  if (value !== "") writer.stringField(2, text("a property's value", value));
  writer.close(begin, expected);
}

/** Returns how many items it counts for. Throws TypeError for a value of another type than declared. */
function writeReply(writer: Writer, field: number, reply: Reply, deliveryId: number): number {
  const payload = reply.payload;
  const topic = reply.topic;
  const expected = (payload?.length ?? 0) + (topic?.length ?? 0) + 6;
  const begin = writer.open(field, expected);
  if (deliveryId !== 0) writer.numberField(1, deliveryId);
  if (reply.replyId) writer.numberField(2, number("replyId", reply.replyId, Number.MAX_SAFE_INTEGER));
  if (topic) writer.stringField(3, text("topic", topic));
  if (reply.qos !== undefined) writer.numberField(4, number("qos", reply.qos, MAX_UINT32));
  if (reply.retain) writer.numberField(5, 1);
  if (payload !== undefined && payload.length !== 0) {
    if (typeof payload === "string") writer.stringField(6, payload);
    else if (payload instanceof Uint8Array) writer.bytesField(6, payload);
    else throw wrong("payload", payload, "a string or a Uint8Array");
  }
  const items = 1 + writeRareFields(writer, reply);
  writer.close(begin, expected);
  return items;
}

function writeRareFields(writer: Writer, reply: Reply): number {
  let items = 0;
  if (reply.contentType) writer.stringField(7, text("contentType", reply.contentType));
  if (reply.responseTopic) writer.stringField(8, text("responseTopic", reply.responseTopic));
  if (reply.correlationData !== undefined) {
    if (!(reply.correlationData instanceof Uint8Array))
      throw wrong("correlationData", reply.correlationData, "a Uint8Array");
    writer.bytesField(9, reply.correlationData);
  }
  if (reply.userProperties !== undefined) {
    for (const [name, value] of reply.userProperties) writePair(writer, 10, name, value);
    items += reply.userProperties.length;
  }
  if (reply.expiryS !== undefined) writer.numberField(11, number("expiryS", reply.expiryS, MAX_UINT32));
  if (reply.metadata !== undefined) {
    for (const name of Object.keys(reply.metadata)) {
      writePair(writer, 12, name, reply.metadata[name] ?? "");
      ++items;
    }
  }
  return items;
}

/** The first 1,024 bytes, cut between two characters. */
export function cutReason(reason: string): string {
  if (reason.length * 3 <= MAX_REASON_BYTES) return reason;
  const bytes = Buffer.from(reason.slice(0, MAX_REASON_BYTES));
  if (bytes.length <= MAX_REASON_BYTES && reason.length <= MAX_REASON_BYTES) return reason;
  let end = Math.min(MAX_REASON_BYTES, bytes.length);
  while (end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) --end;
  return bytes.toString("utf8", 0, end);
}

/** Returns how many items it counts for. Throws TypeError for a value of another type than declared. */
export function writeSettle(writer: Writer, deliveryId: number, settlement: Settlement): number {
  const outcome = OUTCOMES[settlement.outcome];
  if (outcome === undefined) throw wrong("outcome", settlement.outcome, '"ack", "retry", "reject" or "drop"');
  const { reason, replies } = settlement;
  let expected = varintSize(deliveryId) + 1;
  if (replies?.length === 1) {
    const reply = replies[0];
    expected += (reply?.payload?.length ?? 0) + (reply?.topic?.length ?? 0) + 10;
  }
  const begin = writer.open(SETTLES, expected);
  writer.numberField(1, deliveryId);
  if (outcome !== 0) writer.numberField(2, outcome);
  if (reason) writer.stringField(3, cutReason(text("reason", reason)));
  if (settlement.retryAfterMs) writer.numberField(4, retryMs(settlement.retryAfterMs));
  let items = 1;
  if (replies !== undefined) for (const reply of replies) items += writeReply(writer, 5, reply, 0);
  writer.close(begin, expected);
  return items;
}

function retryMs(value: number): number {
  if (typeof value !== "number" || Number.isNaN(value)) throw wrong("retryAfterMs", value, "a number");
  return Math.round(Math.min(Math.max(value, 0), MAX_RETRY_MS));
}

/** A reply ahead of its settle; otherwise as writeSettle. */
export function writeEarlyReply(writer: Writer, deliveryId: number, reply: Reply): number {
  return writeReply(writer, REPLIES, reply, deliveryId);
}

/** About what writeEarlyReply() will write, in bytes. */
export function replyBytes(reply: Reply): number {
  const payload = reply.payload ?? "";
  return (typeof payload === "string" ? Buffer.byteLength(payload) : payload.length) + (reply.topic?.length ?? 0) + 32;
}

export function writeBegan(writer: Writer, deliveryIds: readonly number[]): void {
  const expected = deliveryIds.length * 3;
  const begin = writer.open(BEGAN, expected);
  for (const id of deliveryIds) {
    writer.ensure(10);
    writer.varint(id);
  }
  writer.close(begin, expected);
}

export function writeExtend(writer: Writer, extension: Extension): void {
  const begin = writer.open(EXTENDS, 16);
  writer.numberField(1, extension.deliveryId);
  writer.numberField(2, extension.leaseMs);
  writer.close(begin, 16);
}
