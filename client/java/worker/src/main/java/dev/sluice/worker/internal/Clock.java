package dev.sluice.worker.internal;

import java.time.Duration;

/**
 * Time as the SDK's parts take it: nanoseconds since the process began, handed in as a parameter,
 * so that they are tested without waiting.
 */
final class Clock {
  static final long NEVER = Long.MAX_VALUE;
  static final long MILLI = 1_000_000;
  static final long SECOND = 1_000_000_000;

  private static final long BEGAN = System.nanoTime();

  private Clock() {}

  static long now() {
    return System.nanoTime() - BEGAN;
  }

  /** At most a day, as the options are checked. */
  static long nanos(Duration duration) {
    return duration.toNanos();
  }
}
