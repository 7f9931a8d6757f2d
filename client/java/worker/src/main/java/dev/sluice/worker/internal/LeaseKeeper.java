package dev.sluice.worker.internal;

import java.util.ArrayList;
import java.util.List;

/**
 * Knows which deliveries are held, which of them handlers have begun, and when their leases are to
 * be extended: at half the lease, again and again. Costs once per frame, nothing per message. Pure;
 * not thread-safe.
 */
final class LeaseKeeper {
  private boolean tellsBegun;
  private Batch first;
  private Batch last;
  private long next = Clock.NEVER; // The earliest batch's, or earlier.

  /** `received`: when the leases began. */
  void add(Batch batch, long received) {
    batch.due = dueAt(batch, received);
    batch.before = last;
    if (last == null) {
      first = batch;
    } else {
      last.after = batch;
    }
    last = batch;
    next = Math.min(next, batch.due);
  }

  /** When the last of the batch is done. */
  void remove(Batch batch) {
    if (batch.before == null) {
      first = batch.after;
    } else {
      batch.before.after = batch.after;
    }
    if (batch.after == null) {
      last = batch.before;
    } else {
      batch.after.before = batch.before;
    }
    batch.before = null;
    batch.after = null;
    if (first == null) {
      next = Clock.NEVER;
    }
  }

  /** The gateway wants to know what has begun, and extends nothing else. */
  void tellBegun() {
    tellsBegun = true;
  }

  /** Null: it is not held. */
  Held find(long deliveryId) {
    for (Batch batch = first; batch != null; batch = batch.after) {
      for (int i = 0; i < batch.size; i++) {
        if (batch.deliveries[i].id() == deliveryId) {
          return batch.deliveries[i];
        }
      }
    }
    return null;
  }

  /** Its lease cannot be extended any further. */
  void stopExtending(long deliveryId) {
    Held held = find(deliveryId);
    if (held != null) {
      held.lease = 0;
    }
  }

  /** Ids of what handlers have begun since the last call. */
  long[] takeBegun(long now) {
    long[] begun = {};
    int count = 0;
    for (Batch batch = first; batch != null; batch = batch.after) {
      for (int i = 0; i < batch.size; i++) {
        Held held = batch.deliveries[i];
        if (held.told == Clock.NEVER && held.state() == Held.RUNNING) {
          held.told = now;
          if (count == begun.length) {
            begun = java.util.Arrays.copyOf(begun, Math.max(16, 2 * count));
          }
          begun[count++] = held.id();
        }
      }
    }
    return java.util.Arrays.copyOf(begun, count);
  }

  /**
   * Of what takeBegun() has told and is still in a handler.
   *
   * @param youngest when the last of them was told; of no meaning when there is none
   */
  record Running(int count, long youngest) {
    static final Running NONE = new Running(0, 0);

    Running plus(Running other) {
      if (count == 0) {
        return other;
      }
      return other.count == 0
          ? this
          : new Running(count + other.count, Math.max(youngest, other.youngest));
    }
  }

  Running running() {
    int count = 0;
    long youngest = 0;
    for (Batch batch = first; batch != null; batch = batch.after) {
      for (int i = 0; i < batch.size; i++) {
        Held held = batch.deliveries[i];
        if (held.told != Clock.NEVER && held.state() == Held.RUNNING) {
          youngest = count == 0 ? held.told : Math.max(youngest, held.told);
          count++;
        }
      }
    }
    return count == 0 ? Running.NONE : new Running(count, youngest);
  }

  /** All that handlers work on, or that waits for one. */
  List<Held> open() {
    List<Held> open = new ArrayList<>();
    for (Batch batch = first; batch != null; batch = batch.after) {
      for (int i = 0; i < batch.size; i++) {
        if (batch.deliveries[i].isOpen()) {
          open.add(batch.deliveries[i]);
        }
      }
    }
    return open;
  }

  boolean isEmpty() {
    return first == null;
  }

  /** What is to be extended at `now`. */
  List<Held> takeDue(long now) {
    if (now < next) {
      return List.of();
    }
    List<Held> due = new ArrayList<>();
    long earliest = Clock.NEVER;
    for (Batch batch = first; batch != null; batch = batch.after) {
      if (batch.due <= now) {
        for (int i = 0; i < batch.size; i++) {
          Held held = batch.deliveries[i];
          if (held.isOpen() && held.lease > 0 && (!tellsBegun || held.told != Clock.NEVER)) {
            due.add(held);
          }
        }
        batch.due = dueAt(batch, now);
      }
      earliest = Math.min(earliest, batch.due);
    }
    next = earliest;
    return due;
  }

  /** When takeDue is worth a call; NEVER when nothing is held. */
  long next() {
    return next;
  }

  /** Half of the batch's shortest lease, of those still held; NEVER: none has one. */
  private static long dueAt(Batch batch, long from) {
    long shortest = Clock.NEVER;
    for (int i = 0; i < batch.size; i++) {
      Held held = batch.deliveries[i];
      if (held.isOpen() && held.lease > 0) {
        shortest = Math.min(shortest, held.lease);
      }
    }
    return shortest == Clock.NEVER ? Clock.NEVER : from + shortest / 2;
  }
}
