/**
 * For the tests of Sluice workers: a gateway within the test's own process, see {@link
 * dev.sluice.worker.testing.FakeGateway}.
 */
package dev.sluice.worker.testing;
