import { Fleet, type Stats } from "./fleet.js";
import type { Handler } from "./handler.js";
import { settle, type WorkerOptions } from "./options.js";
import { WorkerError } from "./status.js";

/**
 * A rule-chain worker: takes MQTT messages from Sluice gateways, answers each with what a handler makes of it.
 *
 * ```ts
 * const worker = new Worker({ gateways: ["gateway.example:7443"], chains: ["temperature"] }, (message) => ({
 *   payload: `seen ${message.topic}`,
 * }));
 * await worker.runUntilSignal();
 * ```
 */
export class Worker implements AsyncDisposable {
  readonly #fleet: Fleet;
  #running: Promise<void> | undefined;

  /** Throws a WorkerError, INVALID_ARGUMENT, naming the option that is wrong, what was found and what is allowed. */
  constructor(options: WorkerOptions, handler: Handler) {
    if (typeof handler !== "function") throw new WorkerError("INVALID_ARGUMENT", "the handler is no function");
    this.#fleet = new Fleet(settle(options), handler);
  }

  /**
   * Serves until drain() or stop(), over any number of lost connections. Resolves when everything in work was settled.
   * Rejects with a WorkerError: DEADLINE_EXCEEDED when the drain timeout passed, CANCELLED after stop(),
   * FAILED_PRECONDITION when it is called a second time. Handlers that are still in work then see their signal abort;
   * they are not waited for.
   */
  run(): Promise<void> {
    if (this.#running !== undefined) {
      return Promise.reject(new WorkerError("FAILED_PRECONDITION", "run() was called before; make a new Worker"));
    }
    this.#running = this.#fleet.run().then((result) => {
      if (result.code !== "OK") throw new WorkerError(result.code, result.message);
    });
    return this.#running;
  }

  /**
   * run(), with SIGTERM and SIGINT taken over meanwhile: the first drains, the second stops. Other listeners for them
   * are left alone.
   */
  async runUntilSignal(): Promise<void> {
    let signals = 0;
    const onSignal = (): void => {
      if (++signals === 1) this.drain();
      else this.stop();
    };
    process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
    try {
      await this.run();
    } finally {
      process.off("SIGTERM", onSignal).off("SIGINT", onSignal);
    }
  }

  /** Takes no new messages, finishes those in work, lets run() resolve. Returns at once. Also before run(). */
  drain(): void {
    this.#fleet.leave();
  }

  /** Ends the streams as they are, and lets run() reject; what is in work will be delivered again. */
  stop(): void {
    this.#fleet.stop();
  }

  get stats(): Stats {
    return this.#fleet.stats;
  }

  /** drain(), and waits for run() to end. What it rejects with is told by run() alone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.drain();
    await this.#running?.catch(() => undefined);
  }
}
