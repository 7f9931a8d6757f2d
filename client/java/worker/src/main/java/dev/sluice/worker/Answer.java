package dev.sluice.worker;

import java.util.List;

/** What a handler returns: a {@link Reply}, or a {@link Settlement}. Null stands for an ACK. */
public sealed interface Answer permits Reply, Settlement {
  /** An ACK with these replies, which are published in this order. */
  static Answer of(Reply... replies) {
    return new Settlement.Ack(List.of(replies));
  }

  /** An ACK with these replies, which are published in this order. */
  static Answer of(List<Reply> replies) {
    return new Settlement.Ack(replies);
  }

  /** The settlement that this stands for: for a reply, an ACK with it. */
  Settlement settlement();
}
