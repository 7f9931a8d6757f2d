package dev.sluice.worker;

/**
 * Answers messages. Called by as many threads as {@link Options#concurrency()} at once (with 0: by
 * one thread for each stream), so what it shares it must guard.
 */
@FunctionalInterface
public interface Handler {
  /**
   * Works on one message.
   *
   * @return a {@link Reply} (an ACK with it), a {@link Settlement}, or null, which is an ACK
   * @throws SettlementException counts as if its settlement were returned
   * @throws Exception anything else is a RETRY with the exception's text as the reason
   */
  Answer handle(Message message, Context context) throws Exception;

  /** A handler that has nothing to answer: when it returns, the message is acknowledged. */
  static Handler consuming(Consumer consumer) {
    return (message, context) -> {
      consumer.accept(message, context);
      return null;
    };
  }

  /** What {@link #consuming} takes. */
  @FunctionalInterface
  interface Consumer {
    /** Works on one message; what it throws counts as with a handler. */
    void accept(Message message, Context context) throws Exception;
  }
}
