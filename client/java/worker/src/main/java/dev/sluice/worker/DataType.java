package dev.sluice.worker;

/** How the route says the payload is to be read. Nobody has checked that it can be. */
public enum DataType {
  /** The route says nothing. */
  UNSPECIFIED,
  /** JSON. */
  JSON,
  /** Text. */
  TEXT,
  /** Any bytes. */
  BINARY
}
