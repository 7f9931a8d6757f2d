package dev.sluice.worker;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * A message to publish. Where it goes: {@code topic}; else metadata "responseTopic"; else the
 * message's own Response Topic; else nowhere, which is no error. With which QoS: {@code qos}; else
 * metadata "responseQos"; else 0. No component is null. Arrays are not copied: do not write into
 * them once the reply has been given away.
 *
 * @param topic without wildcards, at most 65,535 bytes of UTF-8; empty: see above
 * @param payload any bytes
 * @param qos 0, 1 or 2; empty: see above
 * @param retain whether the broker keeps it
 * @param replyId chosen by you. Not 0: {@link Options.Builder#onResult} hears under this id what
 *     became of the reply
 * @param contentType MQTT 5 §3.3.2.3, dropped by the gateway on a connection that speaks 3.1.1;
 *     empty: none
 * @param responseTopic MQTT 5; empty: none
 * @param correlationData MQTT 5; empty: the message's own is echoed when the reply goes to the
 *     message's Response Topic
 * @param userProperties MQTT 5, at most 1,000
 * @param expirySeconds MQTT 5, 0 … 4,294,967,295; empty: never
 * @param metadata RuleGo's way to name topic and QoS; with the route's {@code metadataToHeaders}
 *     the rest becomes user properties
 */
public record Reply(
    String topic,
    byte[] payload,
    OptionalInt qos,
    boolean retain,
    long replyId,
    String contentType,
    String responseTopic,
    Optional<byte[]> correlationData,
    List<UserProperty> userProperties,
    OptionalLong expirySeconds,
    Map<String, String> metadata)
    implements Answer {

  /** Throws IllegalArgumentException for an expiry out of range; copies list and map. */
  public Reply {
    Objects.requireNonNull(topic, "topic");
    Objects.requireNonNull(payload, "payload");
    Objects.requireNonNull(qos, "qos");
    Objects.requireNonNull(contentType, "contentType");
    Objects.requireNonNull(responseTopic, "responseTopic");
    Objects.requireNonNull(correlationData, "correlationData");
    Objects.requireNonNull(expirySeconds, "expirySeconds");
    userProperties = List.copyOf(userProperties);
    if (!metadata.isEmpty()) {
      metadata = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(metadata));
    }
    if (expirySeconds.isPresent()) {
      long seconds = expirySeconds.getAsLong();
      if (seconds < 0 || seconds > 0xFFFF_FFFFL) {
        throw new IllegalArgumentException(
            "expirySeconds is " + seconds + "; allowed are 0 … 4,294,967,295");
      }
    }
  }

  /** A reply with this text to the message's Response Topic. */
  public static Reply of(String text) {
    return of(text.getBytes(StandardCharsets.UTF_8));
  }

  /** A reply with this payload to the message's Response Topic. */
  public static Reply of(byte[] payload) {
    return new Reply(
        "",
        payload,
        OptionalInt.empty(),
        false,
        0,
        "",
        "",
        Optional.empty(),
        List.of(),
        OptionalLong.empty(),
        Map.of());
  }

  /** A reply with this text to this topic. */
  public static Reply to(String topic, String text) {
    return to(topic, text.getBytes(StandardCharsets.UTF_8));
  }

  /** A reply with this payload to this topic. */
  public static Reply to(String topic, byte[] payload) {
    return of(payload).withTopic(topic);
  }

  /** The same to another topic. */
  public Reply withTopic(String other) {
    return new Reply(
        other,
        payload,
        qos,
        retain,
        replyId,
        contentType,
        responseTopic,
        correlationData,
        userProperties,
        expirySeconds,
        metadata);
  }

  /** The same with this QoS: 0, 1 or 2. */
  public Reply withQos(int other) {
    return new Reply(
        topic,
        payload,
        OptionalInt.of(other),
        retain,
        replyId,
        contentType,
        responseTopic,
        correlationData,
        userProperties,
        expirySeconds,
        metadata);
  }

  @Override
  public Settlement settlement() {
    return new Settlement.Ack(List.of(this));
  }

  /** Names topic and size, not the content. */
  @Override
  public String toString() {
    return "Reply["
        + (topic.isEmpty() ? "to the Response Topic" : topic)
        + ", "
        + payload.length
        + " bytes]";
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Reply reply
        && topic.equals(reply.topic)
        && Arrays.equals(payload, reply.payload)
        && qos.equals(reply.qos)
        && retain == reply.retain
        && replyId == reply.replyId
        && contentType.equals(reply.contentType)
        && responseTopic.equals(reply.responseTopic)
        && Arrays.equals(correlationData.orElse(null), reply.correlationData.orElse(null))
        && userProperties.equals(reply.userProperties)
        && expirySeconds.equals(reply.expirySeconds)
        && metadata.equals(reply.metadata);
  }

  @Override
  public int hashCode() {
    return 31 * topic.hashCode() + Arrays.hashCode(payload);
  }

  /** Where all is empty to begin with. */
  public static Builder builder() {
    return new Builder();
  }

  /** A builder that begins with this reply. */
  public Builder toBuilder() {
    Builder builder = new Builder();
    builder.topic = topic;
    builder.payload = payload;
    builder.qos = qos;
    builder.retain = retain;
    builder.replyId = replyId;
    builder.contentType = contentType;
    builder.responseTopic = responseTopic;
    builder.correlationData = correlationData;
    builder.userProperties.addAll(userProperties);
    builder.expirySeconds = expirySeconds;
    builder.metadata.putAll(metadata);
    return builder;
  }

  /** Makes a reply. Not thread-safe. Each method is described at the component of its name. */
  public static final class Builder {
    private String topic = "";
    private byte[] payload = {};
    private OptionalInt qos = OptionalInt.empty();
    private boolean retain;
    private long replyId;
    private String contentType = "";
    private String responseTopic = "";
    private Optional<byte[]> correlationData = Optional.empty();
    private final List<UserProperty> userProperties = new ArrayList<>();
    private OptionalLong expirySeconds = OptionalLong.empty();
    private final Map<String, String> metadata = new LinkedHashMap<>();

    private Builder() {}

    /** See {@link Reply#topic()}. */
    public Builder topic(String value) {
      topic = value;
      return this;
    }

    /** See {@link Reply#payload()}. */
    public Builder payload(byte[] value) {
      payload = value;
      return this;
    }

    /** The payload as text, which is sent as UTF-8. */
    public Builder payload(String value) {
      return payload(value.getBytes(StandardCharsets.UTF_8));
    }

    /** See {@link Reply#qos()}. */
    public Builder qos(int value) {
      qos = OptionalInt.of(value);
      return this;
    }

    /** See {@link Reply#retain()}. */
    public Builder retain(boolean value) {
      retain = value;
      return this;
    }

    /** See {@link Reply#replyId()}. */
    public Builder replyId(long value) {
      replyId = value;
      return this;
    }

    /** See {@link Reply#contentType()}. */
    public Builder contentType(String value) {
      contentType = value;
      return this;
    }

    /** See {@link Reply#responseTopic()}. */
    public Builder responseTopic(String value) {
      responseTopic = value;
      return this;
    }

    /** See {@link Reply#correlationData()}. */
    public Builder correlationData(byte[] value) {
      correlationData = Optional.of(value);
      return this;
    }

    /** One more; see {@link Reply#userProperties()}. */
    public Builder userProperty(String name, String value) {
      userProperties.add(new UserProperty(name, value));
      return this;
    }

    /** See {@link Reply#expirySeconds()}. */
    public Builder expirySeconds(long value) {
      expirySeconds = OptionalLong.of(value);
      return this;
    }

    /** One more entry; see {@link Reply#metadata()}. */
    public Builder metadata(String key, String value) {
      metadata.put(key, value);
      return this;
    }

    /** Throws IllegalArgumentException where a value is out of its range. */
    public Reply build() {
      return new Reply(
          topic,
          payload,
          qos,
          retain,
          replyId,
          contentType,
          responseTopic,
          correlationData,
          userProperties,
          expirySeconds,
          metadata);
    }
  }
}
