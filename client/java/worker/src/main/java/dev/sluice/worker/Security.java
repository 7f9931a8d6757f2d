package dev.sluice.worker;

/** How connections are protected. */
public enum Security {
  /** As {@link Tls} says. */
  TLS,
  /** Anyone on the way can read and change everything. */
  PLAINTEXT
}
