package dev.sluice.testee;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.sluice.worker.Options;
import dev.sluice.worker.Resolver;
import dev.sluice.worker.Security;
import dev.sluice.worker.Tls;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The options of the command "run". */
final class TesteeOptions {
  private TesteeOptions() {}

  static Options.Builder of(JsonObject given) {
    Options.Builder options = Options.builder().security(Security.PLAINTEXT);
    Tls tls = Tls.DEFAULT;
    String certificate = "";
    for (Map.Entry<String, JsonElement> each : given.entrySet()) {
      JsonElement value = each.getValue();
      switch (each.getKey()) {
        case "gateways" -> options.gateways(strings(value));
        case "chains" -> options.chains(strings(value));
        case "worker_name" -> options.workerName(value.getAsString());
        case "instance" -> options.instance(value.getAsString());
        case "window_messages" -> options.windowMessages(number(each));
        case "window_bytes" -> options.windowBytes(value.getAsLong());
        case "concurrency" -> options.concurrency(number(each));
        case "lease_ms" -> options.lease(millis(value));
        case "resolve_interval_ms" -> options.resolveInterval(millis(value));
        case "reconnect_first_ms" -> options.reconnectFirst(millis(value));
        case "reconnect_longest_ms" -> options.reconnectLongest(millis(value));
        case "connect_timeout_ms" -> options.connectTimeout(millis(value));
        case "drain_timeout_ms" -> options.drainTimeout(millis(value));
        case "send_buffer_bytes" -> options.sendBufferBytes(value.getAsLong());
        case "security" ->
            options.security(value.getAsString().equals("tls") ? Security.TLS : Security.PLAINTEXT);
        case "ca_file" -> tls = tls.withCa(Path.of(value.getAsString()));
        case "cert_file" -> certificate = value.getAsString();
        case "server_name" -> tls = tls.withServerName(value.getAsString());
        case "token_file" -> options.tokenFile(Path.of(value.getAsString()));
        case "token" -> {
          String token = value.getAsString();
          options.tokenSource(() -> token);
        }
        case "resolve_file" -> options.resolver(fileResolver(Path.of(value.getAsString())));
        default -> {}
      }
    }
    if (!certificate.isEmpty() || given.has("key_file")) {
      tls =
          new Tls(
              tls.caFile(),
              java.util.Optional.of(certificate).filter(name -> !name.isEmpty()).map(Path::of),
              java.util.Optional.ofNullable(given.get("key_file"))
                  .map(JsonElement::getAsString)
                  .map(Path::of),
              tls.serverName());
    }
    return options.tls(tls);
  }

  private static int number(Map.Entry<String, JsonElement> option) {
    try {
      return Math.toIntExact(option.getValue().getAsLong());
    } catch (ArithmeticException large) {
      throw new IllegalArgumentException(
          option.getKey() + " is " + option.getValue() + "; allowed are numbers of 32 bits", large);
    }
  }

  private static List<String> strings(JsonElement array) {
    List<String> strings = new ArrayList<>();
    array.getAsJsonArray().forEach(each -> strings.add(each.getAsString()));
    return strings;
  }

  private static Duration millis(JsonElement value) {
    return Duration.ofMillis(value.getAsLong());
  }

  /** Lines of NAME ADDRESS…, read for each look-up. */
  private static Resolver fileResolver(Path file) {
    return host -> {
      List<InetAddress> found = new ArrayList<>();
      for (String line : lines(file)) {
        String[] words = line.strip().split("\\s+");
        if (words[0].equals(host)) {
          for (int i = 1; i < words.length; i++) {
            found.add(InetAddress.getByName(words[i]));
          }
        }
      }
      if (found.isEmpty()) {
        throw new UnknownHostException(host + " is not in " + file);
      }
      return found;
    };
  }

  private static List<String> lines(Path file) throws UnknownHostException {
    try {
      return Files.readAllLines(file);
    } catch (IOException absent) {
      throw new UnknownHostException("cannot read " + file);
    }
  }
}
