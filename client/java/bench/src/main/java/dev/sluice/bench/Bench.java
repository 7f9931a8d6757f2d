package dev.sluice.bench;

import com.sun.management.OperatingSystemMXBean;
import dev.sluice.worker.Options;
import dev.sluice.worker.Reply;
import dev.sluice.worker.Security;
import dev.sluice.worker.Worker;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;

/**
 * Measures what a message costs a worker's process: 128 bytes, echoed, with a window of 1,000. The
 * gateway is a process of its own.
 */
public final class Bench {
  private static final int WINDOW = 1_000;
  private static final OperatingSystemMXBean PROCESS =
      (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

  private final int port;
  private final int rounds;
  private final int millis;

  private Bench(int port, int rounds, int millis) {
    this.port = port;
    this.rounds = rounds;
    this.millis = millis;
  }

  /** ROUNDS [3], and MILLISECONDS [500] of CPU time that each takes. */
  public static void main(String[] args) throws Exception {
    int rounds = args.length > 0 ? Integer.parseInt(args[0]) : 3;
    int millis = args.length > 1 ? Integer.parseInt(args[1]) : 500;
    Process gateway =
        new ProcessBuilder(
                ProcessHandle.current().info().command().orElse("java"),
                "-XX:+UseSerialGC",
                "-cp",
                System.getProperty("java.class.path"),
                BenchGateway.class.getName())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try (BufferedReader says =
        new BufferedReader(
            new InputStreamReader(gateway.getInputStream(), StandardCharsets.UTF_8))) {
      new Bench(Integer.parseInt(says.readLine()), rounds, millis).run();
    } finally {
      gateway.destroy();
    }
  }

  /** One way to answer. */
  private enum Way {
    FLOOR("bare gRPC, generated code", -1),
    INLINE("SDK, on the stream's thread", 0),
    ONE("SDK, one handler thread", 1),
    FOUR("SDK, four handler threads", 4);

    private final String text;
    private final int concurrency;

    Way(String text, int concurrency) {
      this.text = text;
      this.concurrency = concurrency;
    }
  }

  private record Measured(double perSecond, double micros) {}

  private void run() throws Exception {
    for (Way way : Way.values()) {
      measure(way, 64, 6 * millis); // Compiles what runs often.
    }
    System.out.printf(
        "%-28s %8s %12s %12s %12s %6s%n",
        "", "a frame", "messages/s", "CPU us each", "a core's/s", "ratio");
    for (int inFrame : new int[] {1, 8, 64}) {
      List<List<Measured>> all = new ArrayList<>();
      for (Way way : Way.values()) {
        all.add(new ArrayList<>());
        measure(way, inFrame, millis / 2);
      }
      // In turn, so that what else the machine does falls on all of them.
      for (int round = 0; round < rounds; round++) {
        for (Way way : Way.values()) {
          all.get(way.ordinal()).add(measure(way, inFrame, millis));
        }
      }
      double floor = median(all.get(0).stream().mapToDouble(Measured::micros).toArray());
      for (Way way : Way.values()) {
        List<Measured> measured = all.get(way.ordinal());
        double micros = median(measured.stream().mapToDouble(Measured::micros).toArray());
        System.out.printf(
            "%-28s %8d %12.0f %12.2f %12.0f %6.2f%n",
            way.text,
            inFrame,
            median(measured.stream().mapToDouble(Measured::perSecond).toArray()),
            micros,
            1e6 / micros,
            floor / micros);
      }
    }
    System.out.println(
        "medians; a core's: how many one core would do; ratio: the floor's CPU for a message by the"
            + " way's");
  }

  private static double median(double[] values) {
    Arrays.sort(values);
    return values[values.length / 2];
  }

  private Measured measure(Way way, int inFrame, int duration) throws Exception {
    if (way == Way.FLOOR) {
      LongAdder settled = new LongAdder();
      Floor floor = new Floor(port, inFrame, WINDOW, settled);
      try {
        return count(settled::sum, duration);
      } finally {
        floor.close();
      }
    }
    Options options =
        Options.builder()
            .gateways("127.0.0.1:" + port)
            .chains("bench")
            .workerName(Integer.toString(inFrame))
            .windowMessages(WINDOW)
            .concurrency(way.concurrency)
            .security(Security.PLAINTEXT)
            .onEvent(event -> {})
            .build();
    Worker worker = new Worker(options, (message, context) -> Reply.to("reply", message.payload()));
    try (worker) {
      worker.start();
      Measured measured = count(() -> worker.stats().settled(), duration);
      worker.stop();
      return measured;
    }
  }

  private static Measured count(LongSupplier settled, int duration)
      throws InterruptedException, IOException {
    long limit = System.nanoTime() + 30_000_000_000L;
    while (settled.getAsLong() == 0) {
      if (System.nanoTime() > limit) {
        throw new IOException("nothing is delivered");
      }
      Thread.sleep(1);
    }
    long before = settled.getAsLong();
    long cpu = PROCESS.getProcessCpuTime();
    long start = System.nanoTime();
    // By CPU time, so that a busy machine changes little.
    long enough = cpu + duration * 1_000_000L;
    while (PROCESS.getProcessCpuTime() < enough && System.nanoTime() < limit) {
      Thread.sleep(5);
    }
    long messages = settled.getAsLong() - before;
    double seconds = (System.nanoTime() - start) / 1e9;
    double micros = (PROCESS.getProcessCpuTime() - cpu) / 1e3 / messages;
    return new Measured(messages / seconds, micros);
  }
}
