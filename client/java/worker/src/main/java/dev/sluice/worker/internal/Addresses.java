package dev.sluice.worker.internal;

import dev.sluice.worker.Family;
import dev.sluice.worker.Resolver;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/** What names stand for. Pure, but for the look-up itself. */
final class Addresses {
  private static final Pattern IPV4 =
      Pattern.compile("(?:(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)(?:\\.(?!$)|$)){4}");
  private static final Pattern IPV6 = Pattern.compile("[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(?:%.+)?");

  private Addresses() {}

  static boolean isLiteral(String host) {
    if (IPV4.matcher(host).matches()) {
      return true;
    }
    if (!IPV6.matcher(host).matches()) {
      return false;
    }
    try {
      InetAddress.getByName(host); // Of what has a colon nothing is looked up.
      return true;
    } catch (UnknownHostException invalid) {
      return false;
    }
  }

  /** Throws what the resolver throws, and UnknownHostException where nothing is found. */
  static List<Address> resolve(Target target, Resolver resolver, Family family) throws Exception {
    if (target.literal()) {
      InetAddress ip = InetAddress.getByName(target.host());
      return List.of(new Address(ip, target.port(), target.host()));
    }
    List<InetAddress> v4 = new ArrayList<>();
    List<InetAddress> v6 = new ArrayList<>();
    for (InetAddress found : resolver.resolve(target.host())) {
      (found instanceof Inet6Address ? v6 : v4).add(found);
    }
    List<InetAddress> chosen =
        switch (family) {
          case PREFER_IPV4 -> v4.isEmpty() ? v6 : v4;
          case PREFER_IPV6 -> v6.isEmpty() ? v4 : v6;
          case ALL -> {
            v4.addAll(v6);
            yield v4;
          }
        };
    if (chosen.isEmpty()) {
      throw new UnknownHostException("the name has no address");
    }
    chosen.sort(Comparator.comparing(InetAddress::getAddress, Arrays::compareUnsigned));
    Set<Address> addresses = new LinkedHashSet<>();
    for (InetAddress ip : chosen) {
      addresses.add(new Address(ip, target.port(), target.host()));
    }
    return List.copyOf(addresses);
  }

  /** Those of `from` that no address of `in` is the same replica as; each once. */
  static List<Address> missing(List<Address> from, List<Address> in) {
    List<Address> missing = new ArrayList<>();
    for (Address address : from) {
      if (in.stream().noneMatch(address::sameReplica)
          && missing.stream().noneMatch(address::sameReplica)) {
        missing.add(address);
      }
    }
    return missing;
  }
}
