package dev.sluice.worker.internal;

import dev.sluice.worker.ItemResult;
import dev.sluice.worker.Status;
import dev.sluice.worker.StatusCode;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * One stream to one gateway replica.
 *
 * <pre>
 *   start()             Welcome             drain(), or the gateway's Drain
 *   ──────▶ GREETING ──────────▶ SERVING ───────────────────────────────▶ LEAVING
 *               │                    │                                       │ nothing held: half-close
 *               └───── cancel(), stream lost ────────▶ ENDED ◀───────────────┘
 * </pre>
 *
 * <p>What to do is decided under the lock; the transport is called outside of it, by its own
 * thread, in flush(). What threads of handlers and the thread in run() have to say gathers in the
 * outbox, and they wake the transport's thread once for all of it. So a frame holds whatever came
 * while the one before was written.
 */
final class Stream implements Transport.Listener {
  static final int PROTOCOL_VERSION = 1;
  // Nonces tell the Pong that answers our Drain from those of heartbeats.
  private static final long HEARTBEAT_NONCE = 1;
  private static final long DRAIN_NONCE = 2;
  private static final String BEGAN_FEATURE = "began";
  // Handlers that take less are never told of: their settle says it. So a message costs no frame
  // more, and one that takes longer shares one with all others of its kind.
  private static final long TELL_BEGUN_EVERY = 50 * Clock.MILLI;
  // A frame larger than this gains nothing, and keeps the gateway waiting for its first settle.
  private static final int FRAME_BYTES = 1 << 20;
  // gRPC's own, for a gateway that says none.
  private static final long DEFAULT_MAX_FRAME = 4L << 20;
  private static final int LARGEST_FRAME = Integer.MAX_VALUE - 4096;
  private static final long REPORT_INTERVAL = Clock.SECOND;
  // Since its last delivery a stream counts as one that has something to do.
  private static final long ACTIVE = Clock.SECOND;
  // What waits for company is sent after this at the latest.
  private static final long LAZY = Clock.MILLI;

  private enum Phase {
    GREETING,
    SERVING,
    LEAVING,
    ENDED
  }

  private final Address address;
  private final StreamSettings settings;
  private final StreamListener listener;
  private final FrameDecoder decoder = new FrameDecoder(); // The transport's thread's.
  private final Runnable flush = this::flush;
  private final AtomicBoolean flushing = new AtomicBoolean(); // flush() is on its way.

  private volatile boolean alive = true;
  private volatile int maxFrameBytes = LARGEST_FRAME;

  // Guarded by the lock.
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition room = lock.newCondition(); // Fewer unsent bytes, or the end.
  private volatile Transport transport; // Null before start(). Written under the lock.
  private Phase phase = Phase.GREETING;
  private Status why; // Of cancel(); null: not cancelled.
  private boolean handling; // A frame is being worked on.
  private boolean overWindow; // No further frame was asked for.
  private boolean halfClosed;
  private boolean noMoreDeliveries;
  private final Outbox outbox = new Outbox();
  private final LeaseKeeper leases = new LeaseKeeper();
  private long heldMessages; // Received, and their settle not yet handed to gRPC.
  private long heldBytes;
  private int window; // As the gateway was told.
  private int maxWindow = Integer.MAX_VALUE;
  private boolean tellsBegan;
  private long delivered = -ACTIVE; // The last delivery.
  private long looked; // For what has begun.
  private long heartbeat;
  private long sent; // The last frame.
  private long listened; // The last frame received, or since when we read again.
  private final long started;
  private long reported = -REPORT_INTERVAL;
  private long lazyAt = Clock.NEVER; // What waits for company is to be sent.

  /** `window`: its messages, to begin with. */
  Stream(Address address, StreamSettings settings, int window, StreamListener listener, long now) {
    this.address = address;
    this.settings = settings;
    this.window = window;
    this.listener = listener;
    this.started = now;
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

  /**
   * On the transport's thread, once. False: it has ended meanwhile, and the transport is not used.
   */
  boolean start(Transport opened) {
    Chunk hello = new Chunk(1024);
    lock.lock();
    try {
      if (phase == Phase.ENDED) {
        return false;
      }
      transport = opened;
      sent = Clock.now();
      listened = sent;
      new FrameEncoder.Hello(
              PROTOCOL_VERSION,
              settings.workerName(),
              settings.instance(),
              settings.chains(),
              window,
              settings.windowBytes(),
              settings.lease() / Clock.MILLI,
              BEGAN_FEATURE)
          .encode(hello.buffer);
    } finally {
      lock.unlock();
    }
    Outbox.Frame frame = new Outbox.Frame();
    frame.pieces.add(hello);
    frame.bytes = hello.buffer.size;
    opened.send(frame);
    opened.request();
    return true;
  }

  // ---- leaving

  /** Leaves when all that is held is settled. */
  void drain() {
    boolean greeting;
    lock.lock();
    try {
      greeting = phase == Phase.GREETING;
      if (phase == Phase.SERVING) {
        phase = Phase.LEAVING;
        Chunk chunk = new Chunk();
        FrameEncoder.drain("the worker shuts down", chunk.buffer);
        chunk.endsFrame = true;
        outbox.append(chunk);
        // Its Pong is the proof that the gateway has read the Drain: no delivery follows it.
        FrameEncoder.ping(DRAIN_NONCE, chunk.buffer);
        outbox.append(chunk);
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
      if (why != null || phase == Phase.ENDED) {
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

  private boolean isOverWindow() {
    return heldMessages > settings.mostMessages()
        || (settings.windowBytes() > 0 && heldBytes > settings.windowBytes() && heldMessages > 1);
  }

  /** Sends and asks for what can be. The transport's thread. */
  void flush() {
    flushing.set(false);
    Outbox.Frame frame = null;
    do {
      boolean halfClose = false;
      boolean read = false;
      lock.lock();
      try {
        if (frame != null) {
          outbox.recycle(frame);
          frame = null;
        }
        lazyAt = Clock.NEVER;
        boolean mayWrite =
            (phase == Phase.SERVING || phase == Phase.LEAVING) && !halfClosed && why == null;
        if (mayWrite && !outbox.isEmpty()) {
          if (transport.isReady()) {
            frame = outbox.take(Math.min(FRAME_BYTES, maxFrameBytes));
            heldMessages -= frame.settled;
            heldBytes -= frame.settledBytes;
            sent = Clock.now();
            room.signalAll();
          }
        } else if (mayWrite && phase == Phase.LEAVING && noMoreDeliveries && heldMessages == 0) {
          halfClosed = true;
          halfClose = true;
        }
        if (overWindow && !isOverWindow()) {
          overWindow = false;
          listened = Clock.now();
          read = true;
        }
      } finally {
        lock.unlock();
      }
      if (frame != null) {
        transport.send(frame);
      }
      if (halfClose) {
        transport.halfClose();
      }
      if (read) {
        transport.request();
      }
    } while (frame != null);
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
      outbox.append(chunk);
      if (!now && lazyAt == Clock.NEVER) {
        lazyAt = Clock.now() + LAZY;
        wakeAt = lazyAt;
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

  /**
   * The same for replies ahead of their settle, under the bound on unsent bytes, which it waits
   * for.
   */
  Status sendEarly(Chunk chunk) {
    if (settings.inline()) {
      flush(); // Nobody else will while the handler runs.
    }
    lock.lock();
    try {
      while (alive
          && !outbox.isEmpty()
          && outbox.bytes() + chunk.buffer.size > settings.sendBufferBytes()) {
        if (settings.inline()) {
          return new Status(StatusCode.RESOURCE_EXHAUSTED, "too much is waiting to be sent");
        }
        room.await();
      }
      if (!alive) {
        return new Status(StatusCode.UNAVAILABLE, "the stream has ended");
      }
      outbox.append(chunk);
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
    lock.lock();
    try {
      int wanted = Math.min(messages, maxWindow);
      if (phase != Phase.SERVING || !AutoWindow.worthTelling(window, wanted)) {
        return;
      }
      window = wanted;
      Chunk chunk = new Chunk();
      FrameEncoder.window(wanted, settings.windowBytes(), chunk.buffer);
      outbox.append(chunk);
    } finally {
      lock.unlock();
    }
    wake();
  }

  // ---- what the fleet asks

  /** Something was delivered lately, or is held. */
  boolean active(long now) {
    lock.lock();
    try {
      return heldMessages > 0 || now < delivered + ACTIVE;
    } finally {
      lock.unlock();
    }
  }

  LeaseKeeper.Running running() {
    lock.lock();
    try {
      return leases.running();
    } finally {
      lock.unlock();
    }
  }

  /** All messages of the batch are through. */
  void finishBatch(Batch batch) {
    lock.lock();
    try {
      leases.remove(batch);
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

  /**
   * Does what is due: extensions, heartbeat, timeouts. Returns when it wants to be called next. The
   * thread in run().
   */
  long tick(long now) {
    Status lost = null;
    boolean send = false;
    long wakeAt;
    lock.lock();
    try {
      if (why != null || phase == Phase.ENDED) {
        return Clock.NEVER;
      }
      if (phase == Phase.GREETING) {
        wakeAt = started + settings.connectTimeout();
        if (now >= wakeAt) {
          lost = new Status(StatusCode.DEADLINE_EXCEEDED, "no connection and Welcome in time");
        }
      } else {
        long lookAt = tellBegun(now);
        extend(now);
        if (now >= sent + heartbeat / 2 && outbox.isEmpty() && !halfClosed) {
          Chunk chunk = new Chunk();
          FrameEncoder.ping(HEARTBEAT_NONCE, chunk.buffer);
          outbox.append(chunk);
        }
        send = !outbox.isEmpty() && (lazyAt == Clock.NEVER || now >= lazyAt);
        // While nothing is read the gateway cannot be heard, and is not to blame.
        long silent = overWindow || handling ? now + heartbeat : listened + 2 * heartbeat;
        if (now >= silent) {
          lost =
              new Status(
                  StatusCode.DEADLINE_EXCEEDED,
                  "the gateway was silent for two heartbeat intervals");
        }
        long pingAt = outbox.isEmpty() && !halfClosed ? sent + heartbeat / 2 : now + heartbeat / 2;
        wakeAt = Math.min(Math.min(silent, pingAt), Math.min(lookAt, leases.next()));
        wakeAt = Math.min(wakeAt, now >= lazyAt ? Clock.NEVER : lazyAt);
      }
    } finally {
      lock.unlock();
    }
    if (lost != null) {
      cancel(lost);
    } else if (send) {
      wake();
    }
    return wakeAt;
  }

  /** Says what handlers have begun, if it is time; the result is when to look again. */
  private long tellBegun(long now) {
    if (!tellsBegan || leases.isEmpty() || halfClosed) {
      return Clock.NEVER;
    }
    if (now < looked + TELL_BEGUN_EVERY) {
      return looked + TELL_BEGUN_EVERY;
    }
    looked = now;
    long[] begun = leases.takeBegun(now);
    int most = itemsToAChunk(10);
    for (int from = 0; from < begun.length; from += most) {
      int to = Math.min(begun.length, from + most);
      Chunk chunk = new Chunk();
      FrameEncoder.began(begun, from, to, chunk.buffer);
      chunk.items = to - from;
      outbox.append(chunk);
    }
    return now + TELL_BEGUN_EVERY;
  }

  private void extend(long now) {
    List<Held> due = leases.takeDue(now);
    if (halfClosed) {
      return;
    }
    int most = itemsToAChunk(20);
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

  /** How many items of so many bytes are handed to the outbox as one. */
  private int itemsToAChunk(int bytes) {
    return Math.max(1, Math.min(1000, maxFrameBytes / bytes - 1));
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
      // Whatever it was, the gateway must not wait for a stream that nobody serves.
      cancel(new Status(StatusCode.INTERNAL, "the SDK failed: " + failure));
      if (failure instanceof VirtualMachineError error) {
        throw error;
      }
    }
  }

  private void handle(GatewayFrame frame) {
    long now = Clock.now();
    Batch batch = null;
    Status refused;
    long wakeAt = Clock.NEVER;
    lock.lock();
    try {
      handling = true;
      refused = greet(frame.welcome);
      if (refused == null) {
        batch = hold(frame, now);
        for (long id : frame.revokes) {
          lose(id);
        }
        control(frame);
        wakeAt = frame.welcome != null ? now : leases.next();
        if (tellsBegan && !leases.isEmpty()) {
          wakeAt = Math.min(wakeAt, looked + TELL_BEGUN_EVERY);
        }
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
    if (batch != null) {
      listener.wakeBy(wakeAt);
      listener.onBatch(batch);
    } else if (frame.welcome != null) {
      listener.wakeBy(wakeAt);
    }
    boolean read;
    lock.lock();
    try {
      handling = false;
      overWindow = isOverWindow();
      read = !overWindow;
      listened = Clock.now();
    } finally {
      lock.unlock();
    }
    if (read) {
      transport.request();
    }
    flush();
  }

  /** Checks that a Welcome comes first and only first; null: it does. */
  private Status greet(GatewayFrame.Welcome welcome) {
    if (phase != Phase.GREETING) {
      return welcome == null
          ? null
          : new Status(StatusCode.INVALID_ARGUMENT, "the gateway sent a second Welcome");
    }
    if (welcome == null) {
      return new Status(StatusCode.INVALID_ARGUMENT, "the gateway's first frame is not a Welcome");
    }
    if (welcome.protocolVersion() > PROTOCOL_VERSION) {
      return new Status(
          StatusCode.FAILED_PRECONDITION,
          "the gateway chose protocol version "
              + welcome.protocolVersion()
              + "; this worker speaks version 1");
    }
    phase = Phase.SERVING;
    heartbeat = Math.min(Math.max(welcome.heartbeatMillis(), 1_000), 3_600_000) * Clock.MILLI;
    tellsBegan = welcome.features().contains(BEGAN_FEATURE);
    if (tellsBegan) {
      leases.tellBegun();
    }
    if (welcome.maxWindowMessages() > 0) {
      maxWindow = (int) Math.min(welcome.maxWindowMessages(), Integer.MAX_VALUE);
    }
    long most = welcome.maxFrameBytes() == 0 ? DEFAULT_MAX_FRAME : welcome.maxFrameBytes();
    // Unsigned: beyond what a Java array holds there is no difference.
    maxFrameBytes = most < 0 || most > LARGEST_FRAME ? LARGEST_FRAME : (int) most;
    outbox.limit(maxFrameBytes);
    return null;
  }

  /** Null: there is nothing to hold. */
  private Batch hold(GatewayFrame frame, long now) {
    // After the half-close nothing can be settled: these go to others.
    if (frame.deliveryCount == 0 || halfClosed) {
      return null;
    }
    Batch batch = new Batch(this, frame.deliveries, frame.deliveryCount);
    for (int i = 0; i < batch.size; i++) {
      heldBytes += batch.deliveries[i].windowBytes;
    }
    // A handler of what comes now is not looked at before it could be worth it.
    if (leases.isEmpty()) {
      looked = now;
    }
    delivered = now;
    heldMessages += batch.size;
    leases.add(batch, now);
    return batch;
  }

  private void control(GatewayFrame frame) {
    if (frame.ping != null && !halfClosed) {
      Chunk chunk = new Chunk();
      FrameEncoder.pong(frame.ping, chunk.buffer);
      outbox.append(chunk);
    }
    if (frame.pong != null && frame.pong == DRAIN_NONCE) {
      noMoreDeliveries = true;
    }
    if (frame.drain != null) {
      phase = Phase.LEAVING;
      noMoreDeliveries = true;
    }
  }

  /** Another worker has it. */
  private void lose(long deliveryId) {
    Held held = leases.find(deliveryId);
    if (held != null && held.lose()) {
      heldMessages--;
      heldBytes -= held.windowBytes;
      held.tellAbandoned();
    }
  }

  private void handleResult(ItemResult result) {
    boolean stale = result.code() == ItemResult.Code.STALE && result.replyId() == 0;
    boolean clipped = result.code() == ItemResult.Code.CLIPPED;
    if (stale || clipped) {
      lock.lock();
      try {
        if (stale) {
          lose(result.deliveryId());
        } else {
          leases.stopExtending(result.deliveryId());
        }
      } finally {
        lock.unlock();
      }
    }
    listener.onResult(this, result);
  }

  @Override
  public void onClosed(Status status) {
    Status reason;
    List<Held> open;
    lock.lock();
    try {
      if (phase == Phase.ENDED) {
        return;
      }
      phase = Phase.ENDED;
      alive = false;
      outbox.clear();
      open = leases.open();
      reason = why != null ? why : status;
      room.signalAll();
    } finally {
      lock.unlock();
    }
    for (Held held : open) {
      held.tellAbandoned();
    }
    listener.onEnded(this, reason);
  }
}
