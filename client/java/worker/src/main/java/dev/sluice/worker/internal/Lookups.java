package dev.sluice.worker.internal;

import static java.util.concurrent.TimeUnit.MILLISECONDS;

import dev.sluice.worker.Options;
import dev.sluice.worker.StatusCode;
import java.util.List;
import java.util.concurrent.CountDownLatch;

/** Looks names up again and again, on a thread of its own: a look-up may take long. */
final class Lookups implements AutoCloseable {
  /** What a look-up came to. */
  interface Listener {
    /**
     * @param found null: it failed
     * @param error why; null: it did not fail
     * @param againMillis until the next look-up
     */
    void onLookup(int target, List<Address> found, String error, long againMillis);
  }

  private final List<Target> targets;
  private final Options options;
  private final Backoff failed;
  private final Listener listener;
  private final Thread thread;
  private final CountDownLatch closed = new CountDownLatch(1);

  /**
   * Looks up every name among `targets` (not the literals) at once and then every resolveInterval;
   * sooner, after a pause of `failed`, while one of them cannot be found: who starts before the
   * gateways' name is there is not to wait for long.
   */
  Lookups(List<Target> targets, Options options, Backoff failed, Listener listener) {
    this.targets = targets;
    this.options = options;
    this.failed = failed;
    this.listener = listener;
    thread = new Thread(this::run, "sluice-resolve");
    thread.setDaemon(true);
    if (targets.stream().anyMatch(target -> !target.literal())) {
      thread.start();
    }
  }

  private void run() {
    long again = 0;
    do {
      try {
        if (closed.await(again, MILLISECONDS)) {
          return;
        }
        again = lookUpAll();
      } catch (InterruptedException interrupted) {
        // Closed; or the user's resolver has interrupted its own thread, which means nothing.
        again = 1_000;
      }
    } while (isOpen());
  }

  private boolean isOpen() {
    return closed.getCount() > 0;
  }

  private long lookUpAll() {
    long again = options.resolveInterval().toMillis();
    boolean foundAll = true;
    for (int i = 0; i < targets.size() && isOpen(); i++) {
      if (targets.get(i).literal()) {
        continue;
      }
      List<Address> found = null;
      String error = null;
      try {
        found = Addresses.resolve(targets.get(i), options.resolver(), options.family());
      } catch (Throwable failure) {
        error = failure.getMessage() == null ? failure.toString() : failure.getMessage();
        if (foundAll) {
          foundAll = false;
          again = Math.min(again, failed.next(StatusCode.NOT_FOUND));
        }
      }
      if (isOpen()) {
        listener.onLookup(i, found, error, again);
      }
    }
    if (foundAll) {
      failed.reset();
    }
    return again;
  }

  /** Does not wait for a look-up that is not answered yet. */
  @Override
  public void close() {
    closed.countDown();
    thread.interrupt(); // The user's resolver, if it is at work.
  }
}
