package dev.sluice.worker.internal;

/**
 * How many messages a stream should hold when the user has not said.
 *
 * <p>What waits in a worker is out of the reach of others. So there is no more of it than the
 * handlers get through in 100 ms, and where one message takes longer than that, none: a worker that
 * joins then finds its share with the gateway.
 */
final class AutoWindow {
  static final long LONGEST_WAIT = 100 * Clock.MILLI;
  static final int MOST = 1_000;

  private AutoWindow() {}

  /**
   * For one stream of `streams` that have something to do. `handlerNanos`: what one message takes;
   * 0: not known yet, and then it may be long.
   */
  static int forStream(int threads, long handlerNanos, int streams) {
    long total = threads;
    if (handlerNanos > 0) {
      total += threads * Math.min(LONGEST_WAIT / handlerNanos, MOST);
    }
    long sharers = Math.max(streams, 1);
    return (int) Math.min(Math.max((total + sharers - 1) / sharers, 1), MOST);
  }

  /** Small changes are not worth a message of their own. */
  static boolean worthTelling(int told, int wanted) {
    int change = Math.abs(told - wanted);
    return change > 0 && change >= told / 4;
  }
}
