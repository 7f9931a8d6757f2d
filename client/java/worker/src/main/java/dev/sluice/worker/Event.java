package dev.sluice.worker;

import java.time.Duration;
import java.util.Optional;

/**
 * Something in the life of a connection. None is raised per message, save ITEM_REFUSED, at most
 * once a second and stream.
 *
 * @param kind what happened
 * @param address "192.0.2.7:7443" or, for RESOLVE_FAILED, the name; may be empty
 * @param status OK unless the kind says otherwise
 * @param retryIn when the next attempt follows; empty: none
 * @param text one line for people that says all of the above
 */
public record Event(
    Kind kind, String address, Status status, Optional<Duration> retryIn, String text) {
  /** What can happen. */
  public enum Kind {
    /** A gateway has accepted the worker. */
    CONNECTED,
    /** A stream that was connected has ended. The status says why; OK: as agreed. */
    DISCONNECTED,
    /** No connection, or the gateway refused the worker: the status says why. */
    CONNECT_FAILED,
    /** Connected, but the gateway delivers nothing from the chain that the text names. */
    CHAIN_REFUSED,
    /** The gateway, or this worker, takes leave: what is in work is finished first. */
    DRAINING,
    /** A name cannot be looked up; the addresses known so far stay in use. */
    RESOLVE_FAILED,
    /** The gateway did not accept a settlement or a reply, or the SDK could not send it. */
    ITEM_REFUSED
  }

  /** Writes an event to the {@link System.Logger} "dev.sluice.worker". */
  public static void log(Event event) {
    System.Logger.Level level =
        switch (event.kind()) {
          case CONNECTED, DRAINING -> System.Logger.Level.INFO;
          case DISCONNECTED ->
              event.status().isOk() ? System.Logger.Level.INFO : System.Logger.Level.WARNING;
          default -> System.Logger.Level.WARNING;
        };
    System.getLogger("dev.sluice.worker").log(level, event.text());
  }
}
