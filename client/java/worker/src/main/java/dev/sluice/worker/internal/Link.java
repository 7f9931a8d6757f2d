package dev.sluice.worker.internal;

import dev.sluice.worker.Status;
import java.net.InetAddress;

/** What the fleet knows of one replica. The thread in run() owns it. */
final class Link {
  /** Two names may stand for the same. */
  record Replica(InetAddress ip, int port) {
    static Replica of(Address address) {
      return new Replica(address.ip(), address.port());
    }
  }

  final Address address;
  final Backoff backoff;
  Stream stream; // Null between attempts. One that leaves on its gateway's wish is not here.
  long dialAt; // When stream is null.
  boolean wanted = true; // False: its name no longer gives it; not dialled again.

  Link(Address address, Backoff backoff, long dialAt) {
    this.address = address;
    this.backoff = backoff;
    this.dialAt = dialAt;
  }

  /** When it is to be dialled again after `status`; the result is in milliseconds. */
  long pause(Status status, long now) {
    long pause = backoff.next(status.code());
    dialAt = now + pause * Clock.MILLI;
    return pause;
  }
}
