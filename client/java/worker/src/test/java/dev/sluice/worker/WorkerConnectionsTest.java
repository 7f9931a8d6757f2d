package dev.sluice.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.v1.Delivery;
import dev.sluice.worker.testing.FakeStream;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** How streams come and go. */
class WorkerConnectionsTest extends WorkerFixture {
  @Test
  void connectsAgainAfterALostStream() throws Exception {
    CompletableFuture<Boolean> abandoned = new CompletableFuture<>();
    FakeStream stream =
        start(
            options(),
            (message, context) -> {
              if (message.text().equals("long")) {
                context.abandonment().join();
                abandoned.complete(context.abandoned());
              }
              return null;
            });
    stream.deliver("in", "long");
    stream.expectBegan();
    stream.lose();
    assertTrue(abandoned.get(10, TimeUnit.SECONDS));
    Event event = expect(Event.Kind.DISCONNECTED);
    assertEquals(StatusCode.UNAVAILABLE, event.status().code());
    assertTrue(event.retryIn().isPresent());
    settle(gateway.expectStream(), "again");
  }

  @Test
  void whatWillNotMendWaitsTheLongest() throws Exception {
    gateway.refuse(io.grpc.Status.UNAUTHENTICATED.withDescription("no token"));
    worker = new Worker(options().build(), (message, context) -> null);
    ended = worker.start();
    Event event = expect(Event.Kind.CONNECT_FAILED);
    assertEquals(new Status(StatusCode.UNAUTHENTICATED, "no token"), event.status());
    assertTrue(event.retryIn().orElseThrow().compareTo(Duration.ofSeconds(15)) >= 0);
  }

  @Test
  void drainsAndLeaves() throws Exception {
    CountDownLatch release = new CountDownLatch(1);
    FakeStream stream = start(options(), holding(release));
    long id = stream.deliver("in", "x");
    stream.expectBegan();
    worker.drain();
    stream.expectDrain();
    assertFalse(ended.isDone());
    release.countDown();
    stream.expectSettle(id);
    stream.expectHalfClose();
    assertEquals(Status.OK, ended.get(10, TimeUnit.SECONDS));
    assertEquals(new Stats(0, 1, 1), worker.stats());
  }

  @Test
  void aDrainThatTakesTooLongIsGivenUp() throws Exception {
    CountDownLatch release = new CountDownLatch(1);
    FakeStream stream =
        start(
            options().drainTimeout(Duration.ofMillis(50)),
            (message, context) -> {
              context.abandonment().thenRun(release::countDown);
              release.await();
              return null;
            });
    stream.deliver("in", "x");
    stream.expectBegan();
    worker.drain();
    assertEquals(StatusCode.DEADLINE_EXCEEDED, ended.get(10, TimeUnit.SECONDS).code());
  }

  @Test
  void aGatewayThatDrainsIsLeftForANewStream() throws Exception {
    CountDownLatch release = new CountDownLatch(1);
    FakeStream old =
        start(
            options(),
            (message, context) -> {
              if (message.text().equals("wait")) {
                release.await();
              }
              return null;
            });
    long id = old.deliver("in", "wait");
    old.expectBegan();
    old.drain(Duration.ofSeconds(5));
    FakeStream next = gateway.expectStream();
    settle(next, "x");
    release.countDown();
    old.expectSettle(id);
    old.expectHalfClose();
    expect(Event.Kind.DRAINING);
    assertTrue(expect(Event.Kind.DISCONNECTED).status().isOk());
  }

  @Test
  void stopEndsAtOnce() throws Exception {
    start(options(), (message, context) -> null);
    worker.stop();
    assertEquals(StatusCode.CANCELLED, ended.get(10, TimeUnit.SECONDS).code());
    assertThrows(IllegalStateException.class, worker::run);
  }

  @Test
  void aSilentGatewayIsGivenUp() throws Exception {
    gateway.welcome(welcome -> welcome.setHeartbeatIntervalMs(1_000));
    FakeStream stream = start(options(), (message, context) -> null);
    stream.fallSilent();
    stream.expectPing();
    assertEquals(StatusCode.DEADLINE_EXCEEDED, expect(Event.Kind.DISCONNECTED).status().code());
  }

  @Test
  void showsATokenFromItsSource() {
    FakeStream stream =
        start(options().tokenSource(() -> " abc.def \n"), (message, context) -> null);
    assertEquals("Bearer abc.def", stream.authorization());
  }

  @Test
  void aSourceWithoutATokenIsAnEvent() throws Exception {
    worker =
        new Worker(options().tokenSource(() -> "two tokens").build(), (message, context) -> null);
    ended = worker.start();
    Event event = expect(Event.Kind.CONNECT_FAILED);
    assertEquals(StatusCode.UNAVAILABLE, event.status().code());
    assertFalse(event.text().contains("two tokens"));
  }

  @Test
  void bytesThatAreNoFrameEndTheStreamAndAreTold() throws Exception {
    FakeStream stream = start(options(), (message, context) -> null);
    stream.send(
        dev.sluice.v1.GatewayFrame.newBuilder().addDeliveries(Delivery.newBuilder()).build());
    Event event = expect(Event.Kind.DISCONNECTED);
    assertEquals(StatusCode.INVALID_ARGUMENT, event.status().code());
  }
}
