package dev.sluice.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import dev.sluice.v1.Delivery;
import dev.sluice.v1.Hello;
import dev.sluice.v1.Result;
import dev.sluice.v1.Revoke;
import dev.sluice.v1.Settle;
import dev.sluice.worker.testing.FakeStream;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/** What handlers are given, and what becomes of what they return. */
class WorkerTest extends WorkerFixture {
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
    assertTrue(hello.getSdk().matches("sluice-java/\\d+\\.\\d+\\.\\d+"), hello.getSdk());
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
    FakeStream stream = start(options(), holding(release));
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
}
