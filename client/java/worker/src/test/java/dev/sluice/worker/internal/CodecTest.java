package dev.sluice.worker.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.UnknownFieldSet;
import dev.sluice.v1.AcceptedChain;
import dev.sluice.v1.Delivery;
import dev.sluice.v1.Drain;
import dev.sluice.v1.GatewayFrame;
import dev.sluice.v1.Ping;
import dev.sluice.v1.Pong;
import dev.sluice.v1.RefusedChain;
import dev.sluice.v1.Result;
import dev.sluice.v1.Revoke;
import dev.sluice.v1.Settle;
import dev.sluice.v1.Welcome;
import dev.sluice.v1.Window;
import dev.sluice.v1.WorkerFrame;
import dev.sluice.worker.DataType;
import dev.sluice.worker.ItemResult;
import dev.sluice.worker.Message;
import dev.sluice.worker.Reply;
import dev.sluice.worker.Settlement;
import dev.sluice.worker.UserProperty;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Frames as the SDK reads and writes them, beside the generated code. */
class CodecTest {
  private static dev.sluice.worker.internal.GatewayFrame decode(GatewayFrame frame)
      throws Exception {
    return new FrameDecoder().decode(frame.toByteArray());
  }

  private static WorkerFrame parse(WireBuffer buffer) throws InvalidProtocolBufferException {
    return WorkerFrame.parser()
        .parseFrom(ByteString.copyFrom(buffer.bytes, 0, buffer.size).toByteArray());
  }

  private static final Delivery FULL =
      Delivery.newBuilder()
          .setDeliveryId((1L << 53) - 1)
          .setMessageId("019a")
          .setRoute("r")
          .setChain("temperature")
          .setStartNode("s1")
          .setTopic("plant/öfen/temp")
          .setPayload(ByteString.copyFrom(new byte[] {0, 1, (byte) 0xFF}))
          .setQos(2)
          .setRetain(true)
          .setDup(true)
          .setDataTypeValue(3)
          .setReceivedUnixMs(1_700_000_000_123L)
          .setAgeMs(17)
          .setLeaseMs((int) 4_000_000_000L)
          .setAttempt(3)
          .setOrderingKey("key")
          .setContentType("text/plain")
          .setResponseTopic("reply/to")
          .setCorrelationData(ByteString.copyFrom(new byte[] {9, 8}))
          .addUserProperties(dev.sluice.v1.UserProperty.newBuilder().setName("a").setValue("1"))
          .addUserProperties(dev.sluice.v1.UserProperty.newBuilder().setName("a").setValue(""))
          .setExpiryS(0)
          .putMetadata("m", "ü")
          .build();

  @Test
  void readsEveryFieldOfADelivery() throws Exception {
    var frame = decode(GatewayFrame.newBuilder().addDeliveries(FULL).build());
    assertEquals(1, frame.deliveryCount);
    Message message = frame.deliveries[0].message;
    assertEquals((1L << 53) - 1, message.deliveryId());
    assertEquals("019a", message.messageId());
    assertEquals("r", message.route());
    assertEquals("temperature", message.chain());
    assertEquals("s1", message.startNode());
    assertEquals("plant/öfen/temp", message.topic());
    assertArrayEquals(new byte[] {0, 1, (byte) 0xFF}, message.payload());
    assertEquals(2, message.qos());
    assertTrue(message.retain());
    assertTrue(message.dup());
    assertEquals(DataType.BINARY, message.dataType());
    assertEquals(1_700_000_000_123L, message.received().toEpochMilli());
    assertEquals(Duration.ofMillis(17), message.age());
    assertEquals(Duration.ofMillis(4_000_000_000L), message.lease());
    assertEquals(3, message.attempt());
    assertEquals("key", message.orderingKey());
    assertEquals("text/plain", message.contentType());
    assertEquals("reply/to", message.responseTopic());
    assertArrayEquals(new byte[] {9, 8}, message.correlationData());
    assertEquals(
        List.of(new UserProperty("a", "1"), new UserProperty("a", "")), message.userProperties());
    assertEquals(0, message.expirySeconds().orElseThrow());
    assertEquals(Map.of("m", "ü"), message.metadata());
    // Payload, topic and properties; ö takes two bytes.
    assertEquals(3 + 16 + 10 + 8 + 2 + 3, frame.deliveries[0].windowBytes);
  }

  @Test
  void whatIsAbsentIsEmpty() throws Exception {
    Delivery delivery = Delivery.newBuilder().setDeliveryId(1).setDataTypeValue(77).build();
    var frame = decode(GatewayFrame.newBuilder().addDeliveries(delivery).build());
    Message message = frame.deliveries[0].message;
    assertEquals("", message.topic());
    assertEquals(0, message.payload().length);
    assertEquals(DataType.UNSPECIFIED, message.dataType());
    assertTrue(message.expirySeconds().isEmpty());
    assertTrue(message.metadata().isEmpty());
  }

  @Test
  void readsAllOtherPartsOfAFrame() throws Exception {
    UnknownFieldSet unknown =
        UnknownFieldSet.newBuilder()
            .addField(900, UnknownFieldSet.Field.newBuilder().addFixed32(1).addFixed64(2).build())
            .build();
    var frame =
        decode(
            GatewayFrame.newBuilder()
                .setWelcome(
                    Welcome.newBuilder()
                        .setProtocolVersion(1)
                        .setSessionId("s")
                        .setGateway("g")
                        .addAcceptedChains(
                            AcceptedChain.newBuilder().setChain("a").setLeaseMs(1).setMaxLeaseMs(2))
                        .addRefusedChains(RefusedChain.newBuilder().setChain("b").setReason("no"))
                        .setMaxWindow(Window.newBuilder().setMessages(5).setBytes(6))
                        .setHeartbeatIntervalMs(10_000)
                        .setMaxFrameBytes(-1)
                        .addFeatures("began"))
                .addResults(
                    Result.newBuilder()
                        .setReplyId(1)
                        .setDeliveryId(2)
                        .setCodeValue(8)
                        .setMqttReasonCode(135)
                        .setMessage("m")
                        .setLeaseMs(3))
                .addResults(Result.newBuilder().setCodeValue(99))
                .setPing(Ping.newBuilder().setNonce(-1))
                .setPong(Pong.newBuilder())
                .setDrain(Drain.newBuilder().setDeadlineMs(7).setReason("so"))
                .addRevokes(Revoke.newBuilder().setDeliveryId(11).setReasonValue(2))
                .setUnknownFields(unknown)
                .build());
    var welcome =
        new dev.sluice.worker.internal.GatewayFrame.Welcome(
            1,
            "s",
            "g",
            List.of("a"),
            List.of(new dev.sluice.worker.internal.GatewayFrame.Refused("b", "no")),
            5,
            10_000,
            -1,
            List.of("began"));
    assertEquals(welcome, frame.welcome);
    assertEquals(
        List.of(
            new ItemResult(1, 2, ItemResult.Code.REFUSED, 135, "m"),
            new ItemResult(0, 0, ItemResult.Code.UNKNOWN, 0, "")),
        frame.results);
    assertEquals(-1, frame.ping);
    assertEquals(0, frame.pong);
    assertEquals(new dev.sluice.worker.internal.GatewayFrame.Drain(7, "so"), frame.drain);
    assertEquals(List.of(11L), frame.revokes);
  }

  @Test
  void codesHaveTheProtocolsNumbers() {
    for (Result.Code code : Result.Code.values()) {
      if (code != Result.Code.UNRECOGNIZED) {
        assertEquals("CODE_" + ItemResult.Code.values()[code.getNumber()], code.name());
      }
    }
    for (dev.sluice.v1.Outcome outcome : dev.sluice.v1.Outcome.values()) {
      if (outcome != dev.sluice.v1.Outcome.UNRECOGNIZED) {
        assertEquals(
            "OUTCOME_" + dev.sluice.worker.Outcome.values()[outcome.getNumber()], outcome.name());
      }
    }
  }

  @Test
  void damagedFramesAreRefusedOrRead() {
    byte[] whole = GatewayFrame.newBuilder().addDeliveries(FULL).build().toByteArray();
    Random random = new Random(7);
    for (int i = 0; i < 20_000; i++) {
      byte[] damaged = java.util.Arrays.copyOf(whole, random.nextInt(whole.length + 1));
      if (damaged.length > 0) {
        damaged[random.nextInt(damaged.length)] = (byte) random.nextInt();
      }
      try {
        new FrameDecoder().decode(damaged);
      } catch (WireReader.MalformedException expected) {
        assertTrue(expected.getMessage().startsWith("the gateway sent a malformed"));
      }
    }
    assertThrows(
        WireReader.MalformedException.class,
        () -> decode(GatewayFrame.newBuilder().addDeliveries(Delivery.newBuilder()).build()));
  }

  @Test
  void writesEveryFieldOfAReply() throws Exception {
    Reply reply =
        Reply.builder()
            .topic("tö")
            .payload("p".repeat(300))
            .qos(0)
            .retain(true)
            .replyId(77)
            .contentType("c")
            .responseTopic("r")
            .correlationData(new byte[0])
            .userProperty("n", "v".repeat(200))
            .userProperty("", "")
            .expirySeconds(4_000_000_000L)
            .metadata("k", "w")
            .build();
    dev.sluice.v1.Reply expected =
        dev.sluice.v1.Reply.newBuilder()
            .setReplyId(77)
            .setTopic("tö")
            .setQos(0)
            .setRetain(true)
            .setPayload(ByteString.copyFromUtf8("p".repeat(300)))
            .setContentType("c")
            .setResponseTopic("r")
            .setCorrelationData(ByteString.EMPTY)
            .addUserProperties(
                dev.sluice.v1.UserProperty.newBuilder().setName("n").setValue("v".repeat(200)))
            .addUserProperties(dev.sluice.v1.UserProperty.newBuilder())
            .setExpiryS((int) 4_000_000_000L)
            .putMetadata("k", "w")
            .build();
    WireBuffer out = new WireBuffer();
    Settlement settlement = Settlement.retry("later", Duration.ofNanos(1));
    assertTrue(FrameEncoder.settle(5, settlement.withReplies(List.of(reply)), 1 << 20, out));
    assertTrue(FrameEncoder.earlyReply(reply, 6, 1 << 20, out));
    WorkerFrame frame = parse(out);
    Settle settle = frame.getSettles(0);
    assertEquals(5, settle.getDeliveryId());
    assertEquals(dev.sluice.v1.Outcome.OUTCOME_RETRY, settle.getOutcome());
    assertEquals("later", settle.getReason());
    assertEquals(1, settle.getRetryAfterMs());
    assertEquals(expected, settle.getReplies(0));
    assertEquals(expected.toBuilder().setDeliveryId(6).build(), frame.getReplies(0));
  }

  @Test
  void writesEverythingElse() throws Exception {
    WireBuffer out = new WireBuffer();
    new FrameEncoder.Hello(1, "w", "i", List.of("a", "b"), 5, 6, 7, "began", "s/1").encode(out);
    FrameEncoder.window(8, 9, out);
    FrameEncoder.extend(10, 11, out);
    FrameEncoder.ping(12, out);
    FrameEncoder.pong(-1, out);
    FrameEncoder.drain("so", out);
    long[] ids = {1, 300, 1L << 50};
    FrameEncoder.began(ids, 0, 3, out);
    WorkerFrame frame = parse(out);
    assertEquals(1, frame.getHello().getMaxProtocolVersion());
    assertEquals("w", frame.getHello().getWorkerName());
    assertEquals("i", frame.getHello().getInstance());
    assertEquals(List.of("a", "b"), frame.getHello().getChainsList());
    assertEquals(5, frame.getHello().getWindow().getMessages());
    assertEquals(6, frame.getHello().getWindow().getBytes());
    assertEquals(7, frame.getHello().getLeaseMs());
    assertEquals(List.of("began"), frame.getHello().getFeaturesList());
    assertEquals("s/1", frame.getHello().getSdk());
    assertEquals(8, frame.getWindow().getMessages());
    assertEquals(11, frame.getExtends(0).getLeaseMs());
    assertEquals(12, frame.getPing().getNonce());
    assertEquals(-1, frame.getPong().getNonce());
    assertEquals("so", frame.getDrain().getReason());
    assertEquals(List.of(1L, 300L, 1L << 50), frame.getBeganList());
  }

  @Test
  void reasonsAreCutBetweenCharacters() throws Exception {
    for (String filler : List.of("", "x", "xx", "xxx")) {
      WireBuffer out = new WireBuffer();
      String reason = filler + "😀".repeat(400);
      assertTrue(FrameEncoder.settle(1, Settlement.reject(reason), 1 << 20, out));
      String cut = parse(out).getSettles(0).getReason();
      int bytes = cut.getBytes(StandardCharsets.UTF_8).length;
      assertTrue(bytes <= 1024 && bytes > 1020, cut);
      assertTrue(reason.startsWith(cut));
    }
  }

  @Test
  void whatIsTooLargeLeavesNothingBehind() {
    WireBuffer out = new WireBuffer();
    FrameEncoder.ping(1, out);
    int before = out.size;
    Settlement large = Settlement.ack(Reply.of(new byte[1000]));
    assertFalse(FrameEncoder.settle(1, large, 1000, out));
    assertFalse(FrameEncoder.earlyReply(Reply.of(new byte[999]), 1, 1000, out));
    assertEquals(before, out.size);
    assertTrue(FrameEncoder.settle(1, large, 1020, out));
  }

  @Test
  void itemsAreCountedAsTheProtocolSays() {
    Reply reply = Reply.builder().userProperty("a", "b").metadata("c", "d").build();
    assertEquals(3, FrameEncoder.items(reply));
    List<Reply> replies = new ArrayList<>(List.of(reply, reply));
    assertEquals(7, FrameEncoder.items(replies));
  }
}
