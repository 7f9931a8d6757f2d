package dev.sluice.testee;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.sluice.worker.Event;
import dev.sluice.worker.ItemResult;
import dev.sluice.worker.Options;
import dev.sluice.worker.Stats;
import dev.sluice.worker.Status;
import dev.sluice.worker.StatusCode;
import dev.sluice.worker.Worker;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/** What the conformance suite drives the SDK with; docs/conformance.md says how. */
public final class Testee {
  private final Output output = new Output();
  private final Gates gates = new Gates();
  private volatile Worker worker;

  private Testee() {}

  /** Reads commands until the end of standard input. */
  public static void main(String[] args) throws IOException {
    new Testee().serve();
    System.exit(0); // Handlers that wait at a gate are left where they are.
  }

  private void serve() throws IOException {
    BufferedReader input =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      if (line.isBlank()) {
        continue;
      }
      JsonObject command = JsonParser.parseString(line).getAsJsonObject();
      Worker current = worker;
      switch (command.get("cmd").getAsString()) {
        case "run" -> run(command.getAsJsonObject("options"));
        case "release" -> gates.release(command.get("gate").getAsString());
        case "drain" -> {
          if (current != null) {
            current.drain();
          }
        }
        case "stop" -> {
          if (current != null) {
            current.stop();
          }
        }
        case "stats" -> {
          if (current != null) {
            stats(current.stats());
          }
        }
        default -> System.err.println("testee: unknown command " + line);
      }
    }
  }

  private void run(JsonObject given) {
    gates.closeAll();
    Worker made;
    try {
      Options options = TesteeOptions.of(given).onEvent(this::event).onResult(this::result).build();
      made = new Worker(options, new ScriptedHandler(output, gates));
    } catch (IllegalArgumentException wrong) {
      ended(new Status(StatusCode.INVALID_ARGUMENT, wrong.getMessage()));
      return;
    }
    worker = made;
    boolean signals = given.has("signals") && given.get("signals").getAsBoolean();
    new Thread(
            () -> {
              try {
                ended(signals ? made.runUntilSignal() : made.run());
              } catch (RuntimeException failure) {
                ended(new Status(StatusCode.INTERNAL, failure.toString()));
              }
            },
            "testee-worker")
        .start();
  }

  private void ended(Status status) {
    JsonObject event = Output.event("ended");
    event.addProperty("status", status.code().name());
    event.addProperty("text", status.message());
    output.write(event);
  }

  private void event(Event raised) {
    JsonObject event = Output.event(raised.kind().name().toLowerCase(Locale.ROOT));
    event.addProperty("address", raised.address());
    event.addProperty("status", raised.status().code().name());
    event.addProperty("retry_in_ms", raised.retryIn().map(pause -> pause.toMillis()).orElse(-1L));
    event.addProperty("text", raised.text());
    output.write(event);
  }

  private void result(ItemResult result) {
    JsonObject event = Output.event("result");
    event.addProperty("reply_id", result.replyId());
    event.addProperty("delivery_id", result.deliveryId());
    event.addProperty("code", result.code().name());
    event.addProperty("mqtt_reason_code", result.mqttReasonCode());
    event.addProperty("message", result.message());
    output.write(event);
  }

  private void stats(Stats stats) {
    JsonObject event = Output.event("stats");
    event.addProperty("streams", stats.streams());
    event.addProperty("received", stats.received());
    event.addProperty("settled", stats.settled());
    output.write(event);
  }
}
