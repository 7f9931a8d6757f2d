package dev.sluice.worker.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.worker.Family;
import dev.sluice.worker.StatusCode;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The small parts that decide something, without sockets and clocks. */
class PartsTest {
  @Test
  void pausesDoubleUpToTheLongest() {
    Backoff backoff = new Backoff(100, 1_000, (low, high) -> high);
    assertEquals(100, backoff.next(StatusCode.UNAVAILABLE));
    assertEquals(200, backoff.next(StatusCode.UNAVAILABLE));
    assertEquals(400, backoff.next(StatusCode.UNAVAILABLE));
    assertEquals(800, backoff.next(StatusCode.UNAVAILABLE));
    for (int i = 0; i < 100; i++) {
      assertEquals(1_000, backoff.next(StatusCode.UNAVAILABLE));
    }
    backoff.reset();
    assertEquals(100, backoff.next(StatusCode.UNAVAILABLE));
    assertEquals(1_000, backoff.next(StatusCode.UNIMPLEMENTED));
    assertEquals(50, new Backoff(100, 1_000, (low, high) -> low).next(StatusCode.INTERNAL));
  }

  @Test
  void theWindowFollowsHowLongHandlersTake() {
    assertEquals(4, AutoWindow.forStream(4, 0, 1));
    assertEquals(44, AutoWindow.forStream(4, 10 * Clock.MILLI, 1));
    assertEquals(22, AutoWindow.forStream(4, 10 * Clock.MILLI, 2));
    assertEquals(4, AutoWindow.forStream(4, Clock.SECOND, 1));
    assertEquals(1, AutoWindow.forStream(1, Clock.SECOND, 3));
    assertEquals(1_000, AutoWindow.forStream(4, 1, 1));
    assertTrue(AutoWindow.worthTelling(100, 125));
    assertFalse(AutoWindow.worthTelling(100, 120));
    assertFalse(AutoWindow.worthTelling(3, 3));
  }

  @Test
  void gatewaysAreParsed() {
    assertEquals(new Target("a.example", 7443, false), Target.parse("a.example"));
    assertEquals(new Target("a.example", 1, false), Target.parse("a.example:1"));
    assertEquals(new Target("192.0.2.7", 7, true), Target.parse("192.0.2.7:7"));
    assertEquals(new Target("::1", 7443, true), Target.parse("[::1]"));
    assertEquals(new Target("::1", 7443, true), Target.parse("::1"));
    assertEquals(new Target("fe80::1", 9, true), Target.parse("[fe80::1]:9"));
    for (String wrong :
        List.of("", ":1", "a:0", "a:65536", "a:x", "a:", "[::1", "[::1]x", "http://a", "1::2::3")) {
      String text =
          assertThrows(IllegalArgumentException.class, () -> Target.parse(wrong)).getMessage();
      assertTrue(text.startsWith("gateways: \"" + wrong + "\""), text);
    }
  }

  @Test
  void addressesArePrintedShort() throws Exception {
    assertEquals("[::1]:7", address("::1").toString());
    assertEquals("[2001:db8::1:0:0:1]:7", address("2001:db8:0:0:1:0:0:1").toString());
    assertEquals("[2001:db8:0:1:1:1:1:1]:7", address("2001:db8:0:1:1:1:1:1").toString());
    assertEquals("[::]:7", address("::").toString());
    assertEquals("192.0.2.1:7", address("192.0.2.1").toString());
  }

  private static Address address(String ip) throws UnknownHostException {
    return new Address(InetAddress.getByName(ip), 7, ip);
  }

  @Test
  void familiesAreChosen() throws Exception {
    Target target = new Target("a", 7, false);
    InetAddress four = InetAddress.getByName("192.0.2.1");
    InetAddress six = InetAddress.getByName("2001:db8::1");
    assertEquals(
        List.of(new Address(four, 7, "a")),
        Addresses.resolve(target, host -> List.of(six, four, four), Family.PREFER_IPV4));
    assertEquals(
        List.of(new Address(six, 7, "a")),
        Addresses.resolve(target, host -> List.of(six, four), Family.PREFER_IPV6));
    assertEquals(
        List.of(new Address(four, 7, "a")),
        Addresses.resolve(target, host -> List.of(four), Family.PREFER_IPV6));
    assertEquals(2, Addresses.resolve(target, host -> List.of(six, four), Family.ALL).size());
    assertThrows(
        UnknownHostException.class, () -> Addresses.resolve(target, host -> List.of(), Family.ALL));
  }

  @Test
  void namesTellWhatHasChanged() throws Exception {
    Names names = new Names(List.of(new Target("a", 7, false), new Target("b", 7, false)));
    Address one = address("192.0.2.1");
    Address two = address("192.0.2.2");
    assertEquals(List.of(one), names.found(0, List.of(one)).added());
    // The same replica by another name.
    assertEquals(List.of(two), names.found(1, List.of(one, two)).added());
    assertEquals(List.of(), names.found(0, List.of()).gone());
    assertEquals(List.of(one), names.found(1, List.of(two)).gone());
    assertTrue(names.failed(0, "x"));
    assertFalse(names.failed(0, "x"));
    assertTrue(names.failed(0, "y"));
  }

  @Test
  void framesAreCutByBytesAndItems() {
    Outbox outbox = new Outbox();
    outbox.limit(1_000);
    for (int i = 0; i < 10; i++) {
      outbox.append(chunk(300, 1));
    }
    assertEquals(3_000, outbox.bytes());
    assertEquals(900, outbox.take(1_000).bytes);
    Outbox items = new Outbox();
    items.append(chunk(10, 60_000));
    items.append(chunk(10, 60_000));
    assertEquals(10, items.take(1_000).bytes);
    assertEquals(10, items.take(1_000).bytes);
    assertTrue(items.isEmpty());
  }

  @Test
  void threadsOfHandlersAreVirtualWhereThereAreSome() throws Exception {
    Thread thread = Threads.forHandlers().newThread(() -> {});
    assertTrue(thread.isDaemon());
    if (Runtime.version().feature() >= 21) {
      assertEquals(true, Thread.class.getMethod("isVirtual").invoke(thread));
    }
  }

  @Test
  void whatEndsAFrameIsFollowedByAnother() {
    Outbox outbox = new Outbox();
    Chunk last = chunk(10, 0);
    last.endsFrame = true;
    outbox.append(chunk(10, 0));
    outbox.append(last);
    outbox.append(chunk(10, 0));
    assertEquals(20, outbox.take(1_000).bytes);
    assertEquals(10, outbox.take(1_000).bytes);
  }

  @Test
  void largeChunksAreMovedNotCopied() {
    Outbox outbox = new Outbox();
    Chunk large = chunk(100_000, 1);
    byte[] bytes = large.buffer.bytes;
    outbox.append(large);
    assertEquals(0, large.buffer.size);
    Outbox.Frame frame = outbox.take(1 << 20);
    assertTrue(frame.pieces.get(0).buffer.bytes == bytes);
  }

  private static Chunk chunk(int bytes, int items) {
    Chunk chunk = new Chunk(bytes);
    chunk.buffer.size = bytes;
    chunk.items = items;
    return chunk;
  }
}
