package dev.sluice.worker.internal;

/** Encoded fields of a WorkerFrame, and what sending them frees. Not thread-safe. */
final class Chunk {
  WireBuffer buffer;
  int settled; // Deliveries settled in it.
  long settledBytes; // Their window bytes.
  int items; // As FrameEncoder counts them; no more than its MAX_FRAME_ITEMS.
  boolean endsFrame; // What comes later must be in a later frame.

  Chunk() {
    this(0);
  }

  Chunk(int capacity) {
    buffer = new WireBuffer(capacity);
  }

  void clear() {
    buffer.clear();
    settled = 0;
    settledBytes = 0;
    items = 0;
    endsFrame = false;
  }

  /** Behind what it holds. */
  void append(Chunk other) {
    buffer.append(other.buffer);
    settled += other.settled;
    settledBytes += other.settledBytes;
    items += other.items;
    endsFrame = other.endsFrame;
  }

  /** The content of `other`, which is empty then, in place of its own. */
  void swap(Chunk other) {
    WireBuffer own = buffer;
    buffer = other.buffer;
    settled = other.settled;
    settledBytes = other.settledBytes;
    items = other.items;
    endsFrame = other.endsFrame;
    other.buffer = own;
    other.clear();
  }
}
