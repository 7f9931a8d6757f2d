package dev.sluice.worker.internal;

import dev.sluice.worker.Event;
import dev.sluice.worker.Status;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;

/** Raises events. The thread in run() only. */
final class Announcer {
  private final Consumer<Event> listener;

  Announcer(Consumer<Event> listener) {
    this.listener = listener;
  }

  void raise(Event.Kind kind, String address, String text) {
    raise(kind, address, Status.OK, text, -1);
  }

  /** `retryMillis`: -1: no further attempt. */
  void raise(Event.Kind kind, String address, Status status, String text, long retryMillis) {
    String whole = text;
    if (!status.isOk()) {
      whole += ": " + status;
    }
    Optional<Duration> retryIn = Optional.empty();
    if (retryMillis >= 0) {
      retryIn = Optional.of(Duration.ofMillis(retryMillis));
      whole += "; trying again in " + retryMillis + " ms";
    }
    try {
      listener.accept(new Event(kind, address, status, retryIn, whole));
    } catch (Throwable failure) {
      // The user's listener must not end the worker; the event is not lost either.
      System.getLogger("dev.sluice.worker")
          .log(System.Logger.Level.ERROR, "onEvent failed at: " + whole, failure);
    }
  }
}
