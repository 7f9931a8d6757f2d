import type { Delivery } from "./delivery.js";
import { replyBytes, writeEarlyReply } from "./frame-encoder.js";
import type { Outbox } from "./outbox.js";
import type { Reply } from "./settlement.js";
import { errorText, WorkerError } from "./status.js";

interface Waiting {
  readonly delivery: Delivery;
  readonly reply: Reply;
  readonly limits: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Replies ahead of their settle, in order, under the bound on what may be unsent. */
export class EarlySends {
  #waiting: Waiting[] = [];

  constructor(
    private readonly outbox: Outbox,
    private readonly bound: () => number,
  ) {}

  /** `limits`: what the gateway takes, in words. */
  send(delivery: Delivery, reply: Reply, limits: string): Promise<void> {
    if (this.#waiting.length === 0 && this.#hasRoom(reply)) {
      this.#add(delivery, reply, limits);
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      ++delivery.waitingSends;
      this.#waiting.push({ delivery, reply, limits, resolve, reject });
    });
  }

  /** Something was taken out of the outbox. */
  makeRoom(): void {
    while (this.#waiting.length > 0) {
      const first = this.#waiting[0];
      if (first === undefined || !this.#hasRoom(first.reply)) return;
      this.#waiting.shift();
      this.#addWaiting(first);
    }
  }

  /** The delivery is to be settled: what its handler has not awaited goes first, room or not. */
  hurry(delivery: Delivery): void {
    this.#waiting = this.#waiting.filter((waiting) => {
      if (waiting.delivery !== delivery) return true;
      this.#addWaiting(waiting);
      return false;
    });
  }

  /** The delivery is lost. */
  fail(delivery: Delivery): void {
    this.#waiting = this.#waiting.filter((waiting) => {
      if (waiting.delivery !== delivery) return true;
      waiting.reject(new WorkerError("UNAVAILABLE", "nobody waits for this message's replies any more"));
      return false;
    });
  }

  /** The stream has ended. */
  failAll(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { reject } of waiting) reject(new WorkerError("UNAVAILABLE", "the stream has ended"));
  }

  #hasRoom(reply: Reply): boolean {
    return this.outbox.empty || this.outbox.size + replyBytes(reply) <= this.bound();
  }

  #addWaiting(waiting: Waiting): void {
    --waiting.delivery.waitingSends;
    try {
      this.#add(waiting.delivery, waiting.reply, waiting.limits);
      waiting.resolve();
    } catch (error) {
      waiting.reject(error);
    }
  }

  #add(delivery: Delivery, reply: Reply, limits: string): void {
    let added: boolean;
    try {
      added = this.outbox.add((writer) => writeEarlyReply(writer, delivery.id, reply));
    } catch (error) {
      throw new WorkerError("INVALID_ARGUMENT", errorText(error), { cause: error });
    }
    if (!added) throw new WorkerError("INVALID_ARGUMENT", `the reply is larger than the gateway takes (${limits})`);
  }
}
