package dev.sluice.worker;

import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;

/**
 * PEM files, read anew for each attempt to connect, so that renewed files are taken up.
 *
 * @param caFile what the gateway's certificate is checked with; empty: the runtime's roots
 * @param certFile this worker's certificate and its chain, for mutual TLS; goes with the key
 * @param keyFile its key, in PKCS #8, PKCS #1 or SEC 1, not encrypted
 * @param serverName the name that the gateway's certificate must carry; empty: the host as given in
 *     {@link Options#gateways()}
 */
public record Tls(
    Optional<Path> caFile, Optional<Path> certFile, Optional<Path> keyFile, String serverName) {
  /** The runtime's roots, and no certificate of the worker's own. */
  public static final Tls DEFAULT =
      new Tls(Optional.empty(), Optional.empty(), Optional.empty(), "");

  /** No argument may be null. */
  public Tls {
    Objects.requireNonNull(caFile, "caFile");
    Objects.requireNonNull(certFile, "certFile");
    Objects.requireNonNull(keyFile, "keyFile");
    Objects.requireNonNull(serverName, "serverName");
  }

  /** The same with this file of roots. */
  public Tls withCa(Path file) {
    return new Tls(Optional.of(file), certFile, keyFile, serverName);
  }

  /** The same with this certificate and key. */
  public Tls withCertificate(Path certificate, Path key) {
    return new Tls(caFile, Optional.of(certificate), Optional.of(key), serverName);
  }

  /** The same with this name of the gateway. */
  public Tls withServerName(String name) {
    return new Tls(caFile, certFile, keyFile, name);
  }
}
