package dev.sluice.worker.internal;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;

/**
 * Takes over SIGTERM and SIGINT. {@code sun.misc.Signal} is called by name: javac warns of it, and
 * a runtime may come without it.
 */
public final class SignalWatch {
  private static final AtomicBoolean WATCHING = new AtomicBoolean();

  private final Map<Object, Object> former = new LinkedHashMap<>(); // By signal.
  private Method handle;
  private Thread hook;

  private SignalWatch() {}

  /**
   * `onSignal` hears how many have come. `returned`: what the end of the JVM waits for where
   * signals cannot be taken over. Throws IllegalStateException when there is a watch already.
   */
  public static SignalWatch start(IntConsumer onSignal, CountDownLatch returned) {
    if (WATCHING.getAndSet(true)) {
      throw new IllegalStateException("another worker of this process watches the signals already");
    }
    SignalWatch watch = new SignalWatch();
    AtomicInteger count = new AtomicInteger();
    try {
      watch.takeOver(() -> onSignal.accept(count.incrementAndGet()));
    } catch (ReflectiveOperationException | RuntimeException absent) {
      watch.putBack();
      watch.hook =
          new Thread(
              () -> {
                onSignal.accept(1);
                try {
                  returned.await();
                } catch (InterruptedException enough) {
                  Thread.currentThread().interrupt();
                }
              },
              "sluice-shutdown");
      Runtime.getRuntime().addShutdownHook(watch.hook);
    }
    return watch;
  }

  private void takeOver(Runnable onSignal) throws ReflectiveOperationException {
    Class<?> signal = Class.forName("sun.misc.Signal");
    Class<?> handler = Class.forName("sun.misc.SignalHandler");
    Object ours =
        Proxy.newProxyInstance(
            SignalWatch.class.getClassLoader(),
            new Class<?>[] {handler},
            (proxy, method, arguments) -> {
              switch (method.getName()) {
                case "handle" -> onSignal.run();
                case "equals" -> {
                  return proxy == arguments[0];
                }
                case "hashCode" -> {
                  return System.identityHashCode(proxy);
                }
                default -> {
                  return "Sluice's signal handler";
                }
              }
              return null;
            });
    handle = signal.getMethod("handle", signal, handler);
    for (String name : new String[] {"TERM", "INT"}) {
      Object each = signal.getConstructor(String.class).newInstance(name);
      former.put(each, handle.invoke(null, each, ours));
    }
  }

  private void putBack() {
    former.forEach(
        (signal, before) -> {
          try {
            handle.invoke(null, signal, before);
          } catch (IllegalAccessException | InvocationTargetException impossible) {
            throw new IllegalStateException(impossible);
          }
        });
    former.clear();
  }

  /** Puts the former handlers back. */
  public void stop() {
    putBack();
    if (hook != null) {
      try {
        Runtime.getRuntime().removeShutdownHook(hook);
      } catch (IllegalStateException shuttingDown) {
        // It runs, and ends with the worker.
      }
    }
    WATCHING.set(false);
  }
}
