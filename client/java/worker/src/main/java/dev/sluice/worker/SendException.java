package dev.sluice.worker;

/**
 * A reply could not be sent ahead of the settlement.
 *
 * <ul>
 *   <li>UNAVAILABLE: the stream has ended; the message will be delivered again.
 *   <li>INVALID_ARGUMENT: the reply is larger than the gateway takes.
 *   <li>RESOURCE_EXHAUSTED: too much waits to be sent, and with concurrency 0 the handler cannot
 *       wait.
 *   <li>FAILED_PRECONDITION: the handler has returned.
 *   <li>CANCELLED: the thread was interrupted while it waited; its interrupt status is set.
 * </ul>
 */
public final class SendException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final transient Status status;

  /** For the SDK. */
  public SendException(Status status) {
    super(status.toString());
    this.status = status;
  }

  /** Why. */
  public Status status() {
    return status;
  }
}
