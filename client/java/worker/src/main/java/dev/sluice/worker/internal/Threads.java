package dev.sluice.worker.internal;

import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicInteger;

/** Threads for handlers. */
final class Threads {
  private Threads() {}

  /** Virtual ones where the runtime has them, else daemons. */
  static ThreadFactory forHandlers() {
    try {
      // By name, because the SDK is compiled for Java 17.
      Object builder = Thread.class.getMethod("ofVirtual").invoke(null);
      Class<?> type = Class.forName("java.lang.Thread$Builder");
      builder =
          type.getMethod("name", String.class, long.class).invoke(builder, "sluice-handler-", 0L);
      return (ThreadFactory) type.getMethod("factory").invoke(builder);
    } catch (ReflectiveOperationException | RuntimeException none) {
      AtomicInteger count = new AtomicInteger();
      return task -> {
        Thread thread = new Thread(task, "sluice-handler-" + count.getAndIncrement());
        thread.setDaemon(true);
        return thread;
      };
    }
  }
}
