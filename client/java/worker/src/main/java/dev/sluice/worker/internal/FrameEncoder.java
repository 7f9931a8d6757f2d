package dev.sluice.worker.internal;

import dev.sluice.worker.Outcome;
import dev.sluice.worker.Reply;
import dev.sluice.worker.Settlement;
import dev.sluice.worker.UserProperty;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * Writes a worker's frames. Everything here appends whole fields of a WorkerFrame, so that any
 * concatenation of outputs is a frame.
 */
final class FrameEncoder {
  /** The most items a frame may hold (worker.proto, "Frames"); one with more ends the stream. */
  static final int MAX_FRAME_ITEMS = 100_000;

  private static final int MAX_REASON_BYTES = 1024;
  private static final long MAX_RETRY_MILLIS = 3_600_000;

  private static final int EXTENDS = 3;
  private static final int REPLIES = 4;
  private static final int SETTLES = 5;
  private static final int BEGAN = 9;

  private FrameEncoder() {}

  /** What counts as items of one reply. */
  static int items(Reply reply) {
    return 1 + reply.userProperties().size() + reply.metadata().size();
  }

  /** What counts as items of a settle with these replies. */
  static int items(List<Reply> replies) {
    long items = 1;
    for (Reply reply : replies) {
      items += items(reply);
    }
    return (int) Math.min(items, Integer.MAX_VALUE);
  }

  /** False, with nothing appended: the settle would take more than `limit` bytes. */
  static boolean settle(long deliveryId, Settlement settlement, int limit, WireBuffer out) {
    long least = 0;
    for (Reply reply : settlement.replies()) {
      least += least(reply);
    }
    if (least > limit) {
      return false;
    }
    String reason = settlement.reason();
    int before = out.size;
    int expected = (int) least + 48 + (reason.isEmpty() ? 0 : Math.min(reason.length(), 1024));
    int mark = out.begin(SETTLES, expected);
    out.number(1, deliveryId);
    out.number(2, settlement.outcome().ordinal());
    if (!reason.isEmpty()) {
      out.bytes(3, cleanReason(reason));
    }
    if (settlement instanceof Settlement.Retry retry) {
      out.number(4, retryMillis(retry.after()));
    }
    for (Reply reply : settlement.replies()) {
      reply(5, reply, 0, out);
    }
    out.end(mark, expected);
    if (out.size - before > limit) {
      out.size = before;
      return false;
    }
    return true;
  }

  /** Of a settle that stands for one that was too large, and has no replies. */
  static void reject(long deliveryId, String reason, WireBuffer out) {
    int mark = out.begin(SETTLES, reason.length() + 16);
    out.number(1, deliveryId);
    out.number(2, Outcome.REJECT.ordinal());
    out.bytes(3, cleanReason(reason));
    out.end(mark, reason.length() + 16);
  }

  /** A reply ahead of its settle. False, with nothing appended: it would take more than `limit`. */
  static boolean earlyReply(Reply reply, long deliveryId, int limit, WireBuffer out) {
    if (least(reply) > limit) {
      return false;
    }
    int before = out.size;
    reply(REPLIES, reply, deliveryId, out);
    if (out.size - before > limit) {
      out.size = before;
      return false;
    }
    return true;
  }

  /** Bytes that a reply takes at least: each character takes one or more. */
  private static long least(Reply reply) {
    long least =
        (long) reply.payload().length
            + reply.topic().length()
            + reply.contentType().length()
            + reply.responseTopic().length();
    if (reply.correlationData().isPresent()) {
      least += reply.correlationData().get().length;
    }
    for (UserProperty property : reply.userProperties()) {
      least += property.name().length() + property.value().length();
    }
    for (Map.Entry<String, String> entry : reply.metadata().entrySet()) {
      least += entry.getKey().length() + entry.getValue().length();
    }
    return least;
  }

  private static void reply(int field, Reply reply, long deliveryId, WireBuffer out) {
    int expected = reply.payload().length + reply.topic().length() + 12;
    int mark = out.begin(field, expected);
    out.number(1, deliveryId);
    out.number(2, reply.replyId());
    out.string(3, reply.topic());
    if (reply.qos().isPresent()) {
      out.presentNumber(4, reply.qos().getAsInt() & 0xFFFF_FFFFL);
    }
    out.flag(5, reply.retain());
    out.bytes(6, reply.payload());
    out.string(7, reply.contentType());
    out.string(8, reply.responseTopic());
    if (reply.correlationData().isPresent()) {
      out.presentBytes(9, reply.correlationData().get());
    }
    for (UserProperty property : reply.userProperties()) {
      pair(10, property.name(), property.value(), out);
    }
    if (reply.expirySeconds().isPresent()) {
      out.presentNumber(11, reply.expirySeconds().getAsLong());
    }
    for (Map.Entry<String, String> entry : reply.metadata().entrySet()) {
      pair(12, entry.getKey(), entry.getValue(), out);
    }
    out.end(mark, expected);
  }

  /** A UserProperty and an entry of a map alike. */
  private static void pair(int field, String name, String value, WireBuffer out) {
    int expected = name.length() + value.length() + 4;
    int mark = out.begin(field, expected);
    out.string(1, name);
    out.string(2, value);
    out.end(mark, expected);
  }

  /** The first 1,024 bytes, cut between two characters. */
  private static byte[] cleanReason(String reason) {
    byte[] whole = reason.getBytes(StandardCharsets.UTF_8);
    if (whole.length <= MAX_REASON_BYTES) {
      return whole;
    }
    int end = MAX_REASON_BYTES;
    while ((whole[end] & 0xC0) == 0x80) {
      end--;
    }
    return java.util.Arrays.copyOf(whole, end);
  }

  private static long retryMillis(Duration after) {
    if (after.isNegative()) {
      return 0;
    }
    // Less than a millisecond is not nothing: nothing would leave the pause to the gateway.
    return after.compareTo(Duration.ofMillis(MAX_RETRY_MILLIS)) >= 0
        ? MAX_RETRY_MILLIS
        : (after.toNanos() + Clock.MILLI - 1) / Clock.MILLI;
  }

  /** Ids of deliveries that handlers have begun; at least one. */
  static void began(long[] deliveryIds, int from, int to, WireBuffer out) {
    int expected = (to - from) * 4;
    int mark = out.begin(BEGAN, expected);
    for (int i = from; i < to; i++) {
      out.varint(deliveryIds[i]);
    }
    out.end(mark, expected);
  }

  static void extend(long deliveryId, long leaseMillis, WireBuffer out) {
    int mark = out.begin(EXTENDS, 16);
    out.number(1, deliveryId);
    out.number(2, leaseMillis);
    out.end(mark, 16);
  }

  static void window(int messages, long bytes, WireBuffer out) {
    window(2, messages, bytes, out);
  }

  private static void window(int field, int messages, long bytes, WireBuffer out) {
    int mark = out.begin(field, 16);
    out.number(1, messages);
    out.number(2, bytes);
    out.end(mark, 16);
  }

  static void ping(long nonce, WireBuffer out) {
    nonce(6, nonce, out);
  }

  static void pong(long nonce, WireBuffer out) {
    nonce(7, nonce, out);
  }

  private static void nonce(int field, long nonce, WireBuffer out) {
    int mark = out.begin(field, 4);
    out.number(1, nonce);
    out.end(mark, 4);
  }

  static void drain(String reason, WireBuffer out) {
    int mark = out.begin(8, reason.length());
    out.bytes(2, cleanReason(reason));
    out.end(mark, reason.length());
  }

  /** What a worker begins with. */
  record Hello(
      int protocolVersion,
      String workerName,
      String instance,
      List<String> chains,
      int windowMessages,
      long windowBytes,
      long leaseMillis,
      String feature,
      String sdk) {
    void encode(WireBuffer out) {
      int mark = out.begin(1, 1024);
      out.number(1, protocolVersion);
      out.number(2, protocolVersion);
      out.string(3, workerName);
      out.string(4, instance);
      for (String chain : chains) {
        out.string(5, chain);
      }
      window(6, windowMessages, windowBytes, out);
      out.number(7, leaseMillis);
      out.string(8, feature);
      out.string(9, sdk);
      out.end(mark, 1024);
    }
  }
}
