package dev.sluice.worker.internal;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads PEM files. Keys may stand in any of the three forms that tools write. */
final class Pem {
  private static final Pattern BLOCK =
      Pattern.compile("-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\\s]+)-----END \\1-----");
  private static final byte[] VERSION_0 = {0x02, 0x01, 0x00};
  // SEQUENCE { rsaEncryption, NULL }
  private static final byte[] RSA = {
    0x30,
    0x0D,
    0x06,
    0x09,
    0x2A,
    (byte) 0x86,
    0x48,
    (byte) 0x86,
    (byte) 0xF7,
    0x0D,
    0x01,
    0x01,
    0x01,
    0x05,
    0x00
  };
  // id-ecPublicKey
  private static final byte[] EC = {
    0x06, 0x07, 0x2A, (byte) 0x86, 0x48, (byte) 0xCE, 0x3D, 0x02, 0x01
  };

  private Pem() {}

  /** The file's text. */
  static String read(Path file) throws CredentialsException {
    try {
      String text = Files.readString(file, StandardCharsets.ISO_8859_1);
      if (text.isEmpty()) {
        throw new CredentialsException(file + " is empty");
      }
      return text;
    } catch (IOException failure) {
      throw new CredentialsException("cannot read " + file);
    }
  }

  static X509Certificate[] certificates(Path file) throws CredentialsException {
    List<X509Certificate> found = new ArrayList<>();
    Matcher block = BLOCK.matcher(read(file));
    try {
      CertificateFactory factory = CertificateFactory.getInstance("X.509");
      while (block.find()) {
        if (block.group(1).endsWith("CERTIFICATE")) {
          byte[] der = Base64.getMimeDecoder().decode(block.group(2));
          found.add((X509Certificate) factory.generateCertificate(new ByteArrayInputStream(der)));
        }
      }
    } catch (CertificateException | IllegalArgumentException broken) {
      throw new CredentialsException(file + " holds a certificate that cannot be read");
    }
    if (found.isEmpty()) {
      throw new CredentialsException(file + " holds no certificate");
    }
    return found.toArray(new X509Certificate[0]);
  }

  static PrivateKey privateKey(Path file) throws CredentialsException {
    String text = read(file);
    Matcher block = BLOCK.matcher(text);
    while (block.find()) {
      String kind = block.group(1);
      try {
        byte[] der = Base64.getMimeDecoder().decode(block.group(2));
        switch (kind) {
          case "PRIVATE KEY":
            return key(der);
          case "RSA PRIVATE KEY":
            return key(sequence(VERSION_0, RSA, tagged(0x04, der)));
          case "EC PRIVATE KEY":
            return key(sequence(VERSION_0, sequence(EC, curve(der)), tagged(0x04, der)));
          default: // Such as EC PARAMETERS, which the key holds as well.
        }
      } catch (GeneralSecurityException | RuntimeException broken) {
        // Not with its text: it might show a part of the key.
        throw new CredentialsException(file + " holds a private key that cannot be read");
      }
    }
    throw new CredentialsException(
        file
            + (text.contains("ENCRYPTED")
                ? " is encrypted; give a key without a password"
                : " holds no private key"));
  }

  private static PrivateKey key(byte[] pkcs8) throws GeneralSecurityException {
    GeneralSecurityException last = null;
    for (String algorithm : List.of("EC", "RSA", "EdDSA")) {
      try {
        return KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
      } catch (GeneralSecurityException other) {
        last = other;
      }
    }
    throw last;
  }

  /** The curve's name in SEQUENCE { INTEGER 1, OCTET STRING, [0] { OID }, … }. */
  private static byte[] curve(byte[] der) throws GeneralSecurityException {
    int at = content(der, 0);
    while (at < der.length) {
      int begin = content(der, at);
      int end = begin + length(der, at);
      if ((der[at] & 0xFF) == 0xA0) {
        return Arrays.copyOfRange(der, begin, end);
      }
      at = end;
    }
    throw new GeneralSecurityException("the key does not name its curve");
  }

  /** Where the content of the element at `at` begins. */
  private static int content(byte[] der, int at) {
    int first = der[at + 1] & 0xFF;
    return at + 2 + (first < 0x80 ? 0 : first & 0x7F);
  }

  private static int length(byte[] der, int at) {
    int first = der[at + 1] & 0xFF;
    if (first < 0x80) {
      return first;
    }
    int length = 0;
    for (int i = 0; i < (first & 0x7F); i++) {
      length = length << 8 | der[at + 2 + i] & 0xFF;
    }
    return length;
  }

  private static byte[] sequence(byte[]... parts) {
    ByteArrayOutputStream whole = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      whole.writeBytes(part);
    }
    return tagged(0x30, whole.toByteArray());
  }

  private static byte[] tagged(int tag, byte[] content) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(tag);
    if (content.length < 0x80) {
      out.write(content.length);
    } else {
      int bytes = (39 - Integer.numberOfLeadingZeros(content.length)) / 8;
      out.write(0x80 | bytes);
      for (int i = bytes - 1; i >= 0; i--) {
        out.write(content.length >>> (8 * i));
      }
    }
    out.writeBytes(content);
    return out.toByteArray();
  }
}
