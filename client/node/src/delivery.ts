import type { Context } from "./handler.js";
import type { MessageData } from "./message.js";
import type { Reply } from "./settlement.js";

/** `held`: waits for a handler. `lost`: nobody waits for its outcome any more. */
export type DeliveryState = "held" | "running" | "done" | "lost";

/** What a delivery says to its stream. */
export interface DeliveryOwner {
  sendEarly(delivery: Delivery, reply: Reply): Promise<void>;
}

/** A delivery from its receipt to its settle, and the context of its handler. */
export class Delivery implements Context {
  state: DeliveryState = "held";
  /** When its handler was started, by the monotonic clock. */
  began = 0;
  /** The gateway knows that it has begun. */
  told = false;
  /** 0: not to be extended, any more. */
  extendMs: number;
  /** Calls of send() that wait for room. */
  waitingSends = 0;
  #aborter: AbortController | undefined;

  constructor(
    readonly message: MessageData,
    readonly windowBytes: number,
    readonly owner: DeliveryOwner,
  ) {
    this.extendMs = message.leaseMs;
  }

  get id(): number {
    return this.message.deliveryId;
  }

  get signal(): AbortSignal {
    // Most handlers never look, and a controller costs more than all the rest of a delivery.
    if (this.#aborter === undefined) {
      this.#aborter = new AbortController();
      if (this.state === "lost") this.#abort();
    }
    return this.#aborter.signal;
  }

  send(reply: Reply): Promise<void> {
    const sent = this.owner.sendEarly(this, reply);
    // Who does not await it learns nothing, and must not lose the process for it.
    sent.catch(() => undefined);
    return sent;
  }

  /** Nobody waits for its outcome any more. */
  lose(): void {
    this.state = "lost";
    this.#abort();
  }

  #abort(): void {
    this.#aborter?.abort(new DOMException("nobody waits for this message's outcome any more", "AbortError"));
  }
}

/** The deliveries of one frame. */
export class DeliveryGroup {
  /** The first that no handler was started for. */
  next = 0;
  /** Neither settled nor lost. */
  left: number;

  constructor(readonly deliveries: readonly Delivery[]) {
    this.left = deliveries.length;
  }
}
