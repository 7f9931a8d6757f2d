package dev.sluice.worker.internal;

import dev.sluice.worker.Options;
import dev.sluice.worker.Security;
import dev.sluice.worker.Tls;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/** Refuses options that are out of range, naming field, value and what is allowed. */
public final class OptionChecks {
  private static final int MAX_NAME = 256; // worker.proto, Hello.
  private static final int MAX_CHAINS = 1000; // worker.proto, Hello.
  private static final int MAX_THREADS = 4096;

  private OptionChecks() {}

  /** Throws IllegalArgumentException. */
  public static void check(Options options) {
    if (options.gateways().isEmpty()) {
      throw bad("gateways is empty: name at least one HOST:PORT");
    }
    options.gateways().forEach(Target::parse);
    if (options.chains().isEmpty()) {
      throw bad("chains is empty: name at least one");
    }
    if (options.chains().size() > MAX_CHAINS) {
      throw bad("chains has " + options.chains().size() + " entries; allowed are 1,000");
    }
    for (String chain : options.chains()) {
      if (chain.isEmpty()) {
        throw bad("chains has an empty name");
      }
      checkName("a name in chains", chain);
    }
    checkName("workerName", options.workerName());
    checkName("instance", options.instance());
    if (options.windowMessages().isPresent() && options.windowMessages().getAsInt() < 1) {
      throw bad(
          "windowMessages is "
              + options.windowMessages().getAsInt()
              + "; allowed are 1 … 2,147,483,647");
    }
    checkBytes("windowBytes", options.windowBytes());
    checkBytes("sendBufferBytes", options.sendBufferBytes());
    if (options.concurrency().isPresent()) {
      int concurrency = options.concurrency().getAsInt();
      if (concurrency < 0 || concurrency > MAX_THREADS) {
        throw bad("concurrency is " + concurrency + "; allowed are 0 … 4,096");
      }
    }
    checkDuration("lease", options.lease(), Duration.ZERO);
    checkDuration("resolveInterval", options.resolveInterval(), Duration.ofSeconds(1));
    checkDuration("reconnectFirst", options.reconnectFirst(), Duration.ofMillis(1));
    checkDuration("reconnectLongest", options.reconnectLongest(), options.reconnectFirst());
    checkDuration("connectTimeout", options.connectTimeout(), Duration.ofMillis(1));
    checkDuration("drainTimeout", options.drainTimeout(), Duration.ZERO);
    checkIdentity(options);
  }

  private static void checkIdentity(Options options) {
    Tls tls = options.tls();
    if (options.security() == Security.PLAINTEXT && !tls.equals(Tls.DEFAULT)) {
      throw bad("tls is set, but security is PLAINTEXT");
    }
    if (tls.certFile().isPresent() != tls.keyFile().isPresent()) {
      throw bad("tls.certFile and tls.keyFile go together");
    }
    checkFile("tls.caFile", tls.caFile());
    checkFile("tls.certFile", tls.certFile());
    checkFile("tls.keyFile", tls.keyFile());
    if (options.tokenFile().isPresent() && options.tokenSource().isPresent()) {
      throw bad("tokenFile and tokenSource are both set; give one of them");
    }
  }

  private static void checkName(String field, String name) {
    int bytes = name.getBytes(StandardCharsets.UTF_8).length;
    if (bytes > MAX_NAME) {
      throw bad(field + " has " + bytes + " bytes; allowed are 256");
    }
  }

  private static void checkBytes(String field, long value) {
    if (value < 0) {
      throw bad(field + " is " + value + "; allowed are 0 and above");
    }
  }

  private static void checkDuration(String field, Duration value, Duration lowest) {
    Duration highest = Duration.ofDays(1); // Anything longer is a mistake in the unit.
    if (value.compareTo(lowest) < 0 || value.compareTo(highest) > 0) {
      throw bad(
          field
              + " is "
              + millis(value)
              + " ms; allowed are "
              + lowest.toMillis()
              + " … "
              + highest.toMillis());
    }
  }

  private static String millis(Duration value) {
    try {
      return Long.toString(value.toMillis());
    } catch (ArithmeticException tooLong) {
      return value.getSeconds() + "000";
    }
  }

  private static void checkFile(String field, Optional<Path> path) {
    if (path.isPresent() && !Files.isReadable(path.get())) {
      throw bad(field + ": cannot read " + path.get());
    }
  }

  private static IllegalArgumentException bad(String what) {
    return new IllegalArgumentException(what);
  }
}
