package dev.sluice.worker.internal;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * The deliveries of one frame on their way through the handlers. Shared by the threads that work on
 * it, each of which claims one at a time.
 */
final class Batch {
  final Stream stream; // Takes the settles.
  final Held[] deliveries;
  final int size; // Of the array, those that are there.
  private final AtomicInteger next = new AtomicInteger(); // May pass the end.
  private final AtomicInteger left;

  // The keeper's: when a lease is to be extended, and the list that the batch is in.
  long due = Clock.NEVER;
  Batch before;
  Batch after;

  Batch(Stream stream, Held[] deliveries, int size) {
    this.stream = stream;
    this.deliveries = deliveries;
    this.size = size;
    this.left = new AtomicInteger(size);
    for (int i = 0; i < size; i++) {
      deliveries[i].batch = this;
    }
  }

  /** The next that nobody has claimed; null: there is none. */
  Held claim() {
    int index = next.getAndIncrement();
    return index < size ? deliveries[index] : null;
  }

  /** Not yet claimed, at most. */
  int unclaimed() {
    return Math.max(0, size - next.get());
  }

  /** True for the last one. */
  boolean finishOne() {
    return left.decrementAndGet() == 0;
  }
}
