// What a stream has to say and cannot send yet: while one write is under way the next frame gathers here.
import { MAX_FRAME_ITEMS } from "./frame-encoder.js";
import { Writer } from "./wire.js";

// A frame larger than this gains nothing, and keeps the gateway waiting for its first settle.
const FRAME_BYTES = 1 << 20;
const FIRST_BYTES = 16 << 10;

/** What one write carries. */
export interface OutgoingFrame {
  readonly bytes: Buffer;
  /** Deliveries settled in it, and what the window counts of them. */
  readonly settled: number;
  readonly settledBytes: number;
}

class Gathering {
  items = 0;
  settled = 0;
  settledBytes = 0;

  constructor(readonly writer: Writer) {}
}

/** Keeps the order. Pure. */
export class Outbox {
  readonly #closed: Gathering[] = []; // Full frames, oldest first.
  #open: Gathering | undefined;
  #size = 0;
  #spare: Writer | undefined;
  #maxFrameBytes: number;

  /** `maxFrameBytes`: what the gateway takes. */
  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  set maxFrameBytes(bytes: number) {
    this.#maxFrameBytes = bytes;
  }

  get maxFrameBytes(): number {
    return this.#maxFrameBytes;
  }

  get empty(): boolean {
    return this.#size === 0;
  }

  /** Encoded bytes waiting. */
  get size(): number {
    return this.#size;
  }

  /**
   * Adds what `write` writes, undivided; it returns how many items that is. False, and nothing is added: it is larger
   * than a frame may be. So, too, when `write` throws.
   */
  add(write: (writer: Writer) => number, settled = 0, settledBytes = 0): boolean {
    let open = this.#gathering();
    const { writer } = open;
    const before = writer.pos;
    let items: number;
    try {
      items = write(writer);
    } catch (error) {
      writer.pos = before;
      throw error;
    }
    const added = writer.pos - before;
    if (added > this.#maxFrameBytes || items > MAX_FRAME_ITEMS) {
      writer.pos = before;
      return false;
    }
    if (before > 0) {
      const limit = Math.min(FRAME_BYTES, this.#maxFrameBytes);
      if (writer.pos > limit || open.items + items > MAX_FRAME_ITEMS) open = this.#moveToNext(open, before);
    }
    open.items += items;
    open.settled += settled;
    open.settledBytes += settledBytes;
    this.#size += added;
    return true;
  }

  /** What comes later is in a later frame. */
  endFrame(): void {
    if (this.#open === undefined) return;
    this.#closed.push(this.#open);
    this.#open = undefined;
  }

  /** The next frame; undefined: there is nothing to say. Hand its bytes back by `recycle` once they are written. */
  take(): OutgoingFrame | undefined {
    let frame = this.#closed.shift();
    if (frame === undefined) {
      if (this.#size === 0) return undefined;
      frame = this.#open;
      this.#open = undefined;
    }
    if (frame === undefined) return undefined;
    const { writer } = frame;
    this.#size -= writer.pos;
    this.#written = writer;
    return { bytes: writer.buffer.subarray(0, writer.pos), settled: frame.settled, settledBytes: frame.settledBytes };
  }

  #written: Writer | undefined;

  /** The frame taken last is written: its memory may be used again. */
  recycle(): void {
    const writer = this.#written;
    this.#written = undefined;
    if (writer === undefined || writer.buffer.length > 2 * FRAME_BYTES) return;
    writer.pos = 0;
    this.#spare = writer;
  }

  clear(): void {
    this.#closed.length = 0;
    this.#open = undefined;
    this.#size = 0;
  }

  #gathering(): Gathering {
    if (this.#open === undefined) {
      this.#open = new Gathering(this.#spare ?? new Writer(FIRST_BYTES));
      this.#spare = undefined;
    }
    return this.#open;
  }

  #moveToNext(full: Gathering, from: number): Gathering {
    const added = full.writer.pos - from;
    const next = new Gathering(new Writer(Math.max(FIRST_BYTES, added)));
    full.writer.buffer.copy(next.writer.buffer, 0, from, full.writer.pos);
    next.writer.pos = added;
    full.writer.pos = from;
    this.#closed.push(full);
    this.#open = next;
    return next;
  }
}
