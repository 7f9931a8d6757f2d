package dev.sluice.worker.internal;

import dev.sluice.worker.ItemResult;
import dev.sluice.worker.UserProperty;
import dev.sluice.worker.internal.WireReader.MalformedException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Reads a gateway's frames. The numbers are those of proto/sluice/v1/worker.proto; a test compares
 * all of them with the generated code. One for each stream: it remembers text that comes again.
 */
final class FrameDecoder {
  private static final ItemResult.Code[] CODES = ItemResult.Code.values();
  // Most frames hold deliveries alike in size; an odd one does not make us take too much at first.
  private static final int MOST_AT_FIRST = 1024;

  private final DeliveryDecoder deliveries = new DeliveryDecoder();

  /** Throws where the bytes are no GatewayFrame, or a delivery has no id. */
  GatewayFrame decode(byte[] bytes) throws MalformedException {
    GatewayFrame frame = new GatewayFrame();
    WireReader outer = new WireReader(bytes);
    WireReader inner = new WireReader(bytes);
    while (outer.next()) {
      if (outer.type != WireReader.BYTES) {
        continue; // Unknown: every field of today's frame is a message.
      }
      inner.enter(outer.begin, outer.length);
      switch (outer.number) {
        case 1 -> frame.welcome = welcome(inner, new WireReader(bytes));
        case 2 -> {
          if (frame.deliveryCount == frame.deliveries.length) {
            int room = frame.deliveryCount * 2;
            if (room == 0) {
              room = Math.min(bytes.length / (outer.length + 2) + 1, MOST_AT_FIRST);
            }
            frame.deliveries = Arrays.copyOf(frame.deliveries, room);
          }
          frame.deliveries[frame.deliveryCount++] = deliveries.decode(inner, bytes);
        }
        case 3 -> {
          if (frame.results.isEmpty()) {
            frame.results = new ArrayList<>();
          }
          frame.results.add(result(inner));
        }
        case 4 -> frame.ping = number(inner);
        case 5 -> frame.pong = number(inner);
        case 6 -> frame.drain = drain(inner);
        case 7 -> {
          if (frame.revokes.isEmpty()) {
            frame.revokes = new ArrayList<>();
          }
          frame.revokes.add(number(inner));
        }
        default -> {}
      }
    }
    return frame;
  }

  /** The first field: a nonce, a delivery's id, a window's messages. */
  private static Long number(WireReader reader) throws MalformedException {
    long number = 0;
    while (reader.next()) {
      if (reader.number == 1 && reader.type == WireReader.VARINT) {
        number = reader.value;
      }
    }
    return number;
  }

  private static GatewayFrame.Welcome welcome(WireReader reader, WireReader inner)
      throws MalformedException {
    long version = 0;
    String session = "";
    String gateway = "";
    List<String> accepted = new ArrayList<>();
    List<GatewayFrame.Refused> refused = new ArrayList<>();
    long maxWindow = 0;
    long heartbeat = 0;
    long maxFrame = 0;
    List<String> features = new ArrayList<>();
    while (reader.next()) {
      if (reader.type == WireReader.VARINT) {
        switch (reader.number) {
          case 1 -> version = reader.value;
          case 7 -> heartbeat = reader.value & 0xFFFF_FFFFL;
          case 8 -> maxFrame = reader.value;
          default -> {}
        }
      } else if (reader.type == WireReader.BYTES) {
        inner.enter(reader.begin, reader.length);
        switch (reader.number) {
          case 2 -> session = reader.string();
          case 3 -> gateway = reader.string();
          case 4 -> accepted.add(pair(inner).name());
          case 5 -> {
            UserProperty pair = pair(inner);
            refused.add(new GatewayFrame.Refused(pair.name(), pair.value()));
          }
          case 6 -> maxWindow = number(inner) & 0xFFFF_FFFFL;
          case 9 -> features.add(reader.string());
          default -> {}
        }
      }
    }
    return new GatewayFrame.Welcome(
        (int) Math.min(version & 0xFFFF_FFFFL, Integer.MAX_VALUE),
        session,
        gateway,
        accepted,
        refused,
        maxWindow,
        heartbeat,
        maxFrame,
        features);
  }

  /**
   * Two strings in the fields 1 and 2: a UserProperty, an entry of a map, a chain and why it is
   * refused.
   */
  static UserProperty pair(WireReader reader) throws MalformedException {
    String name = "";
    String value = "";
    while (reader.next()) {
      if (reader.type == WireReader.BYTES && reader.number == 1) {
        name = reader.string();
      } else if (reader.type == WireReader.BYTES && reader.number == 2) {
        value = reader.string();
      }
    }
    return new UserProperty(name, value);
  }

  private static ItemResult result(WireReader reader) throws MalformedException {
    long reply = 0;
    long delivery = 0;
    long code = 0;
    int reason = 0;
    String message = "";
    while (reader.next()) {
      if (reader.type == WireReader.VARINT) {
        switch (reader.number) {
          case 1 -> reply = reader.value;
          case 2 -> delivery = reader.value;
          case 3 -> code = reader.value;
          case 4 -> reason = (int) reader.value;
          default -> {}
        }
      } else if (reader.type == WireReader.BYTES && reader.number == 5) {
        message = reader.string();
      }
    }
    boolean known = code >= 0 && code < ItemResult.Code.UNKNOWN.ordinal();
    return new ItemResult(
        reply, delivery, known ? CODES[(int) code] : ItemResult.Code.UNKNOWN, reason, message);
  }

  private static GatewayFrame.Drain drain(WireReader reader) throws MalformedException {
    long deadline = 0;
    String reason = "";
    while (reader.next()) {
      if (reader.number == 1 && reader.type == WireReader.VARINT) {
        deadline = reader.value & 0xFFFF_FFFFL;
      } else if (reader.number == 2 && reader.type == WireReader.BYTES) {
        reason = reader.string();
      }
    }
    return new GatewayFrame.Drain(deadline, reason);
  }
}
