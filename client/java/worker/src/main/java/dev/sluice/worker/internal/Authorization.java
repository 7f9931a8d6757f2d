package dev.sluice.worker.internal;

import dev.sluice.worker.Options;

/** What an attempt to connect shows in the call's metadata. */
final class Authorization {
  private Authorization() {}

  /** "Bearer TOKEN", or empty. The token never reaches an error. */
  static String of(Options options) throws CredentialsException {
    String token;
    String from;
    if (options.tokenFile().isPresent()) {
      from = options.tokenFile().get().toString();
      token = Pem.read(options.tokenFile().get());
    } else if (options.tokenSource().isPresent()) {
      from = "tokenSource";
      try {
        token = options.tokenSource().get().token();
      } catch (Exception failure) {
        throw new CredentialsException("tokenSource failed: " + failure);
      }
    } else {
      return "";
    }
    token = token == null ? "" : token.strip();
    // Metadata takes visible ASCII only.
    if (token.isEmpty() || token.chars().anyMatch(c -> c <= ' ' || c > '~')) {
      throw new CredentialsException(from + " holds no token, or more than one");
    }
    return "Bearer " + token;
  }
}
