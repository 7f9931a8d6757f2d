/**
 * Traces of workers, see {@link dev.sluice.worker.opentelemetry.Tracing}. Needs {@code
 * io.opentelemetry:opentelemetry-api}, which the SDK does not bring along.
 */
package dev.sluice.worker.opentelemetry;
