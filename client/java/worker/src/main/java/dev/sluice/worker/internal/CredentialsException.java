package dev.sluice.worker.internal;

/** A file or a source of credentials is not as it should be; the text holds no secret. */
final class CredentialsException extends Exception {
  private static final long serialVersionUID = 1;

  CredentialsException(String what) {
    super(what);
  }
}
