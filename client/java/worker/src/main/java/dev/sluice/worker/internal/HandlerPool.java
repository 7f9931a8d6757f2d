package dev.sluice.worker.internal;

import dev.sluice.worker.Handler;
import dev.sluice.worker.Status;
import dev.sluice.worker.StatusCode;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongConsumer;

/**
 * The bounded threads on which handlers run.
 *
 * <p>A wake-up costs more than many a handler, so no more threads are woken than the work is worth
 * by the handlers' recent durations. If that guess was wrong because a handler waits for once,
 * nudge() wakes another within a millisecond.
 *
 * <p>Thread-safe. What waits here is bounded by the windows of the streams it comes from.
 */
final class HandlerPool implements AutoCloseable {
  // Work that takes less than a few wake-ups is better done by one thread than by two.
  private static final long WORTH_A_THREAD = 50_000;
  // Below, what threads do about a message costs more than the handler, and they only get in each
  // other's way.
  private static final long CHEAP = 5_000;
  private static final long PATIENCE = Clock.MILLI;
  private static final long SLOW = 100_000;

  private final Handler handler;
  private final LongAdder settled;
  private final LongConsumer wakeBy;
  private final HandlerTime time;
  private final List<Thread> threads = new ArrayList<>(); // Constant after construction.

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition work = lock.newCondition();
  // Guarded by the lock.
  private final ArrayDeque<Batch> queue = new ArrayDeque<>(); // Oldest first.
  private long frontSince; // When the first of the queue became so.
  private int queued; // Messages in the queue, at most: some are claimed already.
  private int idle;
  private boolean stopping;

  // What a handler takes, by samples. Assumed to be slow until known.
  private volatile long handlerNanos = SLOW;

  /** `wakeBy` asks for a nudge() then; called often, from any thread. */
  HandlerPool(
      int count,
      ThreadFactory factory,
      Handler handler,
      LongAdder settled,
      LongConsumer wakeBy,
      HandlerTime time) {
    this.handler = handler;
    this.settled = settled;
    this.wakeBy = wakeBy;
    this.time = time;
    for (int i = 0; i < count; i++) {
      Thread thread = factory.newThread(this::work);
      if (thread == null) {
        close();
        throw new IllegalStateException("the thread factory made no thread");
      }
      threads.add(thread);
    }
    threads.forEach(Thread::start);
  }

  /** How many threads the queued work keeps busy for long enough. */
  private int wanted() {
    long nanos = handlerNanos;
    if (nanos < CHEAP) {
      return 1;
    }
    return nanos >= WORTH_A_THREAD
        ? threads.size()
        : (int) Math.min(threads.size(), 1 + queued * nanos / WORTH_A_THREAD);
  }

  void submit(Batch batch) {
    long now = Clock.now();
    boolean wakeMore;
    lock.lock();
    try {
      if (queue.isEmpty()) {
        frontSince = now;
      }
      queue.add(batch);
      queued += batch.size;
      int busy = threads.size() - idle;
      int wanted = wanted();
      int useful = Math.min(idle, batch.size);
      // Where handlers are slow, those that are busy will not come to this batch soon.
      int missing = wanted == threads.size() ? useful : Math.max(0, wanted - busy);
      int wake = Math.min(missing, useful);
      for (int i = 0; i < wake; i++) {
        work.signal();
      }
      wakeMore = wake < useful;
    } finally {
      lock.unlock();
    }
    if (wakeMore) {
      wakeBy.accept(now + PATIENCE);
    }
  }

  /** Wakes a thread if work has waited too long while threads are idle. When to call it again. */
  long nudge(long now) {
    lock.lock();
    try {
      if (queue.isEmpty() || idle == 0) {
        return Clock.NEVER;
      }
      if (now < frontSince + PATIENCE) {
        return frontSince + PATIENCE;
      }
      handlerNanos = WORTH_A_THREAD;
      work.signal();
    } finally {
      lock.unlock();
    }
    return now + PATIENCE;
  }

  private void work() {
    BatchRunner runner = new BatchRunner(handler, settled, false);
    Batch batch = null;
    while (true) {
      batch = next(batch);
      if (batch == null) {
        return;
      }
      try {
        runner.run(batch, time.get());
      } catch (Throwable failure) {
        // Not the handler's, whose failures are settled. The stream would wait for this batch.
        batch.stream.cancel(new Status(StatusCode.INTERNAL, "the SDK failed: " + failure));
        runner = new BatchRunner(handler, settled, false);
      }
      time.add(runner.meanNanos);
      if (runner.sampleNanos >= 0) {
        handlerNanos = (handlerNanos * 3 + Math.min(runner.sampleNanos, SLOW)) / 4;
      }
    }
  }

  /** `done`: the batch of which nothing is left to claim. Null: the pool ends. */
  private Batch next(Batch done) {
    lock.lock();
    try {
      if (done != null && queue.peek() == done) {
        queue.remove();
        queued -= done.size;
        frontSince = Clock.now();
      }
      while (true) {
        if (!queue.isEmpty()) {
          int others = threads.size() - idle - 1;
          if (stopping || others < wanted()) {
            return queue.peek();
          }
          wakeBy.accept(frontSince + PATIENCE); // In case that the others do not come to it.
        } else if (stopping) {
          return null;
        }
        idle++;
        work.awaitUninterruptibly();
        idle--;
      }
    } finally {
      lock.unlock();
    }
  }

  /** Waits for running handlers. Batches of streams that have ended are passed over. */
  @Override
  public void close() {
    lock.lock();
    try {
      stopping = true;
      work.signalAll();
    } finally {
      lock.unlock();
    }
    boolean interrupted = false;
    for (Thread thread : threads) {
      while (true) {
        try {
          thread.join();
          break;
        } catch (InterruptedException again) {
          interrupted = true;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
