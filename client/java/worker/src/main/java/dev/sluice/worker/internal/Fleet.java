package dev.sluice.worker.internal;

import dev.sluice.worker.Handler;
import dev.sluice.worker.ItemResult;
import dev.sluice.worker.Options;
import dev.sluice.worker.Stats;
import dev.sluice.worker.Status;
import dev.sluice.worker.StatusCode;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;

/**
 * All streams of a worker: one to each address that the names stand for, dialled again when it
 * ends. Everything is decided by the thread in run(); other threads leave tasks in its mailbox.
 */
public final class Fleet implements StreamListener {
  // A stream that has served this long was no failure: the next pause starts from the first again.
  private static final long STEADY = 1 * Clock.SECOND;
  // Of handlers on a stream's own thread, which are known to be short.
  private static final long INLINE_AT_FIRST = 5 * Clock.MILLI;

  private final Options options;
  private final Handler handler;
  private final StreamSettings settings;
  private final int threads; // 0: handlers run on the streams' own threads.
  private final Announcer announcer;
  private final Mailbox mailbox = new Mailbox();
  private final AtomicInteger streamsConnected = new AtomicInteger();
  private final LongAdder received = new LongAdder();
  private final LongAdder settled = new LongAdder();
  private final HandlerTime handlerTime = new HandlerTime();
  private HandlerPool pool; // Null with concurrency 0. Constant while streams live.

  // Owned by run()'s thread.
  private final Names names;
  private final Map<Link.Replica, Link> links = new LinkedHashMap<>();
  // All that have not ended, with when they had their Welcome; NEVER: not yet.
  private final Map<Stream, Long> streams = new IdentityHashMap<>();
  private Dialer dialer;
  private boolean leaving;
  private long leaveBy = Clock.NEVER;
  private Status result = Status.OK;

  /** `options` are valid. */
  public Fleet(Options options, Handler handler) {
    this.options = options;
    this.handler = handler;
    threads = options.concurrency().orElse(Math.max(4, Runtime.getRuntime().availableProcessors()));
    String instance = options.instance().isEmpty() ? Instance.name() : options.instance();
    settings = StreamSettings.of(options, instance, threads == 0);
    announcer = new Announcer(options.onEvent());
    names = new Names(options.gateways().stream().map(Target::parse).toList());
  }

  /** Once. Returns when all streams have ended and no handler runs. */
  public Status run() {
    boolean interrupted = false;
    if (threads > 0) {
      pool =
          new HandlerPool(
              threads,
              options.threads().orElseGet(Threads::forHandlers),
              handler,
              settled,
              mailbox::wakeBy,
              handlerTime);
    }
    dialer = new Dialer(options);
    Lookups lookups =
        new Lookups(
            names.targets(),
            options,
            backoff(),
            (target, found, error, again) ->
                mailbox.post(() -> found(target, found, error, again)));
    try {
      for (int i = 0; i < names.targets().size(); i++) {
        if (names.targets().get(i).literal()) {
          found(
              i,
              Addresses.resolve(names.targets().get(i), host -> List.of(), options.family()),
              null,
              0);
        }
      }
      while (!leaving || !streams.isEmpty()) {
        mailbox.beginRound();
        long until = round(Clock.now());
        try {
          mailbox.await(until).forEach(Runnable::run);
        } catch (InterruptedException stop) {
          interrupted = true;
          end();
        }
      }
    } catch (Exception failure) {
      throw new IllegalStateException("the SDK failed", failure);
    } finally {
      lookups.close();
      streams.keySet().forEach(stream -> stream.cancel(new Status(StatusCode.CANCELLED, "")));
      if (pool != null) {
        pool.close();
      }
      dialer.close();
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
    return result;
  }

  private Backoff backoff() {
    return new Backoff(
        options.reconnectFirst().toMillis(),
        options.reconnectLongest().toMillis(),
        (low, high) -> ThreadLocalRandom.current().nextLong(low, high + 1));
  }

  /** Dials and ticks what is due; returns when it wants to be called again. */
  private long round(long now) {
    long next = Clock.NEVER;
    if (leaving) {
      if (now >= leaveBy) {
        result =
            new Status(
                StatusCode.DEADLINE_EXCEEDED,
                "not everything in work was settled within the drain timeout");
        endStreams(result);
        leaveBy = Clock.NEVER;
      }
      next = leaveBy;
    } else {
      for (Link link : links.values()) {
        if (link.stream == null && now >= link.dialAt) {
          dial(link, now);
        } else if (link.stream == null) {
          next = Math.min(next, link.dialAt);
        }
      }
    }
    for (Stream stream : streams.keySet()) {
      next = Math.min(next, stream.tick(now));
    }
    if (settings.fixedWindow() == 0) {
      int window = autoWindow(now);
      streams.keySet().forEach(stream -> stream.setWindow(window));
    }
    return pool == null ? next : Math.min(next, pool.nudge(now));
  }

  /** What a stream should hold when nobody has said. */
  private int autoWindow(long now) {
    long nanos = handlerTime.get();
    if (pool == null) {
      return AutoWindow.forStream(1, nanos == 0 ? INLINE_AT_FIRST : nanos, 1);
    }
    int active = 0;
    LeaseKeeper.Running running = LeaseKeeper.Running.NONE;
    for (Stream stream : streams.keySet()) {
      if (stream.active(now)) {
        active++;
      }
      running = running.plus(stream.running());
    }
    // No thread is free: what waits has waited for as long as this, whatever handlers took before.
    if (running.count() >= threads) {
      nanos = Math.max(nanos, now - running.youngest());
    }
    return AutoWindow.forStream(threads, nanos, active);
  }

  private void dial(Link link, long now) {
    int window = settings.fixedWindow() == 0 ? autoWindow(now) : settings.fixedWindow();
    link.stream = new Stream(link.address, settings, window, this, now);
    streams.put(link.stream, Clock.NEVER);
    dialer.dial(link.stream);
  }

  private Link linkOf(Stream stream) {
    Link link = links.get(Link.Replica.of(stream.address()));
    return link != null && link.stream == stream ? link : null;
  }

  // ---- what streams tell

  @Override
  public void onConnected(Stream stream, GatewayFrame.Welcome welcome) {
    streamsConnected.incrementAndGet();
    mailbox.post(() -> connected(stream, welcome));
  }

  private void connected(Stream stream, GatewayFrame.Welcome welcome) {
    streams.put(stream, Clock.now());
    announcer.connected(stream.address().toString(), welcome);
    if (leaving) {
      stream.drain(); // It was greeted while we left.
    }
  }

  @Override
  public void onGatewayDrains(Stream stream, GatewayFrame.Drain drain) {
    mailbox.post(() -> gatewayDrains(stream, drain.reason()));
  }

  private void gatewayDrains(Stream stream, String reason) {
    announcer.gatewayDrains(stream.address().toString(), reason);
    Link link = linkOf(stream);
    if (link == null || leaving) {
      return;
    }
    // The next stream does not wait for this one's last handlers.
    long now = Clock.now();
    link.stream = null;
    link.dialAt = now;
    if (!link.wanted) {
      links.remove(Link.Replica.of(link.address));
      return;
    }
    // Taking leave is no failure. Of one that hardly came, the next waits a little all the same.
    link.backoff.reset();
    long since = streams.getOrDefault(stream, Clock.NEVER);
    if (since == Clock.NEVER || now - since < STEADY) {
      link.pause(new Status(StatusCode.UNAVAILABLE, ""), now);
    }
  }

  @Override
  public void onItemRefused(Stream stream, String what) {
    mailbox.post(() -> announcer.itemRefused(stream.address().toString(), what));
  }

  @Override
  public void onResult(Stream stream, ItemResult itemResult) {
    if (options.onResult().isPresent()) {
      try {
        options.onResult().get().accept(itemResult);
      } catch (RuntimeException | LinkageError failure) {
        stream.reportRefused("onResult failed: " + failure);
      }
    } else if (itemResult.replyId() == 0
        && itemResult.code() != ItemResult.Code.OK
        && itemResult.code() != ItemResult.Code.CLIPPED) {
      stream.reportRefused(
          itemResult.message().isEmpty() ? "code " + itemResult.code() : itemResult.message());
    }
  }

  @Override
  public void onEnded(Stream stream, Status status) {
    mailbox.post(() -> ended(stream, status));
  }

  private void ended(Stream stream, Status status) {
    long now = Clock.now();
    Long since = streams.remove(stream);
    boolean connected = since != null && since != Clock.NEVER;
    long pause = -1;
    Link link = linkOf(stream);
    if (link != null) {
      link.stream = null;
      if (leaving || !link.wanted) {
        links.remove(Link.Replica.of(link.address));
      } else {
        if (connected && now - since >= STEADY) {
          link.backoff.reset();
        }
        pause = link.pause(status, now);
      }
    }
    if (connected) {
      streamsConnected.decrementAndGet();
    }
    announcer.ended(stream.address().toString(), status, connected, pause);
  }

  @Override
  public void onBatch(Batch batch) {
    received.add(batch.size);
    if (pool != null) {
      pool.submit(batch);
    } else {
      BatchRunner runner = new BatchRunner(handler, settled, true);
      runner.run(batch, 0);
      handlerTime.add(runner.meanNanos);
    }
  }

  @Override
  public void wakeBy(long when) {
    mailbox.wakeBy(when);
  }

  // ---- what names stand for

  private void found(int target, List<Address> addresses, String error, long againMillis) {
    String host = names.targets().get(target).host();
    if (error != null) {
      if (names.failed(target, error)) {
        announcer.resolveFailed(host, error, againMillis);
      }
      return;
    }
    Names.Changes changes = names.found(target, addresses);
    for (Address address : changes.added()) {
      links.computeIfAbsent(
                  Link.Replica.of(address), replica -> new Link(address, backoff(), Clock.now()))
              .wanted =
          true;
    }
    for (Address address : changes.gone()) {
      Link link = links.get(Link.Replica.of(address));
      if (link != null) {
        // A stream that still works is left alone: its gateway drains it when it goes.
        link.wanted = false;
        if (link.stream == null) {
          links.remove(Link.Replica.of(address));
        }
      }
    }
  }

  // ---- the end

  /** Thread-safe. */
  public void drain() {
    mailbox.post(this::leave);
  }

  private void leave() {
    if (leaving) {
      return;
    }
    leaving = true;
    leaveBy = Clock.now() + Clock.nanos(options.drainTimeout());
    if (streamsConnected.get() > 0) {
      announcer.workerDrains();
    }
    streams.keySet().forEach(Stream::drain);
  }

  /** Thread-safe. */
  public void stop() {
    mailbox.post(this::end);
  }

  private void end() {
    leaving = true;
    leaveBy = Clock.NEVER;
    if (result.isOk()) {
      result = new Status(StatusCode.CANCELLED, "stopped");
    }
    endStreams(result);
  }

  private void endStreams(Status why) {
    List.copyOf(streams.keySet()).forEach(stream -> stream.cancel(why));
  }

  /** Thread-safe. */
  public Stats stats() {
    return new Stats(streamsConnected.get(), received.sum(), settled.sum());
  }
}
