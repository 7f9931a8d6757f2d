/** Workers of Sluice: see {@link dev.sluice.worker.Worker}. */
package dev.sluice.worker;
