package dev.sluice.worker;

import java.util.concurrent.CompletableFuture;

/**
 * A handler's line to the gateway while it runs. Thread-safe; of no use once the handler has
 * returned.
 */
public interface Context {
  /**
   * Publishes a reply now, ahead of the settlement; the order is kept. Waits while more than {@link
   * Options#sendBufferBytes()} are unsent.
   *
   * @throws SendException when it was not sent
   */
  void send(Reply reply);

  /**
   * True once nobody waits for the outcome: the stream has ended, or the gateway gave the message
   * to another worker. A long handler may look at it and give up; what it returns is then without
   * effect.
   */
  boolean abandoned();

  /**
   * Completes, on a thread of the common pool, once {@link #abandoned()} is true. It never
   * completes when the message is settled before.
   */
  CompletableFuture<Void> abandonment();
}
