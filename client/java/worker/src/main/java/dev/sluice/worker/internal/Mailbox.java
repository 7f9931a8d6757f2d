package dev.sluice.worker.internal;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Work for the thread in run(), and when it is to look at the clock next. Thread-safe, save for
 * beginRound and await.
 */
final class Mailbox {
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private List<Runnable> tasks = new ArrayList<>();
  private volatile long wakeAt = Clock.NEVER; // Written under the lock.

  void post(Runnable task) {
    lock.lock();
    try {
      tasks.add(task);
      changed.signal();
    } finally {
      lock.unlock();
    }
  }

  /** await() returns at `when` at the latest. Cheap when it will anyway: called for every frame. */
  void wakeBy(long when) {
    if (when >= wakeAt) {
      return;
    }
    lock.lock();
    try {
      if (when < wakeAt) {
        wakeAt = when;
        changed.signal();
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Forgets the earlier wakeBy calls: those from now on count for the next await(). To be called
   * before deadlines are looked at.
   */
  void beginRound() {
    lock.lock();
    wakeAt = Clock.NEVER;
    lock.unlock();
  }

  /** Returns the tasks posted since; none when the time has come. */
  List<Runnable> await(long until) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      if (until < wakeAt) {
        wakeAt = until;
      }
      while (tasks.isEmpty()) {
        long wait = wakeAt == Clock.NEVER ? Clock.NEVER : wakeAt - Clock.now();
        if (wait <= 0) {
          break;
        }
        changed.awaitNanos(Math.min(wait, 3_600 * Clock.SECOND));
      }
      List<Runnable> taken = tasks;
      tasks = new ArrayList<>();
      return taken;
    } finally {
      lock.unlock();
    }
  }
}
