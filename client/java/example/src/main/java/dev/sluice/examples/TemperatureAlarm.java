package dev.sluice.examples;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import dev.sluice.worker.Message;
import dev.sluice.worker.Reply;
import dev.sluice.worker.Settlement;
import dev.sluice.worker.Status;
import dev.sluice.worker.Worker;

/**
 * Watches temperatures: each sensor reading is answered with a verdict.
 *
 * <pre>
 * plant/boiler/temp         {"sensor":"boiler","celsius":81.5}
 * plant/boiler/reply/alarm  {"sensor":"boiler","celsius":81.5,"alarm":true,"limit":80}
 * </pre>
 */
public final class TemperatureAlarm {
  private static final String PROGRAM = "sluice-temperature-alarm";

  private TemperatureAlarm() {}

  /** "plant/boiler/temp" → "plant/boiler/reply/alarm"; one level gets the reply below itself. */
  static String alarmTopic(String topic) {
    int slash = topic.lastIndexOf('/');
    return (slash < 0 ? topic : topic.substring(0, slash)) + "/reply/alarm";
  }

  static Settlement check(Message message, double limit) {
    JsonObject reading;
    try {
      JsonElement payload = JsonParser.parseString(message.text());
      if (!payload.isJsonObject()) {
        return Settlement.reject("the payload is not a JSON object");
      }
      reading = payload.getAsJsonObject();
    } catch (JsonParseException malformed) {
      return Settlement.reject("the payload is not a JSON object");
    }
    if (!(reading.get("sensor") instanceof JsonPrimitive sensor) || !sensor.isString()) {
      return Settlement.reject("\"sensor\" must be a string");
    }
    if (!(reading.get("celsius") instanceof JsonPrimitive celsius) || !celsius.isNumber()) {
      return Settlement.reject("\"celsius\" must be a number");
    }
    JsonObject verdict = new JsonObject();
    verdict.add("sensor", sensor);
    verdict.add("celsius", celsius);
    verdict.addProperty("alarm", celsius.getAsDouble() > limit);
    // 80, not 80.0: as a person would write it.
    if (limit == Math.rint(limit) && Math.abs(limit) < 1e15) {
      verdict.addProperty("limit", (long) limit);
    } else {
      verdict.addProperty("limit", limit);
    }
    return Settlement.ack(
        Reply.to(alarmTopic(message.topic()), verdict.toString()).withQos(message.qos()));
  }

  /** See --help. */
  public static void main(String[] args) {
    Flags flags;
    try {
      flags = Flags.parse(args);
    } catch (IllegalArgumentException wrong) {
      System.err.println(wrong.getMessage() + "\nRun with --help for more information.");
      System.exit(2);
      return;
    }
    if (flags.help()) {
      System.out.print(Flags.HELP);
      return;
    }
    try (Worker worker =
        new Worker(flags.options(), (message, context) -> check(message, flags.limit()))) {
      Status status = worker.runUntilSignal();
      if (!status.isOk()) {
        System.err.println(PROGRAM + ": " + status);
        System.exit(1);
      }
    }
  }
}
