import { type Address, addressKey, compareAddresses, parseTarget, type Target } from "./address.js";
import { autoWindow } from "./auto-window.js";
import { Backoff } from "./backoff.js";
import { monotonicMs } from "./clock.js";
import type { DeliveryGroup } from "./delivery.js";
import type { EventKind } from "./events.js";
import type { Drain, Welcome } from "./generated/sluice/v1/worker.js";
import { compose, type Handler } from "./handler.js";
import type { Settings } from "./options.js";
import { type Lookup, Resolver } from "./resolver.js";
import { Runner } from "./runner.js";
import type { ItemResult } from "./settlement.js";
import { errorText, OK, type Status, type StatusCode, statusText } from "./status.js";
import { Stream } from "./stream.js";
import type { StreamListener } from "./stream-listener.js";
import { type Dial, dialer } from "./transport.js";

// A stream that has served this long was no failure: the next pause starts from the first again.
const STEADY_MS = 1_000;

/** What a worker has done. */
export interface Stats {
  /** Connected now. */
  readonly streams: number;
  /** Deliveries, since the worker was made. */
  readonly received: number;
  /** Handlers that came to an end, whatever their outcome. */
  readonly settled: number;
}

/** One replica. */
interface Link {
  readonly address: Address;
  readonly backoff: Backoff;
  /** None between attempts. A stream that leaves on its gateway's wish is not here. */
  stream: Stream | undefined;
  /** When there is no stream. */
  dialAt: number;
  /** False: its name no longer gives it; not dialled again. */
  wanted: boolean;
}

export type MakeDial = (address: Address, settings: Settings) => Dial;

/** Every stream of a worker, what they share, and when they are made anew. */
export class Fleet implements StreamListener {
  readonly onResult: ((result: ItemResult) => void) | undefined;
  readonly #runner: Runner;
  readonly #targets: readonly Target[];
  readonly #found: (readonly Address[])[];
  readonly #lookupErrors: (string | undefined)[]; // As last reported.
  readonly #resolver: Resolver;
  readonly #links = new Map<string, Link>();
  readonly #streams = new Set<Stream>(); // All that have not ended.
  readonly #connected = new Map<Stream, number>(); // Since when; those that had a Welcome.
  readonly #toFlush = new Set<Stream>();
  #turnEndScheduled = false;
  #timer: NodeJS.Timeout | undefined;
  #wakeAt = Infinity;
  #received = 0;
  #leaving = false;
  #leaveBy = Infinity;
  #result: Status = OK;
  #ended: ((result: Status) => void) | undefined;

  constructor(
    private readonly settings: Settings,
    handler: Handler,
    private readonly makeDial: MakeDial = dialer,
  ) {
    this.onResult = settings.onResult;
    this.#runner = new Runner(compose(settings.middleware, handler), settings.concurrency, () => {
      this.#scheduleTurnEnd();
    });
    this.#targets = settings.gateways.map(parseTarget);
    this.#found = this.#targets.map(() => []);
    this.#lookupErrors = this.#targets.map(() => undefined);
    this.#resolver = new Resolver(this.#targets, settings, this.#backoff(), (index, lookup, againMs) => {
      this.#onLookup(index, lookup, againMs);
    });
  }

  get stats(): Stats {
    return { streams: this.#connected.size, received: this.#received, settled: this.#runner.settled };
  }

  /** Resolves, and never rejects, when all streams have ended after leave() or stop(). */
  run(): Promise<Status> {
    return new Promise((resolve) => {
      this.#ended = resolve;
      // It also keeps the process alive while nothing is connected.
      this.wakeBy(monotonicMs());
      if (!this.#leaving) this.#resolver.start();
    });
  }

  leave(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#leaveBy = monotonicMs() + this.settings.drainTimeoutMs;
    this.#resolver.stop();
    if (this.#connected.size > 0) this.#raise("draining", "", OK, "draining: what is in work is finished first");
    for (const stream of [...this.#streams]) stream.drain();
    this.wakeBy(monotonicMs());
  }

  stop(): void {
    this.#leaving = true;
    this.#leaveBy = Infinity;
    this.#resolver.stop();
    if (this.#result.code === "OK") this.#result = { code: "CANCELLED", message: "stopped" };
    this.#endStreams(this.#result);
    this.wakeBy(monotonicMs());
  }

  #endStreams(why: Status): void {
    for (const stream of [...this.#streams]) stream.cancel(why);
  }

  #backoff(): Backoff {
    return new Backoff(this.settings.reconnectFirstMs, this.settings.reconnectLongestMs);
  }

  // ---- time

  wakeBy(when: number): void {
    if (when >= this.#wakeAt || this.#ended === undefined) return;
    this.#wakeAt = when;
    clearTimeout(this.#timer);
    const pause = Math.min(Math.max(Math.ceil(when - monotonicMs()), 0), 2 ** 31 - 1);
    this.#timer = setTimeout(() => {
      this.#wakeAt = Infinity;
      this.#round(monotonicMs());
    }, pause);
  }

  /** Dials and ticks what is due. */
  #round(now: number): void {
    let next = Infinity;
    if (this.#leaving) {
      if (now >= this.#leaveBy) {
        this.#leaveBy = Infinity;
        this.#result = {
          code: "DEADLINE_EXCEEDED",
          message: "not everything in work was settled within the drain timeout",
        };
        this.#endStreams(this.#result);
      }
      next = this.#leaveBy;
    } else {
      for (const link of this.#links.values()) {
        if (link.stream === undefined && now >= link.dialAt) this.#dial(link, now);
        if (link.stream === undefined) next = Math.min(next, link.dialAt);
      }
    }
    for (const stream of [...this.#streams]) next = Math.min(next, stream.tick(now));
    if (this.settings.windowMessages === "auto") {
      const window = this.#autoWindow(now);
      for (const stream of [...this.#streams]) stream.setWindow(window);
    }
    if (this.#leaving && this.#streams.size === 0) {
      clearTimeout(this.#timer);
      this.#ended?.(this.#result);
      this.#ended = undefined;
      return;
    }
    // A timer is what keeps a process alive that waits for a look-up.
    this.wakeBy(Math.min(next, now + 3_600_000));
  }

  #autoWindow(now: number): number {
    let active = 0;
    for (const stream of this.#streams) if (stream.active(now)) ++active;
    return autoWindow(this.settings.concurrency, this.#runner.handlerMs(now), active);
  }

  // ---- turns of the event loop

  flushSoon(stream: Stream): void {
    this.#toFlush.add(stream);
    this.#scheduleTurnEnd();
  }

  /** All that handlers settle in one turn of the event loop leaves together. */
  #scheduleTurnEnd(): void {
    if (this.#turnEndScheduled) return;
    this.#turnEndScheduled = true;
    setImmediate(() => {
      this.#turnEndScheduled = false;
      const streams = [...this.#toFlush];
      this.#toFlush.clear();
      for (const stream of streams) stream.flush();
      this.#runner.endTurn();
    });
  }

  // ---- connections

  #dial(link: Link, now: number): void {
    const window = this.settings.windowMessages === "auto" ? this.#autoWindow(now) : this.settings.windowMessages;
    const stream = new Stream(link.address, this.settings, window, this);
    link.stream = stream;
    this.#streams.add(stream);
    stream.start(this.makeDial(link.address, this.settings), now);
  }

  #pause(link: Link, code: StatusCode): number {
    const pause = link.backoff.next(code);
    link.dialAt = monotonicMs() + pause;
    this.wakeBy(link.dialAt);
    return pause;
  }

  #linkOf(stream: Stream): Link | undefined {
    const link = this.#links.get(addressKey(stream.address));
    return link?.stream === stream ? link : undefined;
  }

  onConnected(stream: Stream, welcome: Welcome): void {
    this.#connected.set(stream, monotonicMs());
    const chains = welcome.acceptedChains.map(({ chain }) => chain).join(", ");
    const session = `(session ${welcome.sessionId})`;
    this.#raise(
      "connected",
      stream.name,
      OK,
      `connected to gateway ${welcome.gateway} at ${stream.name} ${session}, serving ${chains}`,
    );
    for (const { chain, reason } of welcome.refusedChains) {
      this.#raise(
        "chainRefused",
        stream.name,
        OK,
        `gateway ${stream.name} delivers nothing from chain ${chain}: ${reason}`,
      );
    }
  }

  onGatewayDrains(stream: Stream, drain: Drain): void {
    const reason = drain.reason === "" ? "" : `: ${drain.reason}`;
    this.#raise("draining", stream.name, OK, `gateway ${stream.name} drains${reason}`);
    const link = this.#linkOf(stream);
    if (link === undefined || this.#leaving) return;
    // The next stream does not wait for this one's last handlers.
    link.stream = undefined;
    link.dialAt = monotonicMs();
    // Taking leave is no failure. Of one that hardly came, the next waits a little all the same.
    link.backoff.reset();
    const since = this.#connected.get(stream);
    if (since === undefined || link.dialAt - since < STEADY_MS) this.#pause(link, "UNAVAILABLE");
    if (!link.wanted) this.#links.delete(addressKey(link.address));
    this.wakeBy(link.dialAt);
  }

  onItemRefused(stream: Stream, what: string): void {
    this.#raise("itemRefused", stream.name, OK, `stream to ${stream.name}: ${what}`);
  }

  onEnded(stream: Stream, status: Status): void {
    const { name } = stream;
    const since = this.#connected.get(stream);
    const connected = since !== undefined;
    this.#connected.delete(stream);
    this.#streams.delete(stream);
    this.#toFlush.delete(stream);
    const link = this.#linkOf(stream);
    let retryInMs: number | undefined;
    if (link !== undefined) {
      link.stream = undefined;
      if (this.#leaving || !link.wanted) {
        this.#links.delete(addressKey(link.address));
      } else {
        if (connected && monotonicMs() - since >= STEADY_MS) link.backoff.reset();
        retryInMs = this.#pause(link, status.code);
      }
    }
    const text = connected ? `the stream ended to ${name}` : `no stream to ${name}`;
    this.#raise(connected ? "disconnected" : "connectFailed", name, status, text, retryInMs);
    this.wakeBy(monotonicMs());
  }

  onDeliveries(stream: Stream, group: DeliveryGroup): void {
    this.#received += group.deliveries.length;
    this.#runner.submit(stream, group);
  }

  // ---- what names stand for

  #onLookup(index: number, lookup: Lookup, againMs: number): void {
    const host = this.#targets[index]?.host ?? "";
    if (lookup.error !== undefined) {
      // Said once until it changes: it is tried again every few seconds.
      if (this.#lookupErrors[index] === lookup.error) return;
      this.#lookupErrors[index] = lookup.error;
      this.#raise(
        "resolveFailed",
        host,
        { code: "NOT_FOUND", message: lookup.error },
        `cannot look up ${host}`,
        againMs,
      );
      return;
    }
    this.#lookupErrors[index] = undefined;
    const before = this.#found.flat();
    this.#found[index] = lookup.addresses;
    const { added, gone } = compareAddresses(before, this.#found.flat());
    const now = monotonicMs();
    for (const address of added) {
      const known = this.#links.get(addressKey(address));
      if (known !== undefined) known.wanted = true;
      else
        this.#links.set(addressKey(address), {
          address,
          backoff: this.#backoff(),
          stream: undefined,
          dialAt: now,
          wanted: true,
        });
    }
    for (const address of gone) {
      const link = this.#links.get(addressKey(address));
      if (link === undefined) continue;
      // A stream that still works is left alone: its gateway drains it when it goes.
      link.wanted = false;
      if (link.stream === undefined) this.#links.delete(addressKey(address));
    }
    this.wakeBy(now);
  }

  // ---- events

  #raise(kind: EventKind, address: string, status: Status, text: string, retryInMs?: number): void {
    let line = text;
    if (status.code !== "OK") line += `: ${statusText(status)}`;
    if (retryInMs !== undefined) line += `; trying again in ${String(retryInMs)} ms`;
    try {
      this.settings.onEvent({ kind, address, status, retryInMs, text: line });
    } catch (error) {
      console.error(`sluice: onEvent threw: ${errorText(error)} (at: ${line})`);
    }
  }
}
