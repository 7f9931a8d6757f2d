package dev.sluice.worker.internal;

/**
 * A gateway as the user wrote it.
 *
 * @param literal whether the host is an address, not a name
 */
record Target(String host, int port, boolean literal) {
  private static final int DEFAULT_PORT = 7443;

  /** Throws IllegalArgumentException. */
  static Target parse(String text) {
    String host = text;
    String port = null;
    if (text.startsWith("[")) {
      int close = text.indexOf(']');
      if (close < 0) {
        throw bad(text, "the closing ] is missing");
      }
      host = text.substring(1, close);
      String rest = text.substring(close + 1);
      if (!rest.isEmpty() && rest.charAt(0) != ':') {
        throw bad(text, "only :PORT may follow the ]");
      }
      port = rest.isEmpty() ? null : rest.substring(1);
    } else {
      int colon = text.lastIndexOf(':');
      if (colon >= 0 && text.indexOf(':') == colon) {
        host = text.substring(0, colon);
        port = text.substring(colon + 1);
      }
    }
    if (host.isEmpty()) {
      throw bad(text, "the host is missing");
    }
    if (host.indexOf('/') >= 0) {
      throw bad(text, "it is not a URL");
    }
    boolean literal = Addresses.isLiteral(host);
    if (!literal && host.indexOf(':') >= 0) {
      throw bad(text, "it is no IPv6 address");
    }
    return new Target(host, port == null ? DEFAULT_PORT : parsePort(text, port), literal);
  }

  private static int parsePort(String text, String port) {
    boolean digits = !port.isEmpty() && port.length() <= 5;
    for (int i = 0; i < port.length(); i++) {
      digits &= port.charAt(i) >= '0' && port.charAt(i) <= '9';
    }
    int number = digits ? Integer.parseInt(port) : 0;
    if (number < 1 || number > 65535) {
      throw bad(text, "the port is not a number from 1 to 65535");
    }
    return number;
  }

  private static IllegalArgumentException bad(String text, String why) {
    return new IllegalArgumentException(
        "gateways: \"" + text + "\": " + why + "; give HOST:PORT, [IPv6]:PORT or HOST");
  }
}
