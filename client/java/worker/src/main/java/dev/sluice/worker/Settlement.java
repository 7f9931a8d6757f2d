package dev.sluice.worker;

import java.time.Duration;
import java.util.List;
import java.util.Objects;

/** An outcome with the replies that are published when, and only if, the gateway accepts it. */
public sealed interface Settlement extends Answer {
  /** What becomes of the message. */
  Outcome outcome();

  /** For people and dead letters; the first 1,024 bytes of its UTF-8 are kept. */
  String reason();

  /** Published in this order. Not with a RETRY: the next attempt brings its own. */
  List<Reply> replies();

  /** The same with these replies. */
  Settlement withReplies(List<Reply> replies);

  @Override
  default Settlement settlement() {
    return this;
  }

  /**
   * Done.
   *
   * @param replies what is published
   */
  record Ack(List<Reply> replies) implements Settlement {
    /** Copies the list. */
    public Ack {
      replies = List.copyOf(replies);
    }

    @Override
    public Outcome outcome() {
      return Outcome.ACK;
    }

    @Override
    public String reason() {
      return "";
    }

    @Override
    public Settlement withReplies(List<Reply> others) {
      return new Ack(others);
    }
  }

  /**
   * Again later, here or on another worker.
   *
   * @param reason for people and dead letters
   * @param after not before this has passed; zero leaves the pause to the gateway. At most an hour
   * @param replies not published
   */
  record Retry(String reason, Duration after, List<Reply> replies) implements Settlement {
    /** No argument may be null; copies the list. */
    public Retry {
      Objects.requireNonNull(reason, "reason");
      Objects.requireNonNull(after, "after");
      replies = List.copyOf(replies);
    }

    @Override
    public Outcome outcome() {
      return Outcome.RETRY;
    }

    @Override
    public Settlement withReplies(List<Reply> others) {
      return new Retry(reason, after, others);
    }
  }

  /**
   * Never again: to the dead letters.
   *
   * @param reason for people and dead letters
   * @param replies what is published
   */
  record Reject(String reason, List<Reply> replies) implements Settlement {
    /** No argument may be null; copies the list. */
    public Reject {
      Objects.requireNonNull(reason, "reason");
      replies = List.copyOf(replies);
    }

    @Override
    public Outcome outcome() {
      return Outcome.REJECT;
    }

    @Override
    public Settlement withReplies(List<Reply> others) {
      return new Reject(reason, others);
    }
  }

  /**
   * Done, on purpose without effect.
   *
   * @param reason for people
   * @param replies what is published
   */
  record Drop(String reason, List<Reply> replies) implements Settlement {
    /** No argument may be null; copies the list. */
    public Drop {
      Objects.requireNonNull(reason, "reason");
      replies = List.copyOf(replies);
    }

    @Override
    public Outcome outcome() {
      return Outcome.DROP;
    }

    @Override
    public Settlement withReplies(List<Reply> others) {
      return new Drop(reason, others);
    }
  }

  /** Done, with these replies. */
  static Settlement ack(Reply... replies) {
    return new Ack(List.of(replies));
  }

  /** Again, when the gateway's back-off for this attempt has passed. */
  static Settlement retry(String reason) {
    return new Retry(reason, Duration.ZERO, List.of());
  }

  /** Again, when {@code after} has passed; at most an hour. */
  static Settlement retry(String reason, Duration after) {
    return new Retry(reason, after, List.of());
  }

  /** Never again: to the dead letters. */
  static Settlement reject(String reason) {
    return new Reject(reason, List.of());
  }

  /** Done, on purpose without effect. */
  static Settlement drop() {
    return new Drop("", List.of());
  }

  /** Done, on purpose without effect. */
  static Settlement drop(String reason) {
    return new Drop(reason, List.of());
  }
}
