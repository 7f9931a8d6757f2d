package dev.sluice.worker;

import java.util.Objects;

/**
 * Settles a message from deep within a handler: thrown, it counts as if its settlement were
 * returned.
 */
public final class SettlementException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final transient Settlement settlement;

  /** The message is settled with {@code settlement}. */
  public SettlementException(Settlement settlement) {
    this(settlement, null);
  }

  /** The same, with what led to it, for whoever logs it on the way. */
  public SettlementException(Settlement settlement, Throwable cause) {
    super(settlement.outcome() + ": " + settlement.reason(), cause);
    this.settlement = Objects.requireNonNull(settlement);
  }

  /** What the message is settled with. */
  public Settlement settlement() {
    return settlement;
  }
}
