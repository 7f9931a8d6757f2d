package dev.sluice.testee;

import com.google.gson.JsonObject;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/** Standard output, an event a line. Thread-safe. */
final class Output {
  private final OutputStream out = new FileOutputStream(FileDescriptor.out);

  static JsonObject event(String name) {
    JsonObject event = new JsonObject();
    event.addProperty("event", name);
    return event;
  }

  synchronized void write(JsonObject event) {
    try {
      out.write((event + "\n").getBytes(StandardCharsets.UTF_8));
      out.flush();
    } catch (IOException gone) {
      Runtime.getRuntime().halt(1); // Nobody listens any more.
    }
  }
}
