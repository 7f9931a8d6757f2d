package dev.sluice.examples;

import dev.sluice.worker.Options;
import dev.sluice.worker.Security;
import dev.sluice.worker.Tls;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The command line.
 *
 * @param options null with --help
 * @param limit degrees above which the alarm is raised
 */
record Flags(boolean help, Options options, double limit) {
  static final String HELP =
      """
      Watches temperatures: takes sensor readings from Sluice gateways and answers each with a verdict.
      A reading {"sensor":"boiler","celsius":81.5} on plant/boiler/temp is answered on plant/boiler/reply/alarm
      with {"sensor":"boiler","celsius":81.5,"alarm":true,"limit":80}, at the reading's own QoS. What is no such
      reading goes to the gateway's dead letters. Ctrl-C or SIGTERM lets what is in work finish first.

        client/java/dev example --gateway 127.0.0.1:7443 --chain temperature

        --gateway HOST:PORT[,HOST:PORT]  where gateways are; a name stands for all its addresses (required)
        --chain NAME                     serve this chain; may be repeated (required)
        --name TEXT [temperature-alarm]  what the gateway's logs call this worker
        --window N                       most messages in work at once, per gateway [by how long the handler takes]
        --concurrency N                  threads that run the handler; 0 runs it on the connection's own thread [the CPUs, at least 4]
        --ca-file FILE                   PEM file to check the gateway's certificate with; without it: plain text
        --cert-file FILE                 this worker's certificate, where the gateway asks for one
        --key-file FILE                  the key that goes with --cert-file
        --token-file FILE                bearer token to show the gateway; read anew for each connection
        --limit DEGREES [80]             raise the alarm above this many degrees Celsius
      """;

  /** Throws IllegalArgumentException with what is wrong. */
  static Flags parse(String[] args) {
    Options.Builder options = Options.builder().workerName("temperature-alarm");
    List<String> gateways = new ArrayList<>();
    List<String> chains = new ArrayList<>();
    Optional<Path> ca = Optional.empty();
    Optional<Path> certificate = Optional.empty();
    Optional<Path> key = Optional.empty();
    double limit = 80;
    for (int i = 0; i < args.length; i++) {
      if (args[i].equals("--help") || args[i].equals("-h")) {
        return new Flags(true, null, limit);
      }
      int equals = args[i].indexOf('=');
      String flag = equals < 0 ? args[i] : args[i].substring(0, equals);
      if (equals < 0 && i + 1 == args.length) {
        throw new IllegalArgumentException(flag + ": a value is missing, or there is no such flag");
      }
      String value = equals < 0 ? args[++i] : args[i].substring(equals + 1);
      switch (flag) {
        case "--gateway" -> gateways.addAll(List.of(value.split(",")));
        case "--chain" -> chains.add(value);
        case "--name" -> options.workerName(value);
        case "--window" -> options.windowMessages(number(flag, value).intValue());
        case "--concurrency" -> options.concurrency(number(flag, value).intValue());
        case "--ca-file" -> ca = Optional.of(Path.of(value));
        case "--cert-file" -> certificate = Optional.of(Path.of(value));
        case "--key-file" -> key = Optional.of(Path.of(value));
        case "--token-file" -> options.tokenFile(Path.of(value));
        case "--limit" -> limit = number(flag, value);
        default -> throw new IllegalArgumentException("there is no flag " + flag);
      }
    }
    if (gateways.isEmpty() || chains.isEmpty()) {
      throw new IllegalArgumentException("--gateway and --chain are required");
    }
    boolean tls = ca.isPresent() || certificate.isPresent() || key.isPresent();
    return new Flags(
        false,
        options
            .gateways(gateways)
            .chains(chains)
            .security(tls ? Security.TLS : Security.PLAINTEXT)
            .tls(new Tls(ca, certificate, key, ""))
            .build(),
        limit);
  }

  private static Double number(String flag, String value) {
    try {
      return Double.valueOf(value);
    } catch (NumberFormatException wrong) {
      throw new IllegalArgumentException(flag + ": " + value + " is not a number", wrong);
    }
  }
}
