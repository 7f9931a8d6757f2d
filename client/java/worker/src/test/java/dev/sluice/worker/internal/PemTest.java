package dev.sluice.worker.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.interfaces.ECPrivateKey;
import java.util.Arrays;
import java.util.Base64;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Keys as tools write them. Those that stand here are of no other use. */
class PemTest {
  private static final String SEC1 =
      """
          -----BEGIN EC PRIVATE KEY-----
          MHcCAQEEIDsA9T8zZecK8vbKft43KfyzVSijWBCSlp2OiTiWRzo4oAoGCCqGSM49
          AwEHoUQDQgAEne2rsTHocxj2hIgiOoK8suRqTsm7cJLq4482p6FsmluXrkYDSR3b
          e2IiwuLiXdur51v5kH2nyUYq5jsZgKucLA==
          -----END EC PRIVATE KEY-----
      """;
  private static final String PKCS8 =
      """
          -----BEGIN PRIVATE KEY-----
          MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgOwD1PzNl5wry9sp+
          3jcp/LNVKKNYEJKWnY6JOJZHOjihRANCAASd7auxMehzGPaEiCI6gryy5GpOybtw
          kurjjzanoWyaW5euRgNJHdt7YiLC4uJd26vnW/mQfafJRirmOxmAq5ws
          -----END PRIVATE KEY-----
      """;

  @TempDir private Path folder;

  private PrivateKey key(String text) throws IOException, CredentialsException {
    return Pem.privateKey(Files.writeString(folder.resolve("key.pem"), text));
  }

  @Test
  void keysOfEllipticCurvesAreTheSameInBothForms() throws Exception {
    ECPrivateKey plain = (ECPrivateKey) key(PKCS8);
    ECPrivateKey wrapped = (ECPrivateKey) key(SEC1);
    assertEquals(plain.getS(), wrapped.getS());
    assertEquals(plain.getParams().getOrder(), wrapped.getParams().getOrder());
  }

  @Test
  void keysOfRsaAreTheSameInBothForms() throws Exception {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
    generator.initialize(2048);
    byte[] pkcs8 = generator.generateKeyPair().getPrivate().getEncoded();
    // PKCS #8 is a header of 26 bytes before PKCS #1, for a key of this size.
    byte[] pkcs1 = Arrays.copyOfRange(pkcs8, 26, pkcs8.length);
    assertArrayEquals(pkcs8, key(pem("PRIVATE KEY", pkcs8)).getEncoded());
    assertArrayEquals(pkcs8, key(pem("RSA PRIVATE KEY", pkcs1)).getEncoded());
  }

  private static String pem(String kind, byte[] der) {
    String text = Base64.getMimeEncoder(64, new byte[] {10}).encodeToString(der);
    return "-----BEGIN " + kind + "-----\n" + text + "\n-----END " + kind + "-----\n";
  }

  @Test
  void errorsNameTheFileAndShowNothingOfIt() {
    for (String wrong :
        new String[] {
          "", "none", pem("PRIVATE KEY", new byte[9]), pem("RSA PRIVATE KEY", SEC1.getBytes())
        }) {
      String text = assertThrows(CredentialsException.class, () -> key(wrong)).getMessage();
      assertTrue(text.startsWith(folder.resolve("key.pem").toString()), text);
      assertFalse(text.contains("AAAA"), text);
    }
    String encrypted = pem("ENCRYPTED PRIVATE KEY", new byte[9]);
    assertTrue(
        assertThrows(CredentialsException.class, () -> key(encrypted))
            .getMessage()
            .contains("is encrypted"));
  }
}
