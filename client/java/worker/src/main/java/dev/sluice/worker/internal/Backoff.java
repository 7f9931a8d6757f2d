package dev.sluice.worker.internal;

import dev.sluice.worker.StatusCode;
import java.util.function.LongBinaryOperator;

/** How long to wait before a connection is tried again. Not thread-safe. */
final class Backoff {
  private static final int MAX_DOUBLINGS = 20;

  private final long first;
  private final long longest;
  private final LongBinaryOperator random;
  private int failures;

  /** Milliseconds. `random` gives a number from the first argument to the second, both included. */
  Backoff(long first, long longest, LongBinaryOperator random) {
    this.first = first;
    this.longest = longest;
    this.random = random;
  }

  /** Codes that will not go away by themselves (worker.proto, "The life of a stream"). */
  static boolean isFatal(StatusCode code) {
    return switch (code) {
      case INVALID_ARGUMENT,
          UNAUTHENTICATED,
          PERMISSION_DENIED,
          FAILED_PRECONDITION,
          UNIMPLEMENTED ->
          true;
      default -> false;
    };
  }

  /**
   * Milliseconds until the next attempt: a random half … whole of a pause that doubles with each
   * failure; with a fatal code, of the longest.
   */
  long next(StatusCode code) {
    long whole = longest;
    if (!isFatal(code)) {
      whole = Math.min(longest, first << Math.min(failures, MAX_DOUBLINGS));
      failures++;
    }
    return random.applyAsLong(whole / 2, whole);
  }

  /** After a stream that has served for a while. */
  void reset() {
    failures = 0;
  }
}
