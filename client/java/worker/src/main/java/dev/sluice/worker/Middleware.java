package dev.sluice.worker;

/**
 * What is done around each handler: logging, metrics, tracing. It sees what the handler returns or
 * throws, and may return something else.
 *
 * <pre>{@code
 * Middleware timed = next -> (message, context) -> {
 *   long start = System.nanoTime();
 *   try {
 *     return next.handle(message, context);
 *   } finally {
 *     histogram.record(System.nanoTime() - start);
 *   }
 * };
 * }</pre>
 */
@FunctionalInterface
public interface Middleware {
  /** A handler that calls {@code next}. Called once, when the worker is made. */
  Handler around(Handler next);
}
