package dev.sluice.testee;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.sluice.worker.Reply;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.Map;

/** Replies as scripts write them. */
final class Replies {
  private Replies() {}

  static Reply of(JsonObject given) {
    Reply.Builder reply = Reply.builder();
    for (Map.Entry<String, JsonElement> each : given.entrySet()) {
      JsonElement value = each.getValue();
      switch (each.getKey()) {
        case "topic" -> reply.topic(value.getAsString());
        case "payload" -> reply.payload(value.getAsString());
        case "payload_base64" -> reply.payload(Base64.getDecoder().decode(value.getAsString()));
        case "payload_bytes" -> {
          byte[] payload = new byte[value.getAsInt()];
          Arrays.fill(payload, "x".getBytes(StandardCharsets.US_ASCII)[0]);
          reply.payload(payload);
        }
        case "qos" -> reply.qos(value.getAsInt());
        case "retain" -> reply.retain(value.getAsBoolean());
        case "reply_id" -> reply.replyId(value.getAsLong());
        case "content_type" -> reply.contentType(value.getAsString());
        case "response_topic" -> reply.responseTopic(value.getAsString());
        case "correlation_data_base64" ->
            reply.correlationData(Base64.getDecoder().decode(value.getAsString()));
        case "user_properties" ->
            value
                .getAsJsonArray()
                .forEach(
                    pair ->
                        reply.userProperty(
                            pair.getAsJsonArray().get(0).getAsString(),
                            pair.getAsJsonArray().get(1).getAsString()));
        case "expiry_s" -> reply.expirySeconds(value.getAsLong());
        case "metadata" ->
            value
                .getAsJsonObject()
                .entrySet()
                .forEach(entry -> reply.metadata(entry.getKey(), entry.getValue().getAsString()));
        default -> throw new IllegalArgumentException("unknown field " + each.getKey());
      }
    }
    return reply.build();
  }
}
