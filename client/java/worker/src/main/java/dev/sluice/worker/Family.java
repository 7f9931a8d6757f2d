package dev.sluice.worker;

/**
 * Which addresses of a name that has both kinds are used. A replica with an IPv4 and an IPv6
 * address would be given two streams by ALL.
 */
public enum Family {
  /** Those of IPv4; where there are none, those of IPv6. */
  PREFER_IPV4,
  /** Those of IPv6; where there are none, those of IPv4. */
  PREFER_IPV6,
  /** All. */
  ALL
}
