package dev.sluice.worker.internal;

/**
 * When a stream must say something, and when the other side has been silent for too long. Pure; not
 * thread-safe.
 */
final class Heartbeat {
  private static final long LOWEST = 1_000;
  private static final long HIGHEST = 3_600_000;

  private long interval;
  private long sent; // The last frame.
  private long heard; // The last frame received, or since when we read again.

  void start(long now) {
    sent = now;
    heard = now;
  }

  void every(long millis) {
    interval = Math.min(Math.max(millis, LOWEST), HIGHEST) * Clock.MILLI;
  }

  void sent(long now) {
    sent = now;
  }

  void heard(long now) {
    heard = now;
  }

  boolean pingIsDue(long now) {
    return now >= sent + interval / 2;
  }

  /** When to think of a Ping again. `waiting`: something is about to be sent anyway. */
  long nextPing(long now, boolean waiting) {
    return (waiting ? now : sent) + interval / 2;
  }

  /**
   * When the other side counts as gone. While nothing is read it cannot be heard, and is not to
   * blame.
   */
  long silentAt(long now, boolean reading) {
    return reading ? heard + 2 * interval : now + interval;
  }
}
