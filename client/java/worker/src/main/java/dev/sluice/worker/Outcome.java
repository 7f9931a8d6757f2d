package dev.sluice.worker;

/** What becomes of a message, in the order of the protocol's numbers. */
public enum Outcome {
  /** Done. */
  ACK,
  /** Again later, here or on another worker; after the chain's maxAttempts, to the dead letters. */
  RETRY,
  /** Never again: to the dead letters. */
  REJECT,
  /** Done, on purpose without effect; counted apart. */
  DROP
}
