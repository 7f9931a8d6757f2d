package dev.sluice.worker.internal;

import dev.sluice.worker.Event;
import dev.sluice.worker.Status;
import dev.sluice.worker.StatusCode;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;

/** Raises events, with a sentence for people each. The thread in run() only. */
final class Announcer {
  private final Consumer<Event> listener;

  Announcer(Consumer<Event> listener) {
    this.listener = listener;
  }

  void connected(String address, GatewayFrame.Welcome welcome) {
    raise(
        Event.Kind.CONNECTED,
        address,
        "connected to gateway "
            + welcome.gateway()
            + " at "
            + address
            + " (session "
            + welcome.sessionId()
            + "), serving "
            + String.join(", ", welcome.acceptedChains()));
    for (GatewayFrame.Refused refused : welcome.refusedChains()) {
      raise(
          Event.Kind.CHAIN_REFUSED,
          address,
          "gateway "
              + address
              + " delivers nothing from chain "
              + refused.chain()
              + ": "
              + refused.reason());
    }
  }

  void gatewayDrains(String address, String reason) {
    raise(
        Event.Kind.DRAINING,
        address,
        "gateway " + address + " drains" + (reason.isEmpty() ? "" : ": " + reason));
  }

  void workerDrains() {
    raise(Event.Kind.DRAINING, "", "draining: what is in work is finished first");
  }

  void itemRefused(String address, String what) {
    raise(Event.Kind.ITEM_REFUSED, address, "stream to " + address + ": " + what);
  }

  /** `connected`: it had had its Welcome. `retryMillis`: -1: no further attempt. */
  void ended(String address, Status status, boolean connected, long retryMillis) {
    raise(
        connected ? Event.Kind.DISCONNECTED : Event.Kind.CONNECT_FAILED,
        address,
        status,
        (connected ? "the stream ended to " : "no stream to ") + address,
        retryMillis);
  }

  void resolveFailed(String host, String why, long retryMillis) {
    raise(
        Event.Kind.RESOLVE_FAILED,
        host,
        new Status(StatusCode.NOT_FOUND, why),
        "cannot look up " + host,
        retryMillis);
  }

  private void raise(Event.Kind kind, String address, String text) {
    raise(kind, address, Status.OK, text, -1);
  }

  private void raise(
      Event.Kind kind, String address, Status status, String text, long retryMillis) {
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
