package dev.sluice.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import dev.sluice.v1.Delivery;
import dev.sluice.v1.Hello;
import dev.sluice.v1.Result;
import dev.sluice.v1.Revoke;
import dev.sluice.v1.Settle;
import dev.sluice.worker.testing.FakeGateway;
import dev.sluice.worker.testing.FakeStream;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A whole worker, against the test kit's gateway. */
@Timeout(30)
class WorkerTest {
  private final FakeGateway gateway = FakeGateway.start();
  private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();
  private Worker worker;
  private CompletableFuture<Status> ended;

  @AfterEach
  void end() {
    if (worker != null) {
      worker.stop();
      worker.close();
    }
    gateway.close();
  }

  private Options.Builder options() {
    return Options.builder()
        .gateways(gateway.address())
        .chains("temperature")
        .security(Security.PLAINTEXT)
        .reconnectFirst(Duration.ofMillis(10))
        .onEvent(events::add);
  }

  private FakeStream start(Options.Builder options, Handler handler) {
    worker = new Worker(options.build(), handler);
    ended = worker.start();
    return gateway.expectStream();
  }

  private Event expect(Event.Kind kind) throws InterruptedException {
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

  @Test
  void introducesItself() {
    FakeStream stream =
        start(
            options().workerName("alarm").instance("pod-1").lease(Duration.ofSeconds(7)),
            (message, context) -> null);
    Hello hello = stream.hello();
    assertEquals(List.of("temperature"), hello.getChainsList());
    assertEquals("alarm", hello.getWorkerName());
    assertEquals("pod-1", hello.getInstance());
    assertEquals(7_000, hello.getLeaseMs());
    assertEquals(List.of("began"), hello.getFeaturesList());
    assertTrue(hello.getWindow().getMessages() >= 4);
  }

  @Test
  void acknowledgesWithTheReplyThatTheHandlerReturns() {
    FakeStream stream =
        start(options(), (message, context) -> Reply.to("out", message.text() + "!").withQos(1));
    long id = stream.deliver("in", "hot");
    Settle settle = stream.expectSettle();
    assertEquals(id, settle.getDeliveryId());
    assertEquals("out", settle.getReplies(0).getTopic());
    assertEquals("hot!", settle.getReplies(0).getPayload().toStringUtf8());
    assertEquals(1, settle.getReplies(0).getQos());
  }

  @Test
  void settlesAsTheHandlerSays() {
    FakeStream stream =
        start(
            options(),
            (message, context) ->
                switch (message.text()) {
                  case "null" -> null;
                  case "list" -> Answer.of(Reply.of("a"), Reply.of("b"));
                  case "retry" -> Settlement.retry("later", Duration.ofSeconds(2));
                  case "reject" -> Settlement.reject("never");
                  case "drop" -> Settlement.drop("so");
                  case "thrown" -> throw new SettlementException(Settlement.reject("thrown"));
                  default -> throw new IllegalStateException("unforeseen");
                });
    assertEquals(0, settle(stream, "null").getOutcomeValue());
    assertEquals(2, settle(stream, "list").getRepliesCount());
    Settle retry = settle(stream, "retry");
    assertEquals(1, retry.getOutcomeValue());
    assertEquals("later", retry.getReason());
    assertEquals(2_000, retry.getRetryAfterMs());
    assertEquals("never", settle(stream, "reject").getReason());
    assertEquals(3, settle(stream, "drop").getOutcomeValue());
    assertEquals("thrown", settle(stream, "thrown").getReason());
    Settle failed = settle(stream, "other");
    assertEquals(1, failed.getOutcomeValue());
    assertEquals("unforeseen", failed.getReason());
  }

  private static Settle settle(FakeStream stream, String payload) {
    return stream.expectSettle(stream.deliver("in", payload));
  }

  @Test
  void servesOnItsOwnThreadWithoutConcurrency() {
    FakeStream stream =
        start(
            options().concurrency(0),
            (message, context) -> Reply.of(Thread.currentThread().getName()));
    Settle settle = settle(stream, "x");
    assertTrue(settle.getReplies(0).getPayload().toStringUtf8().startsWith("sluice-stream"));
  }

  @Test
  void settlesAreNotHeldBackByAHandlerThatWaits() throws Exception {
    CountDownLatch release = new CountDownLatch(1);
    FakeStream stream =
        start(
            options().concurrency(1),
            (message, context) -> {
              if (message.text().equals("wait")) {
                release.await();
              }
              return null;
            });
    // The first ones tell that handlers are quick, so that the next settle waits for company.
    for (int i = 0; i < 20; i++) {
      settle(stream, "quick");
    }
    List<Long> ids =
        stream.deliverAll(
            List.of(
                Delivery.newBuilder().setPayload(ByteString.copyFromUtf8("quick")),
                Delivery.newBuilder().setPayload(ByteString.copyFromUtf8("wait"))));
    stream.expectSettle(ids.get(0));
    assertTrue(stream.unexpectedSettles().isEmpty());
    release.countDown();
    stream.expectSettle(ids.get(1));
  }

  @Test
  void sendsRepliesAheadOfTheSettle() {
    FakeStream stream =
        start(
            options(),
            (message, context) -> {
              context.send(Reply.to("progress", "half"));
              return null;
            });
    long id = stream.deliver("in", "x");
    assertEquals(id, stream.expectReply().getDeliveryId());
    stream.expectSettle(id);
  }

  @Test
  void aReplyThatIsTooLargeIsAnErrorOfItsOwn() throws Exception {
    gateway.welcome(welcome -> welcome.setMaxFrameBytes(10_000));
    FakeStream stream =
        start(
            options(),
            (message, context) -> {
              SendException refused =
                  assertThrows(SendException.class, () -> context.send(Reply.of(new byte[20_000])));
              assertEquals(StatusCode.INVALID_ARGUMENT, refused.status().code());
              return Reply.of(new byte[20_000]);
            });
    Settle settle = settle(stream, "x");
    assertEquals(2, settle.getOutcomeValue());
    assertTrue(settle.getReason().contains("larger than the gateway takes"));
    expect(Event.Kind.ITEM_REFUSED);
    settle(stream, "y");
  }

  @Test
  void tellsWhatHasBegunAndExtendsIt() throws Exception {
    CountDownLatch release = new CountDownLatch(1);
    FakeStream stream =
        start(
            options(),
            (message, context) -> {
              release.await();
              return null;
            });
    long id = stream.deliver(Delivery.newBuilder().setLeaseMs(1_000));
    assertEquals(id, stream.expectBegan());
    assertEquals(1_000, stream.expectExtend().getLeaseMs());
    stream.result(
        Result.newBuilder().setDeliveryId(id).setCode(Result.Code.CODE_CLIPPED).setLeaseMs(10));
    release.countDown();
    stream.expectSettle(id);
  }

  @Test
  void aRevokedMessageIsAbandoned() {
    FakeStream stream =
        start(
            options(),
            (message, context) -> {
              if (message.text().equals("long")) {
                context.abandonment().join();
                assertTrue(context.abandoned());
              }
              return null;
            });
    long id = stream.deliver("in", "long");
    stream.expectBegan();
    stream.revoke(id, Revoke.Reason.REASON_LEASE_ENDED);
    settle(stream, "next");
    assertTrue(stream.unexpectedSettles().isEmpty());
  }

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
    FakeStream stream =
        start(
            options(),
            (message, context) -> {
              release.await();
              return null;
            });
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
  void middlewareStandsAroundTheHandler() {
    Middleware outer =
        next ->
            (message, context) -> {
              Settlement inner = next.handle(message, context).settlement();
              return inner.withReplies(List.of(Reply.of("outer"), inner.replies().get(0)));
            };
    FakeStream stream = start(options().middleware(outer), (message, context) -> Reply.of("inner"));
    Settle settle = settle(stream, "x");
    assertEquals("outer", settle.getReplies(0).getPayload().toStringUtf8());
    assertEquals("inner", settle.getReplies(1).getPayload().toStringUtf8());
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
  void aListenerThatFailsEndsNothing() {
    FakeStream stream =
        start(
            options()
                .onEvent(
                    event -> {
                      throw new IllegalStateException("listener");
                    })
                .onResult(
                    result -> {
                      throw new IllegalStateException("listener");
                    }),
            (message, context) -> null);
    stream.result(Result.newBuilder().setReplyId(7));
    settle(stream, "x");
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
