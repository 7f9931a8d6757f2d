package dev.sluice.bench;

import com.google.protobuf.ByteString;
import dev.sluice.testee.Testee;
import dev.sluice.v1.Delivery;
import dev.sluice.worker.testing.FakeGateway;
import dev.sluice.worker.testing.FakeStream;
import java.io.IOException;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;

/**
 * Uses the testee once, so that the classes it needs can be kept in an archive
 * (-XX:ArchiveClassesAtExit): each case of the conformance suite may start one.
 */
public final class Training {
  private static final List<String> SCRIPTS =
      List.of(
          "no script",
          "{\"steps\":[{\"describe\":true},{\"say\":\"x\"},{\"throw\":\"y\"}]}",
          "{\"steps\":[{\"send\":{\"topic\":\"t\"}},{\"return\":[{\"payload\":\"p\",\"qos\":1}]}]}",
          "{\"steps\":[{\"settle\":{\"outcome\":\"retry\",\"reason\":\"r\",\"retry_after_ms\":5}}]}");

  private Training() {}

  /** Ends the process. */
  public static void main(String[] args) throws IOException {
    PipedInputStream input = new PipedInputStream();
    PrintStream commands =
        new PrintStream(new PipedOutputStream(input), true, StandardCharsets.UTF_8);
    System.setIn(input);
    Thread driver = new Thread(() -> drive(commands), "driver");
    driver.setUncaughtExceptionHandler(
        (thread, failure) -> {
          failure.printStackTrace();
          Runtime.getRuntime().halt(1);
        });
    driver.start();
    Testee.main(new String[0]);
  }

  private static void drive(PrintStream commands) {
    try (FakeGateway gateway = FakeGateway.start()) {
      gateway.patience(Duration.ofMinutes(1)); // The machine may be busy.
      commands.println(
          "{\"cmd\":\"run\",\"options\":{\"gateways\":[\""
              + gateway.address()
              + "\"],\"chains\":[\"a\"],\"signals\":true}}");
      FakeStream stream = gateway.expectStream();
      for (String script : SCRIPTS) {
        long id =
            stream.deliver(
                Delivery.newBuilder().setPayload(ByteString.copyFromUtf8(script)).setTopic("t"));
        stream.expectSettle(id);
      }
      commands.println("{\"cmd\":\"stats\"}");
      commands.println("{\"cmd\":\"drain\"}");
      stream.expectEnd();
    }
    commands.close();
  }
}
