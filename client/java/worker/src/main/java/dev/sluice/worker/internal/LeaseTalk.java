package dev.sluice.worker.internal;

import java.util.List;

/**
 * What a stream says of leases: what handlers have begun, and extensions. Pure; not thread-safe.
 */
final class LeaseTalk {
  // Handlers that take less are never told of: their settle says it. So a message costs no frame
  // more, and one that takes longer shares one with all others of its kind.
  static final long TELL_BEGUN_EVERY = 50 * Clock.MILLI;

  // Encoded, at most, with what is around them.
  private static final int BEGAN_BYTES = 10;
  private static final int EXTEND_BYTES = 20;
  private static final int MOST_TO_A_CHUNK = 1_000;

  final LeaseKeeper leases = new LeaseKeeper();
  private boolean tellsBegun;
  private long looked; // For what has begun.

  /** The gateway has the feature. */
  void tellBegun() {
    tellsBegun = true;
    leases.tellBegun();
  }

  void add(Batch batch, long now) {
    // A handler of what comes now is not looked at before it could be worth it.
    if (leases.isEmpty()) {
      looked = now;
    }
    leases.add(batch, now);
  }

  /** When say() is worth a call. */
  long next() {
    boolean looks = tellsBegun && !leases.isEmpty();
    return Math.min(leases.next(), looks ? looked + TELL_BEGUN_EVERY : Clock.NEVER);
  }

  /** Puts what is due into the outbox, in chunks that fit into `maxFrame`. */
  void say(long now, Outbox outbox, int maxFrame) {
    if (tellsBegun && !leases.isEmpty() && now >= looked + TELL_BEGUN_EVERY) {
      looked = now;
      long[] begun = leases.takeBegun(now);
      int most = most(maxFrame, BEGAN_BYTES);
      for (int from = 0; from < begun.length; from += most) {
        int to = Math.min(begun.length, from + most);
        Chunk chunk = new Chunk();
        FrameEncoder.began(begun, from, to, chunk.buffer);
        chunk.items = to - from;
        outbox.append(chunk);
      }
    }
    List<Held> due = leases.takeDue(now);
    int most = most(maxFrame, EXTEND_BYTES);
    for (int from = 0; from < due.size(); from += most) {
      int to = Math.min(due.size(), from + most);
      Chunk chunk = new Chunk();
      for (Held held : due.subList(from, to)) {
        FrameEncoder.extend(held.id(), held.lease / Clock.MILLI, chunk.buffer);
      }
      chunk.items = to - from;
      outbox.append(chunk);
    }
  }

  private static int most(int maxFrame, int bytes) {
    return Math.max(1, Math.min(MOST_TO_A_CHUNK, maxFrame / bytes - 1));
  }
}
