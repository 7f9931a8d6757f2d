package dev.sluice.worker;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;

/** Looks names up. */
@FunctionalInterface
public interface Resolver {
  /**
   * All addresses of a host; called on a thread of its own, for names only, never for addresses.
   *
   * @throws UnknownHostException when there are none
   * @throws Exception anything else counts as the same
   */
  List<InetAddress> resolve(String host) throws Exception;

  /**
   * The system's. The Java runtime keeps what it finds for 30 s, unless the security property
   * {@code networkaddress.cache.ttl} says otherwise.
   */
  static Resolver system() {
    return host -> List.of(InetAddress.getAllByName(host));
  }
}
