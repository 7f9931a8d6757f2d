package dev.sluice.worker;

import dev.sluice.worker.internal.Fleet;
import dev.sluice.worker.internal.SignalWatch;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A rule-chain worker: takes MQTT messages from Sluice gateways, answers each with what a handler
 * makes of it.
 *
 * <pre>{@code
 * Options options = Options.builder()
 *     .gateways("gateway.example:7443")
 *     .chains("temperature")
 *     .build();
 * try (Worker worker = new Worker(options, (message, context) ->
 *     Reply.of("seen " + message.topic()))) {
 *   Status status = worker.runUntilSignal();
 * }
 * }</pre>
 *
 * <p>Owns its threads and connections; all are gone when {@link #run()} has returned. All methods
 * are thread-safe. A worker runs once.
 */
public final class Worker implements AutoCloseable {
  private final Fleet fleet;
  private final AtomicBoolean ran = new AtomicBoolean();
  private final CountDownLatch returned = new CountDownLatch(1);

  /** Neither may be null. Nothing is started yet. */
  public Worker(Options options, Handler handler) {
    Handler whole = Objects.requireNonNull(handler, "handler");
    List<Middleware> middleware = options.middleware();
    for (int i = middleware.size() - 1; i >= 0; i--) {
      whole = Objects.requireNonNull(middleware.get(i).around(whole), "middleware's handler");
    }
    fleet = new Fleet(options, whole);
  }

  /**
   * Serves until {@link #drain()} or {@link #stop()}, over any number of lost connections. An
   * interrupt of this thread counts as a stop; its interrupt status is set when this returns.
   *
   * @return OK: everything in work was settled. DEADLINE_EXCEEDED: the drain timeout passed.
   *     CANCELLED: stopped
   * @throws IllegalStateException when called a second time
   */
  public Status run() {
    begin();
    return serve();
  }

  /**
   * {@link #run()}, with SIGTERM and SIGINT taken over meanwhile: the first drains, the second
   * stops. The former handlers are put back before it returns. Where the runtime has no {@code
   * sun.misc.Signal}, or was started with {@code -Xrs}, the end of the JVM drains instead.
   *
   * @throws IllegalStateException when called a second time, or while another worker of this
   *     process watches the signals
   */
  public Status runUntilSignal() {
    SignalWatch watch =
        SignalWatch.start(
            count -> {
              if (count == 1) {
                drain();
              } else {
                stop();
              }
            },
            returned);
    try {
      return run();
    } finally {
      watch.stop();
    }
  }

  /**
   * {@link #run()} on a thread of its own.
   *
   * @return completes with what running comes to
   * @throws IllegalStateException when called a second time
   */
  public CompletableFuture<Status> start() {
    begin();
    CompletableFuture<Status> ended = new CompletableFuture<>();
    Thread thread =
        new Thread(
            () -> {
              try {
                ended.complete(serve());
              } catch (Throwable error) {
                ended.completeExceptionally(error);
              }
            },
            "sluice-worker");
    thread.start();
    return ended;
  }

  private void begin() {
    if (ran.getAndSet(true)) {
      throw new IllegalStateException("the worker has run before; make a new one");
    }
  }

  private Status serve() {
    try {
      return fleet.run();
    } finally {
      returned.countDown();
    }
  }

  /**
   * Takes no new messages, finishes those in work, lets {@link #run()} return. Returns at once.
   * Idempotent; also before running.
   */
  public void drain() {
    fleet.drain();
  }

  /**
   * Ends the streams as they are; what is in work will be delivered again. {@link #run()} returns
   * when running handlers have.
   */
  public void stop() {
    fleet.stop();
  }

  /** What it has done so far. */
  public Stats stats() {
    return fleet.stats();
  }

  /**
   * Drains, and waits until running has come to its end. Not from a handler. When this thread is
   * interrupted while it waits, the worker is stopped.
   */
  @Override
  public void close() {
    drain();
    if (!ran.getAndSet(true)) {
      returned.countDown();
    }
    boolean interrupted = false;
    while (true) {
      try {
        if (returned.await(1, TimeUnit.HOURS)) {
          break;
        }
      } catch (InterruptedException wanted) {
        interrupted = true;
        stop();
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
