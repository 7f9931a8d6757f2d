package dev.sluice.worker;

/**
 * What became of one reply that had an id, or of an item that was in error (replyId 0).
 *
 * @param replyId the reply's; 0: the item had none
 * @param deliveryId the delivery that the item named
 * @param code what became of it
 * @param mqttReasonCode the broker's reason code (MQTT 5 §2.4) with REFUSED, else 0
 * @param message for people
 */
public record ItemResult(
    long replyId, long deliveryId, Code code, int mqttReasonCode, String message) {
  /** In the order of the protocol's numbers. */
  public enum Code {
    /**
     * Confirmed by the broker (QoS 1, 2), written to it (QoS 0), or without a topic and so not
     * sent.
     */
    OK,
    /** The delivery was not in flight any more: nothing was done. */
    STALE,
    /** A value outside of its range; the message says which. */
    INVALID,
    /** No topic that can be published to. */
    INVALID_TOPIC,
    /** Not 0, 1 or 2, or above what the broker takes. */
    INVALID_QOS,
    /** The gateway's rules do not let this worker publish it. */
    DENIED,
    /** Larger than the broker or the gateway takes. */
    TOO_LARGE,
    /** Not confirmed in time; the gateway goes on trying. */
    TIMEOUT,
    /** By the broker: see the MQTT reason code. */
    REFUSED,
    /** A reply of QoS 0 to a message of QoS 0, and the broker was not connected. */
    NOT_CONNECTED,
    /** Its settlement was a RETRY. */
    NOT_PUBLISHED,
    /** A lease cannot be extended any further. The SDK takes care of it. */
    CLIPPED,
    /** Its expiry was over before it could be published. */
    EXPIRED,
    /** A code that this SDK does not know: a failure. */
    UNKNOWN
  }
}
