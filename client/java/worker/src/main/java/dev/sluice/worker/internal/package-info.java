/** How the SDK works. Not for users: anything here may change with each version. */
package dev.sluice.worker.internal;
