/**
 * A message to publish. Where it goes: `topic`; else metadata "responseTopic"; else the message's own Response Topic;
 * else nowhere, which is no error. With which QoS: `qos`; else metadata "responseQos"; else 0.
 */
export interface Reply {
  /** Without wildcards, at most 65,535 bytes of UTF-8. */
  topic?: string;
  /** A string is sent as UTF-8. Default: empty. */
  payload?: string | Uint8Array;
  /** 0, 1 or 2. */
  qos?: number;
  retain?: boolean;
  /** Chosen by you, a safe integer. Not 0: `onResult` hears what became of the reply, under this id. */
  replyId?: number;
  /** MQTT 5.0 §3.3.2.3, and so the next four; dropped by the gateway on a connection that speaks 3.1.1. */
  contentType?: string;
  responseTopic?: string;
  /** Absent: the message's own is echoed when the reply goes to the message's Response Topic. */
  correlationData?: Uint8Array;
  userProperties?: readonly (readonly [name: string, value: string])[];
  /** Seconds until the broker may forget it. */
  expiryS?: number;
  /** RuleGo's way to name topic and QoS; with the route's `metadataToHeaders` the rest becomes user properties. */
  metadata?: Readonly<Record<string, string>>;
}

/**
 * - `ack`: done.
 * - `retry`: again later, here or on another worker; after the chain's `maxAttempts`, to the dead letters.
 * - `reject`: never again: to the dead letters.
 * - `drop`: done, on purpose without effect; counted apart.
 */
export type Outcome = "ack" | "retry" | "reject" | "drop";

/** An outcome with the replies that are published when, and only if, the gateway accepts it. */
export interface Settlement {
  readonly outcome: Outcome;
  /** For people and dead letters; the first 1,024 bytes are kept. */
  readonly reason?: string;
  /** With `retry`, in milliseconds: 0 leaves the pause to the gateway. At most an hour. */
  readonly retryAfterMs?: number;
  /** Not published with `retry`: the next attempt brings its own. */
  readonly replies?: readonly Reply[];
}

export interface RetryOptions {
  /** Not before this many milliseconds; 0 (the default) leaves it to the gateway. At most an hour. */
  afterMs?: number;
}

/** Done, with these replies. */
export function ack(...replies: Reply[]): Settlement {
  return { outcome: "ack", replies };
}

/** Again later, here or on another worker. */
export function retry(reason: string, options: RetryOptions = {}): Settlement {
  return { outcome: "retry", reason, retryAfterMs: options.afterMs ?? 0 };
}

/** Never again: to the dead letters. */
export function reject(reason: string): Settlement {
  return { outcome: "reject", reason };
}

/** Done, on purpose without effect. */
export function drop(reason = ""): Settlement {
  return { outcome: "drop", reason };
}

/** The base of errors that a handler throws to say what becomes of the message. */
export abstract class SettlementError extends Error {
  readonly settlement: Settlement;

  protected constructor(settlement: Settlement, options?: ErrorOptions) {
    super(settlement.reason, options);
    this.settlement = settlement;
  }
}

/** Thrown by a handler: the same as returning `retry(reason, options)`. */
export class RetryError extends SettlementError {
  constructor(reason: string, options: RetryOptions & ErrorOptions = {}) {
    super(retry(reason, options), options);
    this.name = "RetryError";
  }
}

/** Thrown by a handler: the same as returning `reject(reason)`. */
export class RejectError extends SettlementError {
  constructor(reason: string, options?: ErrorOptions) {
    super(reject(reason), options);
    this.name = "RejectError";
  }
}

/** Thrown by a handler: the same as returning `drop(reason)`. */
export class DropError extends SettlementError {
  constructor(reason = "", options?: ErrorOptions) {
    super(drop(reason), options);
    this.name = "DropError";
  }
}

/**
 * - `OK`: confirmed by the broker (QoS 1, 2), written to it (QoS 0), or without a topic and so not sent.
 * - `STALE`: the delivery was not in flight any more: nothing was done.
 * - `REFUSED`: by the broker; see `mqttReasonCode`.
 * - `NOT_PUBLISHED`: its settle was a retry.
 * - `CLIPPED`: a lease cannot be extended any further. The SDK takes care of it.
 * - `EXPIRED`: its expiry was over before it could be published.
 * - `UNKNOWN`: a code this SDK does not know: a failure.
 */
export type ResultCode =
  | "OK"
  | "STALE"
  | "INVALID"
  | "INVALID_TOPIC"
  | "INVALID_QOS"
  | "DENIED"
  | "TOO_LARGE"
  | "TIMEOUT"
  | "REFUSED"
  | "NOT_CONNECTED"
  | "NOT_PUBLISHED"
  | "CLIPPED"
  | "EXPIRED"
  | "UNKNOWN";

/** What became of one reply that had an id, or of an item that was in error (`replyId` 0). */
export interface ItemResult {
  readonly replyId: number;
  readonly deliveryId: number;
  readonly code: ResultCode;
  /** MQTT 5.0 §2.4, when `code` is `REFUSED`. */
  readonly mqttReasonCode: number;
  /** For people. */
  readonly message: string;
}
