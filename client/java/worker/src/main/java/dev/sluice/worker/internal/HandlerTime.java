package dev.sluice.worker.internal;

/**
 * What a message takes in a handler, lately. Thread-safe; threads may overwrite each other's
 * contribution, since it is an estimate.
 */
final class HandlerTime {
  private volatile long nanos;

  /** Negative: nothing ran. */
  void add(long took) {
    if (took < 0) {
      return;
    }
    long known = nanos;
    nanos = known == 0 ? took + 1 : (known * 3 + took) / 4 + 1;
  }

  /** 0: not known yet. */
  long get() {
    return nanos;
  }
}
