package dev.sluice.worker;

import java.util.Objects;

/**
 * How something ended: a code, and for other codes than OK a text for people.
 *
 * @param code what happened
 * @param message why; empty with OK
 */
public record Status(StatusCode code, String message) {
  /** Everything went as it should. */
  public static final Status OK = new Status(StatusCode.OK, "");

  /** Neither may be null. */
  public Status {
    Objects.requireNonNull(code, "code");
    Objects.requireNonNull(message, "message");
  }

  /** Whether the code is OK. */
  public boolean isOk() {
    return code == StatusCode.OK;
  }

  /** "OK", or "UNAVAILABLE: connection refused". */
  @Override
  public String toString() {
    return isOk() || message.isEmpty() ? code.name() : code.name() + ": " + message;
  }
}
