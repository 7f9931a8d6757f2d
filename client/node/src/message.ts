/** How the route says the payload is to be read. Nobody has checked that it can be. */
export type DataType = "unspecified" | "json" | "text" | "binary";

/**
 * One attempt at one MQTT message. Field by field as in `sluice/v1/worker.proto`, Delivery.
 *
 * `payload` and `correlationData` are views into the frame the message came in: nothing is copied, and a view that is
 * kept keeps its whole frame in memory. Copy (`Buffer.from(message.payload)`) what is to live long.
 */
export interface Message {
  /** This attempt, on this stream. Never 0. */
  readonly deliveryId: number;
  /** The message: the same in every attempt. What a worker that must not act twice remembers. */
  readonly messageId: string;
  readonly route: string;
  readonly chain: string;
  /** The node of the chain to start at; empty: the first. */
  readonly startNode: string;
  /** The topic it was published to (not the filter). */
  readonly topic: string;
  readonly payload: Buffer;
  /** 0, 1 or 2. */
  readonly qos: number;
  readonly retain: boolean;
  readonly dup: boolean;
  readonly dataType: DataType;
  /** When the gateway received it, by the gateway's clock: milliseconds since the Unix epoch. */
  readonly receivedUnixMs: number;
  /** How long it had been in the gateway when the frame was made, in milliseconds. */
  readonly ageMs: number;
  /** How long the gateway waits for the settle, in milliseconds. The SDK extends it for as long as the handler runs. */
  readonly leaseMs: number;
  /** 1 for the first. */
  readonly attempt: number;
  /** Messages of one chain with an equal non-empty key come one after the other. Empty: in no order. */
  readonly orderingKey: string;
  /** MQTT 5.0 §3.3.2.3. Empty where the publisher gave none; so are the next three. */
  readonly contentType: string;
  readonly responseTopic: string;
  readonly correlationData: Buffer;
  readonly userProperties: readonly (readonly [name: string, value: string])[];
  /** Seconds left before the message expires; absent: never. */
  readonly expiryS: number | undefined;
  /** What the route's `headersToMetadata` made of the user properties. */
  readonly metadata: Readonly<Record<string, string>>;

  /** The payload as UTF-8; bytes that are none become U+FFFD. */
  text(): string;
  /** The payload as JSON. Throws SyntaxError where it is none. */
  json(): unknown;
}

const NO_BYTES = Buffer.alloc(0);
const NO_PAIRS: readonly (readonly [string, string])[] = Object.freeze([]);
const NO_METADATA: Readonly<Record<string, string>> = Object.freeze(Object.create(null) as Record<string, string>);

/** What the decoder fills in. */
export class MessageData implements Message {
  deliveryId = 0;
  messageId = "";
  route = "";
  chain = "";
  startNode = "";
  topic = "";
  payload: Buffer = NO_BYTES;
  qos = 0;
  retain = false;
  dup = false;
  dataType: DataType = "unspecified";
  receivedUnixMs = 0;
  ageMs = 0;
  leaseMs = 0;
  attempt = 0;
  orderingKey = "";
  contentType = "";
  responseTopic = "";
  correlationData: Buffer = NO_BYTES;
  userProperties: readonly (readonly [string, string])[] = NO_PAIRS;
  expiryS: number | undefined = undefined;
  metadata: Readonly<Record<string, string>> = NO_METADATA;

  text(): string {
    return this.payload.toString("utf8");
  }

  json(): unknown {
    return JSON.parse(this.payload.toString("utf8"));
  }
}
