import type { DeliveryGroup } from "./delivery.js";
import type { Drain, Welcome } from "./generated/sluice/v1/worker.js";
import type { ItemResult } from "./settlement.js";
import type { Status } from "./status.js";
import type { Stream } from "./stream.js";

/** Whom a stream serves and tells. */
export interface StreamListener {
  onConnected(stream: Stream, welcome: Welcome): void;
  /** The gateway wants the stream to go elsewhere; it ends by itself when what it holds is settled. */
  onGatewayDrains(stream: Stream, drain: Drain): void;
  onItemRefused(stream: Stream, what: string): void;
  onResult: ((result: ItemResult) => void) | undefined;
  /** Once; nothing after it. */
  onEnded(stream: Stream, status: Status): void;
  /** Runs the handlers of a group. */
  onDeliveries(stream: Stream, group: DeliveryGroup): void;
  /** flush() is to be called once this turn of the event loop has done its work. */
  flushSoon(stream: Stream): void;
  /** tick() is to be called at `when` at the latest. */
  wakeBy(when: number): void;
}
