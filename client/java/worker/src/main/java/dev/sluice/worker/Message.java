package dev.sluice.worker;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What a handler is given: one attempt at one MQTT message. Field by field as in {@code
 * proto/sluice/v1/worker.proto}, Delivery. No component is null. It may be kept and shared between
 * threads, as long as nobody writes into its arrays, which are not copied.
 *
 * @param deliveryId this attempt, on this stream; never 0, below 2^53
 * @param messageId the message: the same in every attempt. What a worker that must not act twice
 *     remembers
 * @param route the id of the route
 * @param chain the chain
 * @param startNode the node of the chain to start at; empty: the first
 * @param topic the topic it was published to (not the filter)
 * @param payload what was published
 * @param qos 0, 1 or 2
 * @param retain the PUBLISH's flag
 * @param dup the PUBLISH's flag
 * @param dataType how the route says the payload is to be read
 * @param received when the gateway received it, by the gateway's clock
 * @param age how long it had been in the gateway when the frame was made
 * @param lease how long the gateway waits for the settlement. The SDK extends it for as long as the
 *     handler runs
 * @param attempt 1 for the first
 * @param orderingKey messages of one chain with an equal non-empty key come one after the other;
 *     empty: in no order
 * @param contentType MQTT 5 §3.3.2.3; empty: none
 * @param responseTopic where the publisher wants the answer; empty: none
 * @param correlationData goes with the response topic; empty: none
 * @param userProperties in the publisher's order
 * @param expirySeconds seconds left before the message expires; empty: never
 * @param metadata what the route's {@code headersToMetadata} made of the user properties
 */
public record Message(
    long deliveryId,
    String messageId,
    String route,
    String chain,
    String startNode,
    String topic,
    byte[] payload,
    int qos,
    boolean retain,
    boolean dup,
    DataType dataType,
    Instant received,
    Duration age,
    Duration lease,
    int attempt,
    String orderingKey,
    String contentType,
    String responseTopic,
    byte[] correlationData,
    List<UserProperty> userProperties,
    OptionalLong expirySeconds,
    Map<String, String> metadata) {

  /** The payload, read as UTF-8. */
  public String text() {
    return new String(payload, StandardCharsets.UTF_8);
  }

  /** The value of the first user property of this name. */
  public Optional<String> userProperty(String name) {
    for (UserProperty property : userProperties) {
      if (property.name().equals(name)) {
        return Optional.of(property.value());
      }
    }
    return Optional.empty();
  }

  /** Two are equal when they are the same attempt of the same message. */
  @Override
  public boolean equals(Object other) {
    return other instanceof Message message
        && deliveryId == message.deliveryId
        && messageId.equals(message.messageId);
  }

  @Override
  public int hashCode() {
    return Long.hashCode(deliveryId);
  }

  /** Names it, without its content. */
  @Override
  public String toString() {
    return "Message[" + messageId + ", attempt " + attempt + ", " + topic + "]";
  }
}
