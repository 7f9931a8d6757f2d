package dev.sluice.worker.internal;

import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Which of the workers this process is, when the user has not said. */
final class Instance {
  private Instance() {}

  /** "HOST-PROCESS". */
  static String name() {
    return host() + "-" + ProcessHandle.current().pid();
  }

  private static String host() {
    String name = System.getenv("HOSTNAME");
    if (name == null || name.isBlank()) {
      try {
        name = Files.readString(Path.of("/etc/hostname"));
      } catch (IOException | RuntimeException absent) {
        name = null;
      }
    }
    if (name == null || name.isBlank()) {
      try {
        name = InetAddress.getLocalHost().getHostName();
      } catch (UnknownHostException unknown) {
        name = "localhost";
      }
    }
    name = name.strip();
    return name.length() > 200 ? name.substring(0, 200) : name;
  }
}
