import { type Address, addressText } from "./address.js";
import { monotonicMs } from "./clock.js";
import { Delivery, DeliveryGroup, type DeliveryOwner } from "./delivery.js";
import { EarlySends } from "./early-sends.js";
import { FrameDecoder, type GatewayParts } from "./frame-decoder.js";
import { MAX_FRAME_ITEMS, writeBegan, writeExtend, writeSettle } from "./frame-encoder.js";
import type { DeepPartial, Welcome, WorkerFrame } from "./generated/sluice/v1/worker.js";
import { Heartbeat } from "./heartbeat.js";
import { Holdings } from "./holdings.js";
import { LeaseKeeper } from "./lease-keeper.js";
import type { Settings } from "./options.js";
import { Outbox } from "./outbox.js";
import type { SettleTarget } from "./runner.js";
import type { ItemResult, Reply, Settlement } from "./settlement.js";
import { errorText, type Status, WorkerError } from "./status.js";
import type { StreamListener } from "./stream-listener.js";
import type { Dial, Transport } from "./transport.js";
import { MalformedError } from "./wire.js";
import { BEGAN_FEATURE, encodeFrame, helloFrame, refusalOf } from "./worker-frames.js";

// Nonces tell the Pong that answers our Drain from those of heartbeats.
const HEARTBEAT_NONCE = 1n;
const DRAIN_NONCE = 2n;
const DEFAULT_MAX_FRAME = 4 << 20; // gRPC's own, for a gateway that says none.
const REPORT_INTERVAL_MS = 1_000;
// Since its last delivery a stream counts as one that has something to do.
const ACTIVE_MS = 1_000;
// How soon after a delivery the window is looked at.
const LOOK_MS = 50;

/**
 * One stream to one gateway replica. Knows nothing of gRPC.
 *
 * ```
 *   start()             Welcome            drain(), or the gateway's Drain
 *   ──────▶ greeting ───────────▶ serving ───────────────────────────────▶ leaving
 *               │                    │                                        │ nothing held: half-close
 *               └───── cancel(), stream lost ────────▶ ended ◀────────────────┘
 * ```
 *
 * At most one write is under way. What is said meanwhile, and what is said in one turn of the event loop, gathers in
 * the outbox and leaves as one frame.
 */
export class Stream implements SettleTarget, DeliveryOwner {
  #phase: "greeting" | "serving" | "leaving" | "ended" = "greeting";
  #transport: Transport | undefined;
  #writing = false;
  #halfClosed = false;
  #noMoreDeliveries = false;
  #overWindow = false; // Nothing is read.
  readonly #decoder = new FrameDecoder();
  readonly #outbox = new Outbox(DEFAULT_MAX_FRAME);
  readonly #leases = new LeaseKeeper();
  readonly #early = new EarlySends(this.#outbox, () => this.settings.sendBufferBytes);
  readonly #holdings: Holdings;
  #delivered = -Infinity; // When the last delivery came.
  #heartbeat = new Heartbeat(0);
  #started = 0;
  #reported = -Infinity;

  constructor(
    readonly address: Address,
    private readonly settings: Settings,
    window: number,
    private readonly listener: StreamListener,
  ) {
    this.#holdings = new Holdings(settings, window);
  }

  /** Settles can reach the gateway. */
  get alive(): boolean {
    return this.#phase !== "ended";
  }

  get name(): string {
    return addressText(this.address);
  }

  /** Something was delivered lately, or is held. */
  active(now: number): boolean {
    return this.#holdings.messages > 0 || now < this.#delivered + ACTIVE_MS;
  }

  /** Once. */
  start(dial: Dial, now: number): void {
    this.#started = now;
    this.#heartbeat = new Heartbeat(now);
    dial({
      onFrame: (frame) => {
        this.#guard(() => {
          this.#onFrame(frame);
        });
      },
      onEnd: (status) => {
        this.#finish(status);
      },
    }).then(
      (transport) => {
        if (this.#phase === "ended") {
          transport.cancel();
          return;
        }
        this.#transport = transport;
        // The Welcome tells that it was taken, and nothing is written before.
        transport.write(helloFrame(this.settings, this.#holdings.window), () => undefined);
      },
      (error: unknown) => {
        const code = error instanceof WorkerError ? error.code : "INTERNAL";
        this.#finish({ code, message: errorText(error) });
      },
    );
  }

  // ---- leaving

  /** Leaves when all that is held is settled. */
  drain(): void {
    if (this.#phase === "greeting") {
      this.cancel({ code: "CANCELLED", message: "the worker shuts down" });
    } else if (this.#phase === "serving") {
      this.#phase = "leaving";
      this.#say({ drain: { reason: "the worker shuts down" } });
      this.#outbox.endFrame();
      // Its Pong is the proof that the gateway has read the Drain: no delivery follows it.
      this.#say({ ping: { nonce: DRAIN_NONCE } });
      this.flush();
    }
  }

  /** Ends at once, and tells the listener. */
  cancel(why: Status): void {
    const transport = this.#transport;
    this.#finish(why);
    transport?.cancel();
  }

  #finish(status: Status): void {
    if (this.#phase === "ended") return;
    this.#phase = "ended";
    this.#transport = undefined;
    for (const { delivery } of this.#leases.held()) delivery.lose();
    this.#outbox.clear();
    this.#early.failAll();
    this.listener.onEnded(this, status);
  }

  /** Runs what must not fail; what fails all the same ends this stream, and so is seen and mended. */
  #guard(what: () => void): void {
    try {
      what();
    } catch (error) {
      const malformed = error instanceof MalformedError;
      this.cancel({
        code: malformed ? "INVALID_ARGUMENT" : "INTERNAL",
        message: malformed ? error.message : `a fault in the worker: ${errorText(error)}`,
      });
    }
  }

  // ---- sending

  #say(frame: DeepPartial<WorkerFrame>): void {
    const bytes = encodeFrame(frame);
    this.#outbox.add((writer) => {
      writer.ensure(bytes.length);
      writer.buffer.set(bytes, writer.pos);
      writer.pos += bytes.length;
      return 0;
    });
  }

  readonly #onWritten = (): void => {
    this.#writing = false;
    this.#outbox.recycle();
    this.#guard(() => {
      this.flush();
    });
  };

  /** Sends what has gathered, if no write is under way. */
  flush(): void {
    const transport = this.#transport;
    if (transport === undefined || (this.#phase !== "serving" && this.#phase !== "leaving")) return;
    if (!this.#writing && !this.#halfClosed) {
      const frame = this.#outbox.take();
      if (frame !== undefined) {
        this.#holdings.less(frame.settled, frame.settledBytes);
        this.#heartbeat.sent(monotonicMs());
        this.#writing = true;
        transport.write(frame.bytes, this.#onWritten);
        this.#early.makeRoom();
      } else if (this.#phase === "leaving" && this.#noMoreDeliveries && this.#holdings.messages === 0) {
        this.#halfClosed = true;
        transport.halfClose();
      }
    }
    if (this.#overWindow && !this.#holdings.exceeded) {
      this.#overWindow = false;
      this.#heartbeat.heard(monotonicMs());
      transport.resume();
    }
  }

  /** The gateway is told if it is worth it. */
  setWindow(messages: number): void {
    if (this.#phase !== "serving" || !this.#holdings.resize(messages)) return;
    this.#say({ window: { messages: this.#holdings.window, bytes: BigInt(this.settings.windowBytes) } });
    this.flush();
  }

  /** For the runner. */
  settle(delivery: Delivery, group: DeliveryGroup, settlement: Settlement): void {
    delivery.state = "done";
    if (delivery.waitingSends > 0) this.#early.hurry(delivery);
    if (!this.#addSettle(delivery, settlement)) {
      const why = `the handler's replies are larger than the gateway takes (${this.#limits()})`;
      this.#reportRefused(why);
      this.#addSettle(delivery, { outcome: "reject", reason: why });
    }
    this.#release(group);
    this.listener.flushSoon(this);
  }

  #addSettle(delivery: Delivery, settlement: Settlement): boolean {
    const { id, windowBytes } = delivery;
    try {
      return this.#outbox.add((writer) => writeSettle(writer, id, settlement), 1, windowBytes);
    } catch (error) {
      // A value of a wrong type, from a handler that no compiler has checked.
      const reason = errorText(error);
      return this.#outbox.add((writer) => writeSettle(writer, id, { outcome: "retry", reason }), 1, windowBytes);
    }
  }

  #release(group: DeliveryGroup): void {
    if (--group.left === 0) this.#leases.remove(group);
  }

  #limits(): string {
    return `${String(this.#outbox.maxFrameBytes)} bytes and ${String(MAX_FRAME_ITEMS)} properties to a frame`;
  }

  /** For Delivery.send(). */
  async sendEarly(delivery: Delivery, reply: Reply): Promise<void> {
    if (delivery.state === "lost")
      throw new WorkerError("UNAVAILABLE", "nobody waits for this message's replies any more");
    if (delivery.state !== "running") throw new WorkerError("FAILED_PRECONDITION", "the message is settled");
    const sent = this.#early.send(delivery, reply, this.#limits());
    this.listener.flushSoon(this);
    return sent;
  }

  // ---- the gateway's frames

  #onFrame(frame: Buffer): void {
    if (this.#phase === "ended") return;
    const now = monotonicMs();
    this.#heartbeat.heard(now);
    const parts = this.#decoder.decode(frame);
    const greeting = this.#phase === "greeting";
    const refusal = refusalOf(parts.welcome, greeting);
    if (refusal !== undefined) {
      this.cancel(refusal);
      return;
    }
    if (parts.welcome !== undefined) {
      this.#greet(parts.welcome);
      this.listener.onConnected(this, parts.welcome);
    }
    const group = this.#hold(parts, now);
    for (const id of parts.revokes) this.#lose(id);
    this.#handleControl(parts);
    this.#handleResults(parts.results);
    if (parts.drain !== undefined) this.listener.onGatewayDrains(this, parts.drain);
    if (group !== undefined) this.listener.onDeliveries(this, group);
    if (!this.alive) return; // A callback of the user's has stopped the worker.
    if (this.#holdings.exceeded) {
      this.#overWindow = true;
      this.#transport?.pause();
    }
    this.listener.flushSoon(this);
    this.listener.wakeBy(greeting ? now : Math.min(this.#leases.next, group === undefined ? Infinity : now + LOOK_MS));
  }

  #greet(welcome: Welcome): void {
    this.#phase = "serving";
    this.#heartbeat.every(welcome.heartbeatIntervalMs);
    if (welcome.features.includes(BEGAN_FEATURE)) this.#leases.tellBegun();
    if (welcome.maxFrameBytes > 0n) this.#outbox.maxFrameBytes = Number(welcome.maxFrameBytes);
    if (welcome.maxWindow !== undefined && welcome.maxWindow.messages > 0)
      this.#holdings.grant(welcome.maxWindow.messages);
  }

  #hold(parts: GatewayParts, now: number): DeliveryGroup | undefined {
    // After the half-close nothing can be settled: these go to others.
    if (parts.deliveries.length === 0 || this.#halfClosed) return undefined;
    const deliveries = parts.deliveries.map((message, index) => {
      const bytes = parts.windowBytes[index] ?? 0;
      this.#holdings.bytes += bytes;
      return new Delivery(message, bytes, this);
    });
    const group = new DeliveryGroup(deliveries);
    this.#holdings.messages += deliveries.length;
    this.#delivered = now;
    this.#leases.add(group, now);
    return group;
  }

  #handleControl(parts: GatewayParts): void {
    if (parts.ping !== undefined) this.#say({ pong: { nonce: parts.ping } });
    if (parts.pong === DRAIN_NONCE) this.#noMoreDeliveries = true;
    if (parts.drain !== undefined) {
      this.#phase = "leaving";
      this.#noMoreDeliveries = true;
    }
  }

  #lose(deliveryId: number): void {
    const held = this.#leases.find(deliveryId);
    if (held === undefined) return;
    const { delivery, group } = held;
    if (delivery.state !== "held" && delivery.state !== "running") return;
    this.#holdings.less(1, delivery.windowBytes);
    delivery.lose();
    this.#early.fail(delivery);
    this.#release(group);
  }

  #handleResults(results: readonly ItemResult[]): void {
    const { onResult } = this.listener;
    for (const result of results) {
      if (result.code === "STALE" && result.replyId === 0) {
        this.#lose(result.deliveryId);
      } else if (result.code === "CLIPPED") {
        const held = this.#leases.find(result.deliveryId);
        if (held !== undefined) held.delivery.extendMs = 0;
        if (onResult === undefined) continue;
      }
      if (onResult !== undefined) {
        try {
          onResult(result);
        } catch (error) {
          this.#reportRefused(`onResult threw: ${errorText(error)}`);
        }
      } else if (result.replyId === 0 && result.code !== "OK") {
        this.#reportRefused(result.message === "" ? `code ${result.code}` : result.message);
      }
    }
  }

  /** Raises an event at most once a second. */
  #reportRefused(what: string): void {
    const now = monotonicMs();
    if (now - this.#reported < REPORT_INTERVAL_MS) return;
    this.#reported = now;
    this.listener.onItemRefused(this, what);
  }

  // ---- time

  /** Does what is due: extensions, heartbeat, timeouts. Returns when it wants to be called next. */
  tick(now: number): number {
    if (this.#phase === "ended") return Infinity;
    if (this.#phase === "greeting") {
      const until = this.#started + this.settings.connectTimeoutMs;
      return now < until ? until : this.#suspect(now, "no connection and Welcome in time");
    }
    this.#guard(() => {
      this.#sayWhatIsDue(now);
    });
    if (!this.alive) return Infinity;
    const silent = this.#heartbeat.silentAt(now, !this.#overWindow);
    if (now >= silent) return this.#suspect(now, "the gateway was silent for two heartbeat intervals");
    return Math.min(silent, this.#heartbeat.pingAt(now, this.#writing), this.#leases.next);
  }

  #sayWhatIsDue(now: number): void {
    if (now >= this.#heartbeat.pingAt(now, this.#writing) && this.#outbox.empty) {
      this.#say({ ping: { nonce: HEARTBEAT_NONCE } });
    }
    const begun = this.#leases.takeBegun(now);
    if (begun.length > 0) {
      this.#outbox.add((writer) => {
        writeBegan(writer, begun);
        return begun.length;
      });
    }
    for (const extension of this.#leases.takeDue(now)) {
      this.#outbox.add((writer) => {
        writeExtend(writer, extension);
        return 1;
      });
    }
    this.flush();
  }

  /** Waits a little more, or ends. Returns when it wants to be called next. */
  #suspect(now: number, why: string): number {
    const until = this.#heartbeat.suspect(now);
    if (until !== "lost") return until;
    this.cancel({ code: "DEADLINE_EXCEEDED", message: why });
    return Infinity;
  }
}
