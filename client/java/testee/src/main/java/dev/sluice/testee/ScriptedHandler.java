package dev.sluice.testee;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import dev.sluice.worker.Answer;
import dev.sluice.worker.Context;
import dev.sluice.worker.Handler;
import dev.sluice.worker.Message;
import dev.sluice.worker.Reply;
import dev.sluice.worker.SendException;
import dev.sluice.worker.Settlement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Locale;

/** Does what stands in the message's payload. */
final class ScriptedHandler implements Handler {
  private final Output output;
  private final Gates gates;

  ScriptedHandler(Output output, Gates gates) {
    this.output = output;
    this.gates = gates;
  }

  /** What a step asks the handler to fail with. */
  private static final class ThrownException extends RuntimeException {
    private static final long serialVersionUID = 1;

    ThrownException(String text) {
      super(text);
    }
  }

  @Override
  public Answer handle(Message message, Context context) throws Exception {
    for (JsonElement step : steps(message)) {
      Answer answer = perform(step.getAsJsonObject(), message, context);
      if (answer != null) {
        return answer;
      }
    }
    return null;
  }

  private static JsonArray steps(Message message) {
    try {
      JsonElement payload = JsonParser.parseString(message.text());
      if (payload.isJsonObject()
          && payload.getAsJsonObject().get("steps") instanceof JsonArray steps) {
        return steps;
      }
    } catch (JsonParseException other) {
      // A payload that is no script is acknowledged.
    }
    return new JsonArray();
  }

  /** Null: go on. */
  private Answer perform(JsonObject step, Message message, Context context) throws Exception {
    for (String verb : step.keySet()) {
      JsonElement argument = step.get(verb);
      switch (verb) {
        case "describe" -> output.write(describe(message));
        case "say" -> {
          JsonObject event = event("said", message);
          event.addProperty("text", argument.getAsString());
          output.write(event);
        }
        case "sleep_ms" -> Thread.sleep(argument.getAsLong());
        case "gate" -> gates.pass(argument.getAsString());
        case "until_abandoned" -> {
          context.abandonment().join();
          output.write(event("abandoned", message));
        }
        case "send" -> {
          JsonObject event = event("sent", message);
          event.addProperty("status", send(context, Replies.of(argument.getAsJsonObject())));
          output.write(event);
        }
        case "throw" -> throw new ThrownException(argument.getAsString());
        case "settle" -> {
          return settlement(argument.getAsJsonObject());
        }
        case "return" -> {
          return argument.isJsonArray()
              ? Answer.of(replies(argument))
              : Replies.of(argument.getAsJsonObject());
        }
        default -> throw new IllegalArgumentException("unknown step " + verb);
      }
    }
    return null;
  }

  private static String send(Context context, Reply reply) {
    try {
      context.send(reply);
      return "OK";
    } catch (SendException failure) {
      return failure.status().code().name();
    }
  }

  private static List<Reply> replies(JsonElement array) {
    List<Reply> replies = new ArrayList<>();
    if (array != null) {
      array.getAsJsonArray().forEach(each -> replies.add(Replies.of(each.getAsJsonObject())));
    }
    return replies;
  }

  private static Settlement settlement(JsonObject given) {
    String reason = given.has("reason") ? given.get("reason").getAsString() : "";
    long after = given.has("retry_after_ms") ? given.get("retry_after_ms").getAsLong() : 0;
    Settlement settlement =
        switch (given.get("outcome").getAsString()) {
          case "ack" -> Settlement.ack();
          case "retry" -> Settlement.retry(reason, Duration.ofMillis(after));
          case "reject" -> Settlement.reject(reason);
          case "drop" -> Settlement.drop(reason);
          default -> throw new IllegalArgumentException("unknown outcome");
        };
    return settlement.withReplies(replies(given.get("replies")));
  }

  private static JsonObject event(String name, Message message) {
    JsonObject event = Output.event(name);
    event.addProperty("delivery_id", message.deliveryId());
    return event;
  }

  private static JsonObject describe(Message message) {
    JsonObject event = event("message", message);
    event.addProperty("message_id", message.messageId());
    event.addProperty("route", message.route());
    event.addProperty("chain", message.chain());
    event.addProperty("start_node", message.startNode());
    event.addProperty("topic", message.topic());
    event.addProperty("payload_base64", Base64.getEncoder().encodeToString(message.payload()));
    event.addProperty("qos", message.qos());
    event.addProperty("retain", message.retain());
    event.addProperty("dup", message.dup());
    event.addProperty("data_type", message.dataType().name().toLowerCase(Locale.ROOT));
    event.addProperty("received_unix_ms", message.received().toEpochMilli());
    event.addProperty("age_ms", message.age().toMillis());
    event.addProperty("lease_ms", message.lease().toMillis());
    event.addProperty("attempt", message.attempt());
    event.addProperty("ordering_key", message.orderingKey());
    event.addProperty("content_type", message.contentType());
    event.addProperty("response_topic", message.responseTopic());
    event.addProperty(
        "correlation_data_base64", Base64.getEncoder().encodeToString(message.correlationData()));
    JsonArray properties = new JsonArray();
    message
        .userProperties()
        .forEach(
            property -> {
              JsonArray pair = new JsonArray();
              pair.add(property.name());
              pair.add(property.value());
              properties.add(pair);
            });
    event.add("user_properties", properties);
    if (message.expirySeconds().isPresent()) {
      event.addProperty("expiry_s", message.expirySeconds().getAsLong());
    } else {
      event.add("expiry_s", JsonNull.INSTANCE);
    }
    JsonObject metadata = new JsonObject();
    message.metadata().forEach(metadata::addProperty);
    event.add("metadata", metadata);
    return event;
  }
}
