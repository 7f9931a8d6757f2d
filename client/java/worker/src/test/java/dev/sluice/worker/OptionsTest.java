package dev.sluice.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** What options are refused, and how. */
class OptionsTest {
  private static Options.Builder valid() {
    return Options.builder().gateways("a").chains("b");
  }

  private static void refuses(Consumer<Options.Builder> change, String... said) {
    Options.Builder builder = valid();
    change.accept(builder);
    String text = assertThrows(IllegalArgumentException.class, builder::build).getMessage();
    for (String part : said) {
      assertTrue(text.contains(part), text);
    }
  }

  @Test
  void whatIsOutOfRangeIsNamed() {
    refuses(options -> options.gateways(), "gateways");
    refuses(options -> options.gateways("a:0"), "gateways", "a:0", "1 to 65535");
    refuses(options -> options.chains(), "chains");
    refuses(options -> options.chains(""), "chains");
    refuses(options -> options.chains(Collections.nCopies(1001, "c")), "1001", "1,000");
    refuses(options -> options.chains("ü".repeat(129)), "chains", "258", "256");
    refuses(options -> options.workerName("x".repeat(257)), "workerName", "257", "256");
    refuses(options -> options.windowMessages(0), "windowMessages is 0");
    refuses(options -> options.windowBytes(-1), "windowBytes is -1");
    refuses(options -> options.concurrency(4097), "concurrency is 4097", "4,096");
    refuses(
        options -> options.resolveInterval(Duration.ofMillis(999)), "resolveInterval is 999 ms");
    refuses(options -> options.lease(Duration.ofDays(2)), "lease is 172800000 ms", "86400000");
    refuses(options -> options.reconnectLongest(Duration.ofMillis(99)), "reconnectLongest", "100");
    refuses(
        options -> options.security(Security.PLAINTEXT).tls(Tls.DEFAULT.withServerName("x")),
        "tls",
        "PLAINTEXT");
    refuses(options -> options.tls(Tls.DEFAULT.withCa(Path.of("/nowhere"))), "tls.caFile");
    refuses(
        options -> options.tokenFile(Path.of("t")).tokenSource(() -> "t"),
        "tokenFile",
        "tokenSource");
  }

  @Test
  void defaultsAreThoseOfEverySdk() {
    Options options = valid().build();
    assertEquals("worker", options.workerName());
    assertEquals(64L << 20, options.windowBytes());
    assertEquals(16L << 20, options.sendBufferBytes());
    assertEquals(Security.TLS, options.security());
    assertEquals(Duration.ofMillis(100), options.reconnectFirst());
    assertEquals(Duration.ofSeconds(30), options.reconnectLongest());
    assertEquals(Duration.ofSeconds(10), options.connectTimeout());
    assertEquals(Duration.ofSeconds(20), options.drainTimeout());
    assertEquals(Duration.ofSeconds(10), options.resolveInterval());
  }

  @Test
  void aBuilderThatGoesOnChangesNothing() {
    Options.Builder builder = valid();
    Options options = builder.build();
    builder.workerName("other");
    assertEquals("worker", options.workerName());
    assertEquals("other", options.toBuilder().workerName("other").build().workerName());
  }
}
