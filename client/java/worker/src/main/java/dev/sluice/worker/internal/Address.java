package dev.sluice.worker.internal;

import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Arrays;

/**
 * One replica.
 *
 * @param ip where it is dialled
 * @param host the name that it was found under, which its certificate must carry
 */
record Address(InetAddress ip, int port, String host) {
  boolean sameReplica(Address other) {
    return port == other.port && ip.equals(other.ip);
  }

  InetSocketAddress socket() {
    return new InetSocketAddress(ip, port);
  }

  @Override
  public String toString() {
    return (ip instanceof Inet6Address v6 ? "[" + shorten(v6) + "]" : ip.getHostAddress())
        + ":"
        + port;
  }

  /** As RFC 5952 says: the longest run of zero groups is "::". */
  private static String shorten(Inet6Address v6) {
    String[] groups = v6.getHostAddress().split(":");
    String zone = "";
    int percent = groups[groups.length - 1].indexOf('%');
    if (percent >= 0) {
      zone = groups[groups.length - 1].substring(percent);
      groups[groups.length - 1] = groups[groups.length - 1].substring(0, percent);
    }
    int longest = 0;
    int at = -1;
    for (int i = 0; i < groups.length; i++) {
      int end = i;
      while (end < groups.length && groups[end].equals("0")) {
        end++;
      }
      if (end - i > longest) {
        longest = end - i;
        at = i;
      }
    }
    if (longest < 2) {
      return String.join(":", groups) + zone;
    }
    String[] before = Arrays.copyOfRange(groups, 0, at);
    String[] after = Arrays.copyOfRange(groups, at + longest, groups.length);
    return String.join(":", before) + "::" + String.join(":", after) + zone;
  }
}
