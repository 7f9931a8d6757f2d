package dev.sluice.worker.internal;

import dev.sluice.worker.ItemResult;
import dev.sluice.worker.Status;

/**
 * Whom a stream serves and tells. Called without the stream's lock, from any thread; must not
 * block, save for onBatch where handlers run on the stream's thread.
 */
interface StreamListener {
  void onConnected(Stream stream, GatewayFrame.Welcome welcome);

  /**
   * The gateway wants the stream to go elsewhere; it ends by itself when what it holds is settled.
   */
  void onGatewayDrains(Stream stream, GatewayFrame.Drain drain);

  void onItemRefused(Stream stream, String what);

  void onResult(Stream stream, ItemResult result);

  void onEnded(Stream stream, Status status);

  /** Runs the handlers of a batch, at once or on other threads. */
  void onBatch(Batch batch);

  /** tick() is to be called at `when` at the latest. */
  void wakeBy(long when);
}
