// A gateway's frame, read. Deliveries and results are read here; what comes once to a stream is left to the generated
// code.
import { Drain, Welcome } from "./generated/sluice/v1/worker.js";
import { type DataType, MessageData } from "./message.js";
import type { ItemResult, ResultCode } from "./settlement.js";
import { BYTES, LastString, MalformedError, Reader, VARINT } from "./wire.js";

/** What one frame holds. */
export interface GatewayParts {
  welcome: Welcome | undefined;
  deliveries: MessageData[];
  /** What the window counts of each delivery. */
  windowBytes: number[];
  results: ItemResult[];
  /** Delivery ids. */
  revokes: number[];
  /** Nonces. */
  ping: bigint | undefined;
  pong: bigint | undefined;
  drain: Drain | undefined;
}

const DATA_TYPES: readonly DataType[] = ["unspecified", "json", "text", "binary"];
const RESULT_CODES: readonly ResultCode[] = [
  "OK",
  "STALE",
  "INVALID",
  "INVALID_TOPIC",
  "INVALID_QOS",
  "DENIED",
  "TOO_LARGE",
  "TIMEOUT",
  "REFUSED",
  "NOT_CONNECTED",
  "NOT_PUBLISHED",
  "CLIPPED",
  "EXPIRED",
];

/** One to a stream: it remembers names that come in nearly every message. */
export class FrameDecoder {
  readonly #route = new LastString();
  readonly #chain = new LastString();
  readonly #startNode = new LastString();
  readonly #contentType = new LastString();
  #windowBytes = 0; // Of the delivery being read.

  /** Throws MalformedError: not an encoded GatewayFrame, or a delivery without an id. */
  decode(frame: Buffer): GatewayParts {
    const parts: GatewayParts = {
      welcome: undefined,
      deliveries: [],
      windowBytes: [],
      results: [],
      revokes: [],
      ping: undefined,
      pong: undefined,
      drain: undefined,
    };
    const reader = new Reader(frame);
    while (reader.pos < frame.length) {
      const tag = reader.varint();
      const type = tag & 7;
      if (type !== BYTES) {
        reader.skip(type); // Unknown: every field of today's frame is a message.
        continue;
      }
      const end = reader.span();
      reader.end = end;
      switch (tag >>> 3) {
        case 1:
          parts.welcome = generated("Welcome", reader, (bytes) => Welcome.decode(bytes));
          break;
        case 2:
          this.#windowBytes = 0;
          parts.deliveries.push(this.#delivery(reader));
          parts.windowBytes.push(this.#windowBytes);
          break;
        case 3:
          parts.results.push(readResult(reader));
          break;
        case 4:
          parts.ping = readNonce(reader);
          break;
        case 5:
          parts.pong = readNonce(reader);
          break;
        case 6:
          parts.drain = generated("Drain", reader, (bytes) => Drain.decode(bytes));
          break;
        case 7:
          parts.revokes.push(readRevoke(reader));
          break;
        default:
          reader.pos = end;
      }
      if (reader.pos !== end) throw new MalformedError("frame");
      reader.end = frame.length;
    }
    return parts;
  }

  #delivery(reader: Reader): MessageData {
    const message = new MessageData();
    const end = reader.end;
    let size = 0;
    while (reader.pos < end) {
      const tag = reader.varint();
      switch (tag) {
        case 1 << 3:
          message.deliveryId = reader.varint();
          break;
        case (2 << 3) | BYTES:
          message.messageId = reader.string();
          break;
        case (3 << 3) | BYTES:
          message.route = reader.repeatedString(this.#route);
          break;
        case (4 << 3) | BYTES:
          message.chain = reader.repeatedString(this.#chain);
          break;
        case (5 << 3) | BYTES:
          message.startNode = reader.repeatedString(this.#startNode);
          break;
        case (6 << 3) | BYTES: {
          const before = reader.pos;
          message.topic = reader.string();
          size += reader.pos - before;
          break;
        }
        case (7 << 3) | BYTES:
          message.payload = reader.bytes();
          size += message.payload.length;
          break;
        case 8 << 3:
          message.qos = reader.varint();
          break;
        case 9 << 3:
          message.retain = reader.varint() !== 0;
          break;
        case 10 << 3:
          message.dup = reader.varint() !== 0;
          break;
        case 11 << 3:
          message.dataType = DATA_TYPES[reader.varint()] ?? "unspecified";
          break;
        case 12 << 3:
          message.receivedUnixMs = reader.varint();
          break;
        case 13 << 3:
          message.ageMs = reader.varint();
          break;
        case 14 << 3:
          message.leaseMs = reader.varint();
          break;
        case 15 << 3:
          message.attempt = reader.varint();
          break;
        default:
          size += this.#rareField(reader, tag, message);
      }
      if (reader.pos > end) break;
    }
    if (reader.pos !== end || message.deliveryId === 0) throw new MalformedError("Delivery");
    this.#windowBytes = size;
    return message;
  }

  /** Returns what the window counts of it. */
  #rareField(reader: Reader, tag: number, message: MessageData): number {
    const before = reader.pos;
    switch (tag) {
      case (16 << 3) | BYTES:
        message.orderingKey = reader.string();
        return 0;
      case (17 << 3) | BYTES:
        message.contentType = reader.repeatedString(this.#contentType);
        return reader.pos - before;
      case (18 << 3) | BYTES:
        message.responseTopic = reader.string();
        return reader.pos - before;
      case (19 << 3) | BYTES:
        message.correlationData = reader.bytes();
        return reader.pos - before;
      case (20 << 3) | BYTES: {
        const pairs = message.userProperties as [string, string][];
        if (pairs.length === 0) message.userProperties = [readPair(reader)];
        else pairs.push(readPair(reader));
        return reader.pos - before;
      }
      case 21 << 3:
        message.expiryS = reader.varint();
        return 0;
      case (22 << 3) | BYTES: {
        const [name, value] = readPair(reader);
        // Without a prototype: a device may call a property "__proto__".
        const metadata = Object.isFrozen(message.metadata)
          ? (Object.create(null) as Record<string, string>)
          : (message.metadata as Record<string, string>);
        metadata[name] = value;
        message.metadata = metadata;
        return 0;
      }
      default:
        reader.skip(tag & 7);
        return 0;
    }
  }
}

function generated<T>(what: string, reader: Reader, decode: (bytes: Buffer) => T): T {
  const bytes = reader.buffer.subarray(reader.pos, reader.end);
  reader.pos = reader.end;
  try {
    return decode(bytes);
  } catch {
    throw new MalformedError(what);
  }
}

/** UserProperty and the entries of map<string, string> have the same two fields. */
function readPair(reader: Reader): [string, string] {
  const outer = reader.end;
  const end = reader.span();
  reader.end = end;
  let name = "";
  let value = "";
  while (reader.pos < end) {
    const tag = reader.varint();
    if (tag === ((1 << 3) | BYTES)) name = reader.string();
    else if (tag === ((2 << 3) | BYTES)) value = reader.string();
    else reader.skip(tag & 7);
  }
  if (reader.pos !== end) throw new MalformedError("UserProperty");
  reader.end = outer;
  return [name, value];
}

function readResult(reader: Reader): ItemResult {
  const result = { replyId: 0, deliveryId: 0, code: "OK" as ResultCode, mqttReasonCode: 0, message: "" };
  while (reader.pos < reader.end) {
    const tag = reader.varint();
    switch (tag) {
      case 1 << 3:
        result.replyId = reader.varint();
        break;
      case 2 << 3:
        result.deliveryId = reader.varint();
        break;
      case 3 << 3:
        result.code = RESULT_CODES[reader.varint()] ?? "UNKNOWN";
        break;
      case 4 << 3:
        result.mqttReasonCode = reader.varint();
        break;
      case (5 << 3) | BYTES:
        result.message = reader.string();
        break;
      default:
        reader.skip(tag & 7);
    }
  }
  return result;
}

function readRevoke(reader: Reader): number {
  let deliveryId = 0;
  while (reader.pos < reader.end) {
    const tag = reader.varint();
    if (tag === 1 << 3) deliveryId = reader.varint();
    else reader.skip(tag & 7);
  }
  return deliveryId;
}

/** Any 64 bits, which come back in the Pong. */
function readNonce(reader: Reader): bigint {
  let nonce = 0n;
  while (reader.pos < reader.end) {
    const tag = reader.varint();
    if (tag === ((1 << 3) | VARINT)) nonce = reader.uint64();
    else reader.skip(tag & 7);
  }
  return nonce;
}
