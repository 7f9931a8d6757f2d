package dev.sluice.worker.internal;

import dev.sluice.worker.ItemResult;
import dev.sluice.worker.Status;
import dev.sluice.worker.StatusCode;
import java.util.List;

/**
 * What a stream knows, and decides from it. No I/O, no clock, no threads: time is a parameter, and
 * what is to be done is a result. Not thread-safe.
 *
 * <pre>
 *   start               Welcome             drain(), or the gateway's Drain
 *   ──────▶ GREETING ──────────▶ SERVING ───────────────────────────────▶ LEAVING
 *               │                    │                                       │ nothing held: half-close
 *               └────────── end(), stream lost ─────▶ ENDED ◀────────────────┘
 * </pre>
 */
final class StreamState {
  static final int PROTOCOL_VERSION = 1;
  // Nonces tell the Pong that answers our Drain from those of heartbeats.
  static final long HEARTBEAT_NONCE = 1;
  static final long DRAIN_NONCE = 2;

  private static final String BEGAN_FEATURE = "began";
  // A frame larger than this gains nothing, and keeps the gateway waiting for its first settle.
  private static final int FRAME_BYTES = 1 << 20;
  // gRPC's own, for a gateway that says none.
  private static final long DEFAULT_MAX_FRAME = 4L << 20;
  private static final int LARGEST_FRAME = Integer.MAX_VALUE - 4096;
  // Since its last delivery a stream counts as one that has something to do.
  private static final long ACTIVE = Clock.SECOND;
  // What waits for company is sent after this at the latest.
  private static final long LAZY = Clock.MILLI;

  /** Where a stream is in its life. */
  enum Phase {
    GREETING,
    SERVING,
    LEAVING,
    ENDED
  }

  /** What a transport is to do; nothing is null, or false. */
  static final class Next {
    Outbox.Frame send;
    boolean halfClose;
    boolean read;
  }

  /** What a look at the clock came to. `lost`: why the stream is over; null: it is not. */
  record Tick(Status lost, boolean send, long again) {}

  private final StreamSettings settings;
  private final Outbox outbox = new Outbox();
  private final LeaseTalk talk = new LeaseTalk();
  private final Heartbeat heartbeat = new Heartbeat();
  private final long started;

  private Phase phase = Phase.GREETING;
  private boolean handling; // A frame is being worked on.
  private boolean overWindow; // No further frame was asked for.
  private boolean halfClosed;
  private boolean noMoreDeliveries;
  private long heldMessages; // Received, and their settle not yet handed to the transport.
  private long heldBytes;
  private int window; // As the gateway was told.
  private int maxWindow = Integer.MAX_VALUE;
  private int maxFrameBytes = LARGEST_FRAME;
  private long delivered = -ACTIVE; // The last delivery.
  private long lazyAt = Clock.NEVER; // What waits for company is to be sent.

  /** `window`: its messages, to begin with. */
  StreamState(StreamSettings settings, int window, long now) {
    this.settings = settings;
    this.window = window;
    this.started = now;
  }

  Phase phase() {
    return phase;
  }

  int maxFrameBytes() {
    return maxFrameBytes;
  }

  LeaseKeeper leases() {
    return talk.leases;
  }

  /** The first frame. */
  Outbox.Frame hello(long now) {
    heartbeat.start(now);
    Chunk chunk = new Chunk(1024);
    new FrameEncoder.Hello(
            PROTOCOL_VERSION,
            settings.workerName(),
            settings.instance(),
            settings.chains(),
            window,
            settings.windowBytes(),
            settings.lease() / Clock.MILLI,
            BEGAN_FEATURE,
            Version.SDK)
        .encode(chunk.buffer);
    Outbox.Frame frame = new Outbox.Frame();
    frame.pieces.add(chunk);
    frame.bytes = chunk.buffer.size;
    return frame;
  }

  // ---- what is to be sent

  /** Takes what `chunk` holds. */
  void append(Chunk chunk) {
    outbox.append(chunk);
  }

  /**
   * What was appended may wait for company until the result; NEVER: something waits already, and
   * whoever put it there sees to it.
   */
  long lazily(long now) {
    if (lazyAt != Clock.NEVER) {
      return Clock.NEVER;
    }
    lazyAt = now + LAZY;
    return lazyAt;
  }

  /** Whether so many bytes more are within the user's bound; when nothing waits, any are. */
  boolean hasRoom(int bytes) {
    return outbox.isEmpty() || outbox.bytes() + bytes <= settings.sendBufferBytes();
  }

  /**
   * `ready`: a frame that is sent now leaves soon. `done`: the frame of the last call, was sent.
   */
  Next next(boolean ready, Outbox.Frame done, long now) {
    if (done != null) {
      outbox.recycle(done);
    }
    Next next = new Next();
    lazyAt = Clock.NEVER;
    if (!mayWrite()) {
      // Nothing can be said.
    } else if (!outbox.isEmpty()) {
      if (ready) {
        next.send = outbox.take(Math.min(FRAME_BYTES, maxFrameBytes));
        heldMessages -= next.send.settled;
        heldBytes -= next.send.settledBytes;
        heartbeat.sent(now);
      }
    } else if (phase == Phase.LEAVING && noMoreDeliveries && heldMessages == 0) {
      halfClosed = true;
      next.halfClose = true;
    }
    if (overWindow && !isOverWindow()) {
      overWindow = false;
      heartbeat.heard(now);
      next.read = true;
    }
    return next;
  }

  private boolean mayWrite() {
    return (phase == Phase.SERVING || phase == Phase.LEAVING) && !halfClosed;
  }

  private boolean isOverWindow() {
    return heldMessages > settings.mostMessages()
        || (settings.windowBytes() > 0 && heldBytes > settings.windowBytes() && heldMessages > 1);
  }

  /** False: the gateway need not be told. */
  boolean setWindow(int messages) {
    int wanted = Math.min(messages, maxWindow);
    if (phase != Phase.SERVING || !AutoWindow.worthTelling(window, wanted)) {
      return false;
    }
    window = wanted;
    Chunk chunk = new Chunk();
    FrameEncoder.window(wanted, settings.windowBytes(), chunk.buffer);
    outbox.append(chunk);
    return true;
  }

  /** Something was delivered lately, or is held. */
  boolean active(long now) {
    return heldMessages > 0 || now < delivered + ACTIVE;
  }

  // ---- leaving

  /** Only while serving. */
  void drain() {
    phase = Phase.LEAVING;
    Chunk chunk = new Chunk();
    FrameEncoder.drain("the worker shuts down", chunk.buffer);
    chunk.endsFrame = true;
    outbox.append(chunk);
    // Its Pong is the proof that the gateway has read the Drain: no delivery follows it.
    FrameEncoder.ping(DRAIN_NONCE, chunk.buffer);
    outbox.append(chunk);
  }

  /** What nobody waits for any more. */
  List<Held> end() {
    phase = Phase.ENDED;
    outbox.clear();
    return talk.leases.open();
  }

  // ---- time

  /** Does what is due: extensions, heartbeat, timeouts. Not once it has ended. */
  Tick tick(long now) {
    if (phase == Phase.GREETING) {
      long latest = started + settings.connectTimeout();
      return new Tick(
          now < latest
              ? null
              : new Status(StatusCode.DEADLINE_EXCEEDED, "no connection and Welcome in time"),
          false,
          latest);
    }
    if (!halfClosed) {
      talk.say(now, outbox, maxFrameBytes);
      if (heartbeat.pingIsDue(now) && outbox.isEmpty()) {
        Chunk chunk = new Chunk();
        FrameEncoder.ping(HEARTBEAT_NONCE, chunk.buffer);
        outbox.append(chunk);
      }
    }
    boolean send = !outbox.isEmpty() && (lazyAt == Clock.NEVER || now >= lazyAt);
    long silentAt = heartbeat.silentAt(now, !overWindow && !handling);
    long again = Math.min(silentAt, heartbeat.nextPing(now, halfClosed || !outbox.isEmpty()));
    if (!halfClosed) {
      again = Math.min(again, talk.next());
    }
    if (now < lazyAt) {
      again = Math.min(again, lazyAt);
    }
    return new Tick(
        now < silentAt
            ? null
            : new Status(
                StatusCode.DEADLINE_EXCEEDED, "the gateway was silent for two heartbeat intervals"),
        send,
        again);
  }

  /** When tick() is worth a call, for what has been taken. */
  long nextTick() {
    return talk.next();
  }

  // ---- what comes

  /** Checks that a Welcome comes first and only first; null: it does. */
  Status greet(GatewayFrame.Welcome welcome) {
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
    heartbeat.every(welcome.heartbeatMillis());
    if (welcome.features().contains(BEGAN_FEATURE)) {
      talk.tellBegun();
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

  /** Takes what a frame holds, save Welcome and results. Null: there is nothing to work on. */
  Batch take(GatewayFrame frame, Stream stream, long now) {
    handling = true;
    Batch batch = hold(frame, stream, now);
    for (long id : frame.revokes) {
      lose(id);
    }
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
    return batch;
  }

  private Batch hold(GatewayFrame frame, Stream stream, long now) {
    // After the half-close nothing can be settled: these go to others.
    if (frame.deliveryCount == 0 || halfClosed) {
      return null;
    }
    Batch batch = new Batch(stream, frame.deliveries, frame.deliveryCount);
    for (int i = 0; i < batch.size; i++) {
      heldBytes += batch.deliveries[i].windowBytes;
    }
    delivered = now;
    heldMessages += batch.size;
    talk.add(batch, now);
    return batch;
  }

  /** The frame has been worked on; true: a further one may come. */
  boolean handled(long now) {
    handling = false;
    overWindow = isOverWindow();
    heartbeat.heard(now);
    return !overWindow;
  }

  void result(ItemResult result) {
    if (result.code() == ItemResult.Code.CLIPPED) {
      talk.leases.stopExtending(result.deliveryId());
    } else if (result.code() == ItemResult.Code.STALE && result.replyId() == 0) {
      lose(result.deliveryId());
    }
  }

  /** Another worker has it. */
  private void lose(long deliveryId) {
    Held held = talk.leases.find(deliveryId);
    if (held != null && held.lose()) {
      heldMessages--;
      heldBytes -= held.windowBytes;
      held.tellAbandoned();
    }
  }
}
