import type { Delivery, DeliveryGroup } from "./delivery.js";
import type { Extension } from "./frame-encoder.js";

/** Handlers that take less are never told of: their settle says it. */
export const TELL_BEGUN_AFTER_MS = 50;
// So that several that began one after the other are told in one frame.
const TOGETHER_MS = 10;

function isHeld(delivery: Delivery): boolean {
  return delivery.state === "held" || delivery.state === "running";
}

/**
 * Knows which deliveries are held, which of them have begun and are to be told of, and when their leases are to be
 * extended: at half the lease, again and again. Costs once per frame, nothing per message. Pure: time comes as a
 * parameter.
 */
export class LeaseKeeper {
  readonly #dueAt = new Map<DeliveryGroup, number>();
  #next = Infinity; // The earliest of #dueAt, or before it.
  #lookAt = Infinity;
  #tellsBegun = false;

  /** The gateway wants to know what has begun, and extends nothing else. */
  tellBegun(): void {
    this.#tellsBegun = true;
  }

  get empty(): boolean {
    return this.#dueAt.size === 0;
  }

  /** `received`: when the leases began. */
  add(group: DeliveryGroup, received: number): void {
    if (this.empty) this.#lookAt = received + TELL_BEGUN_AFTER_MS;
    const due = dueAt(group, received);
    this.#dueAt.set(group, due);
    if (due < this.#next) this.#next = due;
  }

  /** When nothing of the group is held any more. */
  remove(group: DeliveryGroup): void {
    this.#dueAt.delete(group);
    if (this.empty) this.#next = Infinity;
  }

  find(deliveryId: number): { delivery: Delivery; group: DeliveryGroup } | undefined {
    for (const group of this.#dueAt.keys()) {
      for (const delivery of group.deliveries) if (delivery.id === deliveryId) return { delivery, group };
    }
    return undefined;
  }

  /** Every delivery that is held. */
  *held(): Generator<{ delivery: Delivery; group: DeliveryGroup }> {
    for (const group of [...this.#dueAt.keys()]) {
      for (const delivery of group.deliveries) if (isHeld(delivery)) yield { delivery, group };
    }
  }

  /** What handlers have begun and not finished within TELL_BEGUN_AFTER_MS; each once. */
  takeBegun(now: number): number[] {
    if (!this.#tellsBegun || now < this.#lookAt) return [];
    const begun: number[] = [];
    let earliest = now;
    for (const group of this.#dueAt.keys()) {
      for (const delivery of group.deliveries) {
        if (delivery.told || delivery.state !== "running") continue;
        if (delivery.began + TELL_BEGUN_AFTER_MS - TOGETHER_MS <= now) {
          delivery.told = true;
          begun.push(delivery.id);
        } else if (delivery.began < earliest) {
          earliest = delivery.began;
        }
      }
    }
    this.#lookAt = Math.max(earliest + TELL_BEGUN_AFTER_MS, now + TOGETHER_MS);
    return begun;
  }

  /** What is to be extended at `now`. */
  takeDue(now: number): Extension[] {
    if (now < this.#next) return [];
    const extensions: Extension[] = [];
    this.#next = Infinity;
    for (const [group, due] of this.#dueAt) {
      let again = due;
      if (due <= now) {
        for (const delivery of group.deliveries) {
          if (isHeld(delivery) && delivery.extendMs > 0 && (!this.#tellsBegun || delivery.told)) {
            extensions.push({ deliveryId: delivery.id, leaseMs: delivery.extendMs });
          }
        }
        again = dueAt(group, now);
        this.#dueAt.set(group, again);
      }
      if (again < this.#next) this.#next = again;
    }
    return extensions;
  }

  /** When takeBegun() or takeDue() is worth a call; Infinity when nothing is held. */
  get next(): number {
    if (this.empty) return Infinity;
    return this.#tellsBegun ? Math.min(this.#next, this.#lookAt) : this.#next;
  }
}

/** Half of the group's shortest lease, of those still held; Infinity: none has one. */
function dueAt(group: DeliveryGroup, from: number): number {
  let shortest = Infinity;
  for (const delivery of group.deliveries) {
    if (isHeld(delivery) && delivery.extendMs > 0 && delivery.extendMs < shortest) shortest = delivery.extendMs;
  }
  return from + shortest / 2;
}
