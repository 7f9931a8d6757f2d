package dev.sluice.worker.internal;

import dev.sluice.worker.ItemResult;
import dev.sluice.worker.Status;
import dev.sluice.worker.StatusCode;
import dev.sluice.worker.internal.StreamState.Phase;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * One stream to one gateway replica.
 *
 * <p>What to do is decided by its state, under the lock; the transport is called outside of it, by
 * its own thread, in flush(). What threads of handlers and the thread in run() have to say gathers
 * in the state's outbox, and they wake the transport's thread once for all of it. So a frame holds
 * whatever came while the one before was written.
 */
final class Stream implements Transport.Listener {
  private static final long REPORT_INTERVAL = Clock.SECOND;

  private final Address address;
  private final StreamSettings settings;
  private final StreamListener listener;
  private final FrameDecoder decoder = new FrameDecoder(); // The transport's thread's.
  private final Runnable flush = this::flush;
  private final AtomicBoolean flushing = new AtomicBoolean(); // flush() is on its way.

  private volatile boolean alive = true;
  private volatile int maxFrameBytes;
  private volatile Transport transport; // Null before start(). Written under the lock.

  // Guarded by the lock.
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition room = lock.newCondition(); // Fewer unsent bytes, or the end.
  private final StreamState state;
  private Status why; // Of cancel(); null: not cancelled.
  private long reported = -REPORT_INTERVAL;

  /** `window`: its messages, to begin with. */
  Stream(Address address, StreamSettings settings, int window, StreamListener listener, long now) {
    this.address = address;
    this.settings = settings;
    this.listener = listener;
    this.state = new StreamState(settings, window, now);
    this.maxFrameBytes = state.maxFrameBytes();
  }

  Address address() {
    return address;
  }

  /** False once settles can no longer reach the gateway. */
  boolean alive() {
    return alive;
  }

  /** The largest item that may be sent. */
  int maxItemBytes() {
    return maxFrameBytes;
  }

  /** For people: what may be sent at most. */
  String limits() {
    return maxFrameBytes + " bytes and " + FrameEncoder.MAX_FRAME_ITEMS + " properties to a frame";
  }

  /** On the transport's thread, once. False: it has ended meanwhile; the transport is not used. */
  boolean start(Transport opened) {
    Outbox.Frame hello;
    lock.lock();
    try {
      if (state.phase() == Phase.ENDED) {
        return false;
      }
      transport = opened;
      hello = state.hello(Clock.now());
    } finally {
      lock.unlock();
    }
    opened.send(hello);
    opened.request();
    return true;
  }

  // ---- leaving

  /** Leaves when all that is held is settled. */
  void drain() {
    boolean greeting;
    lock.lock();
    try {
      greeting = state.phase() == Phase.GREETING;
      if (state.phase() == Phase.SERVING) {
        state.drain();
      }
    } finally {
      lock.unlock();
    }
    if (greeting) {
      cancel(new Status(StatusCode.CANCELLED, "the worker shuts down"));
    } else {
      wake();
    }
  }

  /** Ends at once; onEnded hears `because`. */
  void cancel(Status because) {
    Transport opened;
    lock.lock();
    try {
      if (why != null || state.phase() == Phase.ENDED) {
        return;
      }
      why = because;
      alive = false;
      opened = transport;
      room.signalAll();
    } finally {
      lock.unlock();
    }
    if (opened == null) {
      onClosed(because);
    } else {
      opened.cancel(because.message());
    }
  }

  // ---- sending

  /** Has flush() called soon. */
  private void wake() {
    Transport opened = transport;
    if (opened != null && !flushing.getAndSet(true)) {
      opened.execute(flush);
    }
  }

  /** Sends and asks for what can be. The transport's thread. */
  private void flush() {
    flushing.set(false);
    try {
      Outbox.Frame sent = null;
      do {
        sent = flushOne(sent);
      } while (sent != null);
    } catch (Throwable failure) {
      fail(failure);
    }
  }

  /** `sent`: the frame before this one. Null: there is none to send. */
  private Outbox.Frame flushOne(Outbox.Frame sent) {
    StreamState.Next next;
    lock.lock();
    try {
      if (why != null) {
        return null;
      }
      next = state.next(transport.isReady(), sent, Clock.now());
      if (next.send != null) {
        room.signalAll();
      }
    } finally {
      lock.unlock();
    }
    if (next.send != null) {
      transport.send(next.send);
    }
    if (next.halfClose) {
      transport.halfClose();
    }
    if (next.read) {
      transport.request();
    }
    return next.send;
  }

  /** Whatever it was, the gateway must not wait for a stream that nobody serves. */
  private void fail(Throwable failure) {
    cancel(new Status(StatusCode.INTERNAL, "the SDK failed: " + failure));
    if (failure instanceof VirtualMachineError error) {
      throw error;
    }
  }

  /**
   * Takes what `chunk` holds and leaves it empty. `now`: it is sent at once; else with what comes
   * within a millisecond.
   */
  void send(Chunk chunk, boolean now) {
    long wakeAt = Clock.NEVER;
    lock.lock();
    try {
      if (!alive) {
        chunk.clear();
        return;
      }
      state.append(chunk);
      if (!now) {
        wakeAt = state.lazily(Clock.now());
      }
    } finally {
      lock.unlock();
    }
    if (now) {
      wake();
    } else if (wakeAt != Clock.NEVER) {
      listener.wakeBy(wakeAt);
    }
  }

  /** The same for replies ahead of their settle, under the bound on unsent bytes. */
  Status sendEarly(Chunk chunk) {
    if (settings.inline()) {
      flush(); // Nobody else will while the handler runs.
    }
    lock.lock();
    try {
      while (alive && !state.hasRoom(chunk.buffer.size)) {
        if (settings.inline()) {
          return new Status(StatusCode.RESOURCE_EXHAUSTED, "too much is waiting to be sent");
        }
        room.await();
      }
      if (!alive) {
        return new Status(StatusCode.UNAVAILABLE, "the stream has ended");
      }
      state.append(chunk);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      return new Status(StatusCode.CANCELLED, "interrupted while waiting to send");
    } finally {
      lock.unlock();
    }
    wake();
    return Status.OK;
  }

  /** The gateway is told if it is worth it. */
  void setWindow(int messages) {
    boolean tell;
    lock.lock();
    try {
      tell = state.setWindow(messages);
    } finally {
      lock.unlock();
    }
    if (tell) {
      wake();
    }
  }

  // ---- what the fleet and handlers ask

  /** Something was delivered lately, or is held. */
  boolean active(long now) {
    lock.lock();
    try {
      return state.active(now);
    } finally {
      lock.unlock();
    }
  }

  LeaseKeeper.Running running() {
    lock.lock();
    try {
      return state.leases().running();
    } finally {
      lock.unlock();
    }
  }

  /** All messages of the batch are through. */
  void finishBatch(Batch batch) {
    lock.lock();
    try {
      state.leases().remove(batch);
    } finally {
      lock.unlock();
    }
  }

  /** Raises an event at most once a second. */
  void reportRefused(String what) {
    lock.lock();
    try {
      long now = Clock.now();
      if (now - reported < REPORT_INTERVAL) {
        return;
      }
      reported = now;
    } finally {
      lock.unlock();
    }
    listener.onItemRefused(this, what);
  }

  /** Does what is due. Returns when it wants to be called next. The thread in run(). */
  long tick(long now) {
    StreamState.Tick tick;
    lock.lock();
    try {
      if (why != null || state.phase() == Phase.ENDED) {
        return Clock.NEVER;
      }
      tick = state.tick(now);
    } finally {
      lock.unlock();
    }
    if (tick.lost() != null) {
      cancel(tick.lost());
    } else if (tick.send()) {
      wake();
    }
    return tick.again();
  }

  // ---- what the transport tells

  @Override
  public void onReady() {
    flush();
  }

  @Override
  public void onFrame(byte[] bytes) {
    try {
      handle(decoder.decode(bytes));
    } catch (WireReader.MalformedException malformed) {
      cancel(new Status(StatusCode.INVALID_ARGUMENT, malformed.getMessage()));
    } catch (Throwable failure) {
      fail(failure);
    }
  }

  private void handle(GatewayFrame frame) {
    long now = Clock.now();
    Batch batch = null;
    Status refused;
    long wakeAt = Clock.NEVER;
    lock.lock();
    try {
      refused = state.greet(frame.welcome);
      if (refused == null) {
        maxFrameBytes = state.maxFrameBytes();
        batch = state.take(frame, this, now);
        wakeAt = frame.welcome == null ? state.nextTick() : now;
      }
    } finally {
      lock.unlock();
    }
    if (refused != null) {
      cancel(refused);
      return;
    }
    if (frame.welcome != null) {
      listener.onConnected(this, frame.welcome);
    }
    for (ItemResult result : frame.results) {
      handleResult(result);
    }
    if (frame.drain != null) {
      listener.onGatewayDrains(this, frame.drain);
    }
    listener.wakeBy(wakeAt);
    if (batch != null) {
      listener.onBatch(batch);
    }
    boolean read;
    lock.lock();
    try {
      read = state.handled(Clock.now());
    } finally {
      lock.unlock();
    }
    if (read) {
      transport.request();
    }
    flush();
  }

  private void handleResult(ItemResult result) {
    if (result.code() != ItemResult.Code.OK) {
      lock.lock();
      try {
        state.result(result);
      } finally {
        lock.unlock();
      }
    }
    listener.onResult(this, result);
  }

  @Override
  public void onClosed(Status status) {
    List<Held> abandoned;
    Status reason;
    lock.lock();
    try {
      if (state.phase() == Phase.ENDED) {
        return;
      }
      abandoned = state.end();
      alive = false;
      reason = why != null ? why : status;
      room.signalAll();
    } finally {
      lock.unlock();
    }
    abandoned.forEach(Held::tellAbandoned);
    listener.onEnded(this, reason);
  }
}
