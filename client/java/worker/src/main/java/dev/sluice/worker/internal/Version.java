package dev.sluice.worker.internal;

/** Which version of the SDK this is: that of the gateway it came with, and of all other SDKs. */
final class Version {
  private static final String VERSION = "0.1.0";

  /** What it calls itself to gateways. */
  static final String SDK = "sluice-java/" + VERSION;

  private Version() {}
}
