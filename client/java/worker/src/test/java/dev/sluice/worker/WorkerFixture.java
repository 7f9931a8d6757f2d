package dev.sluice.worker;

import dev.sluice.v1.Settle;
import dev.sluice.worker.testing.FakeGateway;
import dev.sluice.worker.testing.FakeStream;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;

/** A worker against the test kit's gateway. */
@Timeout(30)
abstract class WorkerFixture {
  final FakeGateway gateway = FakeGateway.start();
  final BlockingQueue<Event> events = new LinkedBlockingQueue<>();
  Worker worker;
  CompletableFuture<Status> ended;

  @AfterEach
  void end() {
    if (worker != null) {
      worker.stop();
      worker.close();
    }
    gateway.close();
  }

  final Options.Builder options() {
    return Options.builder()
        .gateways(gateway.address())
        .chains("temperature")
        .security(Security.PLAINTEXT)
        .reconnectFirst(Duration.ofMillis(10))
        .onEvent(events::add);
  }

  final FakeStream start(Options.Builder options, Handler handler) {
    worker = new Worker(options.build(), handler);
    ended = worker.start();
    return gateway.expectStream();
  }

  /** Holds what it gets until {@code release}, and then sends no reply. */
  static Handler holding(CountDownLatch release) {
    return (message, context) -> {
      release.await();
      return null;
    };
  }

  final Event expect(Event.Kind kind) throws InterruptedException {
    while (true) {
      Event event = events.poll(10, TimeUnit.SECONDS);
      if (event == null) {
        throw new AssertionError("no event " + kind);
      }
      if (event.kind() == kind) {
        return event;
      }
    }
  }

  static Settle settle(FakeStream stream, String payload) {
    return stream.expectSettle(stream.deliver("in", payload));
  }
}
