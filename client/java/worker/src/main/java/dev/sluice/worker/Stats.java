package dev.sluice.worker;

/**
 * What a worker has done so far.
 *
 * @param streams connected now
 * @param received deliveries, since the worker was made
 * @param settled handlers that came to an end, whatever their outcome
 */
public record Stats(int streams, long received, long settled) {}
