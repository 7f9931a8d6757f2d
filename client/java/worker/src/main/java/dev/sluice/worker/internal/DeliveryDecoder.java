package dev.sluice.worker.internal;

import dev.sluice.worker.DataType;
import dev.sluice.worker.Message;
import dev.sluice.worker.UserProperty;
import dev.sluice.worker.internal.WireReader.MalformedException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/** Reads deliveries. Not thread-safe. */
final class DeliveryDecoder {
  private static final DataType[] DATA_TYPES = DataType.values();
  private static final byte[] NOTHING = {};

  private final WireReader.Recent routes = new WireReader.Recent();
  private final WireReader.Recent chains = new WireReader.Recent();
  private final WireReader.Recent startNodes = new WireReader.Recent();
  private final WireReader.Recent topics = new WireReader.Recent();
  private final WireReader.Recent contentTypes = new WireReader.Recent();
  private final WireReader.Recent responseTopics = new WireReader.Recent();
  private long recentLease = -1;
  private Duration recentLeaseDuration = Duration.ZERO;

  private long deliveryId;
  private String messageId;
  private String route;
  private String chain;
  private String startNode;
  private String topic;
  private byte[] payload;
  private int qos;
  private boolean retain;
  private boolean dup;
  private DataType dataType;
  private long receivedMillis;
  private long ageMillis;
  private long leaseMillis;
  private int attempt;
  private String orderingKey;
  private String contentType;
  private String responseTopic;
  private byte[] correlationData;
  private List<UserProperty> userProperties;
  private OptionalLong expirySeconds;
  private Map<String, String> metadata;
  private long windowBytes;
  private int pairBytes; // Of the last pair.

  /** `reader` has entered the delivery, which lies within `frame`. */
  Held decode(WireReader reader, byte[] frame) throws MalformedException {
    reset();
    while (reader.next()) {
      if (reader.type == WireReader.BYTES) {
        text(reader, frame);
      } else if (reader.type == WireReader.VARINT) {
        number(reader);
      }
    }
    if (deliveryId == 0) {
      throw new MalformedException("Delivery: it has no id");
    }
    if (leaseMillis != recentLease) {
      recentLease = leaseMillis;
      recentLeaseDuration = Duration.ofMillis(leaseMillis);
    }
    Message message =
        new Message(
            deliveryId,
            messageId,
            route,
            chain,
            startNode,
            topic,
            payload,
            qos,
            retain,
            dup,
            dataType,
            Instant.ofEpochMilli(receivedMillis),
            Duration.ofMillis(ageMillis),
            recentLeaseDuration,
            attempt,
            orderingKey,
            contentType,
            responseTopic,
            correlationData,
            userProperties.isEmpty() ? List.of() : Collections.unmodifiableList(userProperties),
            expirySeconds,
            metadata.isEmpty() ? Map.of() : Collections.unmodifiableMap(metadata));
    return new Held(message, leaseMillis * Clock.MILLI, windowBytes);
  }

  private void reset() {
    deliveryId = 0;
    messageId = "";
    route = "";
    chain = "";
    startNode = "";
    topic = "";
    payload = NOTHING;
    qos = 0;
    retain = false;
    dup = false;
    dataType = DataType.UNSPECIFIED;
    receivedMillis = 0;
    ageMillis = 0;
    leaseMillis = 0;
    attempt = 0;
    orderingKey = "";
    contentType = "";
    responseTopic = "";
    correlationData = NOTHING;
    userProperties = List.of();
    expirySeconds = OptionalLong.empty();
    metadata = Map.of();
    windowBytes = 0;
  }

  private void text(WireReader reader, byte[] frame) throws MalformedException {
    switch (reader.number) {
      case 2 -> messageId = reader.string();
      case 3 -> route = routes.of(reader);
      case 4 -> chain = chains.of(reader);
      case 5 -> startNode = startNodes.of(reader);
      case 6 -> {
        topic = topics.of(reader);
        windowBytes += reader.length;
      }
      case 7 -> {
        payload = reader.bytes();
        windowBytes += reader.length;
      }
      case 16 -> orderingKey = reader.string();
      case 17 -> {
        contentType = contentTypes.of(reader);
        windowBytes += reader.length;
      }
      case 18 -> {
        responseTopic = responseTopics.of(reader);
        windowBytes += reader.length;
      }
      case 19 -> {
        correlationData = reader.bytes();
        windowBytes += reader.length;
      }
      case 20 -> {
        if (userProperties.isEmpty()) {
          userProperties = new ArrayList<>();
        }
        UserProperty property = pair(reader, frame);
        windowBytes += pairBytes;
        userProperties.add(property);
      }
      case 22 -> {
        if (metadata.isEmpty()) {
          metadata = new LinkedHashMap<>();
        }
        UserProperty entry = pair(reader, frame);
        metadata.put(entry.name(), entry.value());
      }
      default -> {}
    }
  }

  private UserProperty pair(WireReader reader, byte[] frame) throws MalformedException {
    WireReader inner = new WireReader(frame);
    inner.enter(reader.begin, reader.length);
    String name = "";
    String value = "";
    pairBytes = 0;
    while (inner.next()) {
      if (inner.type != WireReader.BYTES) {
        continue;
      }
      if (inner.number == 1) {
        name = inner.string();
        pairBytes += inner.length;
      } else if (inner.number == 2) {
        value = inner.string();
        pairBytes += inner.length;
      }
    }
    return new UserProperty(name, value);
  }

  private void number(WireReader reader) {
    long value = reader.value;
    switch (reader.number) {
      case 1 -> deliveryId = value;
      case 8 -> qos = (int) value;
      case 9 -> retain = value != 0;
      case 10 -> dup = value != 0;
      case 11 ->
          dataType = value >= 0 && value < 4 ? DATA_TYPES[(int) value] : DataType.UNSPECIFIED;
      case 12 -> receivedMillis = value;
      case 13 -> ageMillis = value;
      case 14 -> leaseMillis = value & 0xFFFF_FFFFL;
      case 15 -> attempt = (int) value;
      case 21 -> expirySeconds = OptionalLong.of(value & 0xFFFF_FFFFL);
      default -> {}
    }
  }
}
