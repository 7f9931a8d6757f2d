package dev.sluice.worker.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.v1.WorkerFrame;
import dev.sluice.worker.Message;
import dev.sluice.worker.StatusCode;
import java.io.ByteArrayOutputStream;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

/** The state of a stream, with time as a number. */
class StreamTest {
  private static final long MS = Clock.MILLI;

  private final StreamSettings settings =
      new StreamSettings(
          "w", "i", List.of("a"), 3, 100, 0, 10_000 * MS, 1_000, /* inline= */ false);
  private final StreamState state = new StreamState(settings, 3, 0);

  private static GatewayFrame.Welcome welcome(String... features) {
    return new GatewayFrame.Welcome(
        1, "s", "g", List.of("a"), List.of(), 0, 10_000, 4 << 20, List.of(features));
  }

  private void greet(String... features) {
    state.hello(0);
    assertNull(state.greet(welcome(features)));
    state.handled(0);
  }

  private static Held held(long id, int bytes, long lease) {
    Message message =
        new Message(
            id,
            "m",
            "",
            "a",
            "",
            "t",
            new byte[0],
            0,
            false,
            false,
            null,
            Instant.EPOCH,
            Duration.ZERO,
            Duration.ZERO,
            1,
            "",
            "",
            "",
            new byte[0],
            List.of(),
            OptionalLong.empty(),
            Map.of());
    return new Held(message, lease, bytes);
  }

  private Batch deliver(long now, Held... deliveries) {
    GatewayFrame frame = new GatewayFrame();
    frame.deliveries = deliveries;
    frame.deliveryCount = deliveries.length;
    return state.take(frame, null, now);
  }

  private void settle(Held held) {
    held.move(Held.WAITING, Held.RUNNING);
    held.move(Held.RUNNING, Held.DONE);
    Chunk chunk = new Chunk();
    FrameEncoder.ping(held.id(), chunk.buffer);
    chunk.settled = 1;
    chunk.settledBytes = held.windowBytes;
    state.append(chunk);
  }

  private WorkerFrame sent(long now) throws Exception {
    Outbox.Frame frame = state.next(true, null, now).send;
    if (frame == null) {
      return null;
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (Chunk piece : frame.pieces) {
      bytes.write(piece.buffer.bytes, 0, piece.buffer.size);
    }
    return WorkerFrame.parseFrom(bytes.toByteArray());
  }

  @Test
  void nothingIsSaidBeforeTheWelcome() {
    Chunk chunk = new Chunk();
    FrameEncoder.ping(1, chunk.buffer);
    state.append(chunk);
    assertNull(state.next(true, null, 0).send);
  }

  @Test
  void aWelcomeComesFirstAndOnce() {
    assertEquals(StatusCode.INVALID_ARGUMENT, state.greet(null).code());
    greet();
    assertEquals(StatusCode.INVALID_ARGUMENT, state.greet(welcome()).code());
    assertNull(state.greet(null));
  }

  @Test
  void connectingHasALimit() {
    assertNull(state.tick(9_999 * MS).lost());
    assertEquals(10_000 * MS, state.tick(0).again());
    assertEquals(StatusCode.DEADLINE_EXCEEDED, state.tick(10_000 * MS).lost().code());
  }

  @Test
  void beyondTheWindowNothingIsRead() {
    greet();
    Held[] four = {held(1, 1, 0), held(2, 1, 0), held(3, 1, 0), held(4, 1, 0)};
    deliver(0, four);
    assertFalse(state.handled(0));
    settle(four[0]);
    assertTrue(state.next(true, null, 0).read);
  }

  @Test
  void oneMessageMayBeLargerThanTheWindow() {
    greet();
    deliver(0, held(1, 1_000, 0));
    assertTrue(state.handled(0));
    deliver(0, held(2, 1, 0));
    assertFalse(state.handled(0));
  }

  @Test
  void whileNothingIsReadTheGatewayIsNotSilent() {
    greet();
    deliver(0, held(1, 1, 0), held(2, 1, 0), held(3, 1, 0), held(4, 1, 0));
    state.handled(0);
    assertNull(state.tick(100_000 * MS).lost());
  }

  @Test
  void silenceOfTwoIntervalsEndsTheStream() {
    greet();
    assertNull(state.tick(19_999 * MS).lost());
    assertEquals(StatusCode.DEADLINE_EXCEEDED, state.tick(20_000 * MS).lost().code());
  }

  @Test
  void pingsHalfAnIntervalAfterTheLastFrame() throws Exception {
    greet();
    assertEquals(5_000 * MS, state.tick(0).again());
    assertFalse(state.tick(4_999 * MS).send());
    assertTrue(state.tick(5_000 * MS).send());
    assertEquals(StreamState.HEARTBEAT_NONCE, sent(5_000 * MS).getPing().getNonce());
    assertFalse(state.tick(9_999 * MS).send());
  }

  @Test
  void whatHasBegunIsToldAfterAWhileAndOnce() throws Exception {
    greet("began");
    Held quick = held(1, 1, 30_000 * MS);
    Held slow = held(2, 1, 30_000 * MS);
    deliver(0, quick, slow);
    slow.move(Held.WAITING, Held.RUNNING);
    settle(quick);
    sent(0);
    assertFalse(state.tick(49 * MS).send());
    assertTrue(state.tick(50 * MS).send());
    assertEquals(List.of(2L), sent(50 * MS).getBeganList());
    assertFalse(state.tick(100 * MS).send());
  }

  @Test
  void extendsAtHalfTheLeaseWhatHasBegun() throws Exception {
    greet("began");
    Held working = held(1, 1, 1_000 * MS);
    deliver(0, working, held(2, 1, 1_000 * MS));
    working.move(Held.WAITING, Held.RUNNING);
    state.tick(50 * MS);
    sent(50 * MS);
    assertTrue(state.tick(500 * MS).send());
    WorkerFrame frame = sent(500 * MS);
    assertEquals(1, frame.getExtendsCount());
    assertEquals(1, frame.getExtends(0).getDeliveryId());
    assertEquals(1_000, frame.getExtends(0).getLeaseMs());
    assertFalse(state.tick(999 * MS).send());
    assertTrue(state.tick(1_000 * MS).send());
  }

  @Test
  void withoutTheFeatureEverythingHeldIsExtended() throws Exception {
    greet();
    deliver(0, held(1, 1, 1_000 * MS), held(2, 1, 1_000 * MS));
    assertTrue(state.tick(500 * MS).send());
    assertEquals(2, sent(500 * MS).getExtendsCount());
  }

  @Test
  void leavesWhenThePongHasComeAndNothingIsHeld() throws Exception {
    greet();
    Held held = held(1, 1, 0);
    deliver(0, held);
    state.drain();
    assertNotNull(sent(0).getDrain());
    assertEquals(StreamState.DRAIN_NONCE, sent(0).getPing().getNonce());
    settle(held);
    sent(0);
    assertFalse(state.next(true, null, 0).halfClose);
    GatewayFrame pong = new GatewayFrame();
    pong.pong = StreamState.DRAIN_NONCE;
    state.take(pong, null, 0);
    assertTrue(state.next(true, null, 0).halfClose);
    assertFalse(state.next(true, null, 0).halfClose);
    assertNull(deliver(0, held(2, 1, 0)));
  }

  @Test
  void whatIsRevokedIsNotHeldAnyMore() {
    greet();
    Held held = held(1, 1, 0);
    deliver(0, held);
    state.drain();
    GatewayFrame frame = new GatewayFrame();
    frame.revokes = List.of(1L);
    frame.pong = StreamState.DRAIN_NONCE;
    state.take(frame, null, 0);
    assertEquals(Held.LOST, held.state());
    state.next(true, null, 0);
    state.next(true, null, 0);
    assertTrue(state.next(true, null, 0).halfClose);
  }

  @Test
  void whatMayWaitIsSentAfterAMillisecond() {
    greet();
    Chunk chunk = new Chunk();
    FrameEncoder.ping(9, chunk.buffer);
    state.append(chunk);
    assertEquals(MS, state.lazily(0));
    assertEquals(Clock.NEVER, state.lazily(0));
    assertFalse(state.tick(MS - 1).send());
    assertEquals(MS, state.tick(MS - 1).again());
    assertTrue(state.tick(MS).send());
  }

  @Test
  void aTransportThatIsNotReadyIsGivenNothing() {
    greet();
    Chunk chunk = new Chunk(2_000);
    chunk.buffer.size = 2_000;
    state.append(chunk);
    assertNull(state.next(false, null, 0).send);
    assertFalse(state.hasRoom(1));
    assertNotNull(state.next(true, null, 0).send);
    assertTrue(state.hasRoom(5_000));
  }
}
