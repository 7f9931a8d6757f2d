import { monotonicMs } from "./clock.js";
import type { Delivery, DeliveryGroup } from "./delivery.js";
import { type Handler, type HandlerResult, settlementOf } from "./handler.js";
import { type Settlement, SettlementError } from "./settlement.js";
import { errorText } from "./status.js";

// Handlers that compute get the thread for this long before the network has its turn.
const TURN_MS = 10;

/** Where deliveries come from and settles go to. */
export interface SettleTarget {
  readonly alive: boolean;
  /** The handler of a delivery in state "running" has come to this. */
  settle(delivery: Delivery, group: DeliveryGroup, settlement: Settlement): void;
}

interface Work {
  readonly target: SettleTarget;
  readonly group: DeliveryGroup;
}

/**
 * Calls the handler for deliveries of all streams, so many at once, oldest first. What waits here is bounded by the
 * windows of the streams it comes from.
 */
export class Runner {
  readonly #queue: Work[] = [];
  #queueHead = 0;
  #running = 0;
  #turnBegan = -1; // -1: no turn is under way.
  #handlerMs = 0;
  #lastStart = 0;
  #settled = 0;

  constructor(
    private readonly handler: Handler,
    private readonly concurrency: number,
    /** Calls endTurn() once this turn of the event loop has done its work. */
    private readonly scheduleTurnEnd: () => void,
  ) {}

  /** Handlers that came to an end. */
  get settled(): number {
    return this.#settled;
  }

  /** What a message takes lately, as if each of `concurrency` handlers had a thread; 0: not known yet. */
  handlerMs(now: number): number {
    // Nothing is free: what waits has waited for as long as this, whatever handlers took before.
    return this.#running >= this.concurrency ? Math.max(this.#handlerMs, now - this.#lastStart) : this.#handlerMs;
  }

  submit(target: SettleTarget, group: DeliveryGroup): void {
    this.#queue.push({ target, group });
    this.#work();
  }

  /** The network has had its turn. */
  endTurn(): void {
    this.#turnBegan = -1;
    this.#work();
  }

  #work(): void {
    if (this.#queueHead >= this.#queue.length || this.#running >= this.concurrency) return;
    const began = monotonicMs();
    if (this.#turnBegan < 0) {
      this.#turnBegan = began;
      this.scheduleTurnEnd();
    }
    const turnEnds = this.#turnBegan + TURN_MS;
    let now = began;
    let synchronous = 0;
    while (this.#running < this.concurrency && now < turnEnds) {
      const work = this.#queue[this.#queueHead];
      if (work === undefined) break;
      const { group, target } = work;
      const delivery = group.deliveries[group.next];
      if (delivery === undefined) {
        this.#takeHead();
        continue;
      }
      ++group.next;
      if (!target.alive || delivery.state !== "held") continue;
      delivery.state = "running";
      delivery.began = now;
      if (this.#start(work, delivery)) ++synchronous;
      else this.#lastStart = now;
      now = monotonicMs();
    }
    // One at a time is what these had, however many may be in work.
    if (synchronous > 0) this.#learn(((now - began) / synchronous) * this.concurrency);
  }

  #takeHead(): void {
    if (++this.#queueHead === this.#queue.length) {
      this.#queue.length = 0;
      this.#queueHead = 0;
    } else if (this.#queueHead >= 256) {
      this.#queue.splice(0, this.#queueHead);
      this.#queueHead = 0;
    }
  }

  /** True: it has come to its end already. */
  #start(work: Work, delivery: Delivery): boolean {
    try {
      const result = this.handler(delivery.message, delivery);
      if (isPromise(result)) {
        ++this.#running;
        result.then(
          (value) => {
            this.#finish(work, delivery, value, undefined);
          },
          (error: unknown) => {
            this.#finish(work, delivery, undefined, { error });
          },
        );
        return false;
      }
      this.#settle(work, delivery, settlementOf(result));
    } catch (error) {
      this.#settle(work, delivery, settlementOfError(error));
    }
    return true;
  }

  #finish(work: Work, delivery: Delivery, value: HandlerResult, thrown: { error: unknown } | undefined): void {
    --this.#running;
    // A sample of each group is enough.
    if (delivery === work.group.deliveries[0]) this.#learn(monotonicMs() - delivery.began);
    let settlement: Settlement;
    try {
      settlement = thrown === undefined ? settlementOf(value) : settlementOfError(thrown.error);
    } catch (error) {
      settlement = settlementOfError(error);
    }
    this.#settle(work, delivery, settlement);
    this.#work();
  }

  #settle(work: Work, delivery: Delivery, settlement: Settlement): void {
    ++this.#settled;
    if (delivery.state === "running") work.target.settle(delivery, work.group, settlement);
  }

  #learn(sampleMs: number): void {
    this.#handlerMs = this.#handlerMs === 0 ? sampleMs : (this.#handlerMs * 3 + sampleMs) / 4;
  }
}

function isPromise(result: unknown): result is Promise<HandlerResult> {
  return typeof result === "object" && result !== null && typeof (result as { then?: unknown }).then === "function";
}

function settlementOfError(error: unknown): Settlement {
  if (error instanceof SettlementError) return error.settlement;
  return { outcome: "retry", reason: errorText(error) };
}
