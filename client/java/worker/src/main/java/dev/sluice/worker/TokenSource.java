package dev.sluice.worker;

/** Where bearer tokens for the gateway come from. */
@FunctionalInterface
public interface TokenSource {
  /**
   * Called by each attempt to connect, on a thread of its own, so it may take its time up to {@link
   * Options#connectTimeout()}. What it throws makes the attempt fail, which is an event.
   */
  String token() throws Exception;
}
