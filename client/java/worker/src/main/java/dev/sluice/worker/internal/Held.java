package dev.sluice.worker.internal;

import dev.sluice.worker.Context;
import dev.sluice.worker.Message;
import dev.sluice.worker.Reply;
import dev.sluice.worker.SendException;
import dev.sluice.worker.Status;
import dev.sluice.worker.StatusCode;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.CompletableFuture;

/** A delivery from its receipt to its settle; to the handler, its line to the gateway. */
final class Held implements Context {
  /** Waits for a handler. */
  static final int WAITING = 0;

  /** In a handler. */
  static final int RUNNING = 1;

  /** Settled: no more extensions. */
  static final int DONE = 2;

  /** The gateway gave it to another worker. */
  static final int LOST = 3;

  private static final VarHandle STATE;

  static {
    try {
      STATE = MethodHandles.lookup().findVarHandle(Held.class, "state", int.class);
    } catch (ReflectiveOperationException impossible) {
      throw new ExceptionInInitializerError(impossible);
    }
  }

  final Message message;
  final long windowBytes; // What the gateway's window counts.
  Batch batch; // Set when the batch is made.

  // The next two belong to the keeper once it has them.
  long lease; // Nanoseconds. 0: not to be extended, any more.
  long told = Clock.NEVER; // When the gateway was told that a handler has begun it.

  private volatile int state = WAITING;
  private volatile CompletableFuture<Void> abandonment; // Made when a handler asks for it.

  Held(Message message, long lease, long windowBytes) {
    this.message = message;
    this.lease = lease;
    this.windowBytes = windowBytes;
  }

  long id() {
    return message.deliveryId();
  }

  int state() {
    return state;
  }

  boolean isOpen() {
    int now = state;
    return now == WAITING || now == RUNNING;
  }

  boolean move(int from, int to) {
    return STATE.compareAndSet(this, from, to);
  }

  /** False: it is settled, or lost already. */
  boolean lose() {
    return move(WAITING, LOST) || move(RUNNING, LOST);
  }

  /** Whoever waits for it hears that it was lost. Never blocks. */
  void tellAbandoned() {
    CompletableFuture<Void> waiting = abandonment;
    if (waiting != null) {
      waiting.completeAsync(() -> null);
    }
  }

  @Override
  public void send(Reply reply) {
    int now = state;
    if (now == LOST) {
      throw new SendException(
          new Status(StatusCode.UNAVAILABLE, "the message is another worker's"));
    }
    if (now != RUNNING) {
      throw new SendException(new Status(StatusCode.FAILED_PRECONDITION, "the message is settled"));
    }
    Stream stream = batch.stream;
    int items = FrameEncoder.items(reply);
    Chunk chunk = new Chunk(reply.payload().length + 256);
    if (items > FrameEncoder.MAX_FRAME_ITEMS
        || !FrameEncoder.earlyReply(reply, id(), stream.maxItemBytes(), chunk.buffer)) {
      throw new SendException(
          new Status(
              StatusCode.INVALID_ARGUMENT,
              "the reply is larger than the gateway takes (" + stream.limits() + ")"));
    }
    chunk.items = items;
    Status status = stream.sendEarly(chunk);
    if (!status.isOk()) {
      throw new SendException(status);
    }
  }

  @Override
  public boolean abandoned() {
    return state == LOST || !batch.stream.alive();
  }

  @Override
  public CompletableFuture<Void> abandonment() {
    CompletableFuture<Void> waiting;
    synchronized (this) {
      waiting = abandonment;
      if (waiting == null) {
        waiting = new CompletableFuture<>();
        abandonment = waiting;
      }
    }
    if (abandoned()) {
      tellAbandoned();
    }
    return waiting;
  }
}
