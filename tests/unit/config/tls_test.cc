// TLS of listeners and brokers: what is read, and what the start would not take.
#include <gmock/gmock.h>

#include "tests/support/tls_authority.h"
#include "tests/unit/config/errors_fixture.h"

namespace sluice {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// Real ones: revocation lists and what they are of are made for now.
class TlsConfig : public testing::Test {
 protected:
  TlsConfig() {
    const PemPair pair = authority_.Issue({});
    world_.files["/tls/cert.pem"] = pair.cert;
    world_.files["/tls/cert.key"] = pair.key;
    world_.files["/tls/encrypted.key"] = EncryptedKey(pair.key);  // hunter2
    world_.files["/tls/password"] = "hunter2\n";
    world_.files["/tls/ca.pem"] = authority_.cert();
    world_.files["/tls/list.crl"] = authority_.Crl({7}, kFarS);
  }

  // `more` stands after certFile and keyFile in line 3.
  LoadResult Load(const std::string& section, const std::string& more, const std::string& key = "cert.key") {
    const std::string tls =
        ": {listen: '127.0.0.1:1', tls: {certFile: /tls/cert.pem, keyFile: /tls/" + key + more + "}}\n";
    const bool workers = section == "workers";
    return world_.Load(
        "connections: {plant: {server: 'broker:1883', clientId: gw}}\n"
        "routes: [{from: {path: a/b}, to: {path: c}}]\n" +
        section + tls + (workers ? "" : "workers: {listen: 'unix:/run/w', insecure: true}\n"));
  }
  std::string Errors(const std::string& more, const std::string& key = "cert.key") {
    return Lines(Load("workers", more, key));
  }
  LoadResult Connection(const std::string& more) {
    return world_.Load(WithConnection("server: b, clientId: x, " + more));
  }

  static constexpr int64_t kFarS = 86'400 * 365 * 2;  // After kFakeNow.

  TlsAuthority authority_;
  FakeWorld world_;
};

TEST_F(TlsConfig, OfEveryListenerIsReadAsItIsWritten) {
  const std::string protocol = ", keyPasswordFile: /tls/password, minVersion: 1.3, ciphers: [TLS_AES_256_GCM_SHA384]";
  const std::string clients = ", clientCaFile: /tls/ca.pem, clientCrl: /tls/list.crl";
  const ListenerTls expected{.cert_file = "/tls/cert.pem",
                             .key_file = "/tls/encrypted.key",
                             .key_password_file = "/tls/password",
                             .client_ca_file = "/tls/ca.pem",
                             .client_crl = "/tls/list.crl",
                             .min_version = "1.3",
                             .ciphers = {"TLS_AES_256_GCM_SHA384"}};
  LoadResult result = Load("workers", protocol + clients, "encrypted.key");
  EXPECT_EQ(Lines(result), "");
  EXPECT_EQ(result.config.workers.tls, expected);
  result = Load("admin", protocol + clients, "encrypted.key");
  EXPECT_EQ(Lines(result), "");
  EXPECT_EQ(result.config.admin.tls, expected);
  result = Load("http", protocol, "encrypted.key");
  EXPECT_EQ(Lines(result), "");
  ASSERT_TRUE(result.config.http.tls);
  EXPECT_EQ(result.config.http.tls->min_version, "1.3");
  EXPECT_EQ(result.config.http.tls->key_password_file, "/tls/password");
}

TEST_F(TlsConfig, OfABrokerIsReadAsItIsWritten) {
  const LoadResult result = Connection(
      "caFile: /tls/ca.pem, certFile: /tls/cert.pem, certKeyFile: /tls/encrypted.key, tls: {keyPasswordFile: "
      "/tls/password, crl: /tls/list.crl, minVersion: '1.3', ciphers: "
      "'ECDHE-RSA-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256'}");
  EXPECT_EQ(Lines(result), "");
  const MqttTls& tls = result.config.connections.at("plant").tls;
  EXPECT_TRUE(tls.enabled);
  EXPECT_EQ(tls.key_password_file, "/tls/password");
  EXPECT_EQ(tls.crl, "/tls/list.crl");
  EXPECT_EQ(tls.min_version, "1.3");
  EXPECT_THAT(tls.ciphers, ElementsAre("ECDHE-RSA-AES128-GCM-SHA256", "TLS_AES_128_GCM_SHA256"));
}

TEST_F(TlsConfig, WhatTheStartWouldNotTakeIsSaidWithPlaceAndRemedy) {
  world_.files["/tls/wrong"] = "swordfish\n";
  world_.files["/tls/empty"] = "\n";
  world_.files["/tls/crls/a.crl"] = authority_.Crl({}, kFarS);
  world_.files["/tls/crls/b.crl"] = "junk";
  const PemPair weak = authority_.Issue({.key = TestKey::kWeakRsa});
  world_.files["/tls/weak.pem"] = weak.cert;
  world_.files["/tls/weak.key"] = weak.key;
  const std::string ca = ", clientCaFile: /tls/ca.pem";
  struct Case {
    std::string key;
    std::string more;
    std::string error;
  };
  const Case cases[] = {
      {"encrypted.key", "", "workers.tls.keyFile: file '/tls/encrypted.key' is encrypted: set keyPasswordFile"},
      {"encrypted.key", ", keyPasswordFile: /tls/wrong",
       "workers.tls.keyFile: file '/tls/encrypted.key' is encrypted, and the password is not the one that decrypts it"},
      {"encrypted.key", ", keyPasswordFile: /tls/empty",
       "workers.tls.keyPasswordFile: file '/tls/empty' holds no password: it is empty"},
      {"encrypted.key", ", keyPasswordFile: /tls/cert.key",
       "workers.tls.keyPasswordFile: file '/tls/cert.key' holds no password (it holds a private key)"},
      {"cert.key", ", keyPasswordFile: hunter2", "does not look like a path"},
      {"password", "", "workers.tls.keyFile: file '/tls/password' holds no PEM private key"},
      {"weak.key", "", "workers.tls.keyFile: file '/tls/weak.key' is not the key of the certificate"},
      {"cert.key", ", clientCaFile: /tls/password", "workers.tls.clientCaFile: file '/tls/password' holds no PEM"},
      {"cert.key", ", clientCrl: /tls/list.crl", "workers.tls.clientCrl: no client shows a certificate without"},
      {"cert.key", ca + ", clientCrl: /tls/absent", "clientCrl: found '/tls/absent' (cannot be read: No such file"},
      {"cert.key", ca + ", clientCrl: /tls/password",
       "workers.tls.clientCrl: file '/tls/password' holds no revocation list (CRL)"},
      {"cert.key", ca + ", clientCrl: /tls/crls", "clientCrl: file '/tls/crls/b.crl' holds no revocation list (CRL)"},
      {"cert.key", ", minVersion: 1.1", "workers.tls.minVersion: found '1.1'"},
      {"cert.key", ", ciphers: []", "workers.tls.ciphers: an empty list"},
      {"cert.key", ", ciphers: [AES128-GCM-SHA256]",
       "workers.tls.ciphers[0]: found 'AES128-GCM-SHA256' (has no forward secrecy: name ECDHE ciphers with GCM or "
       "CHACHA20, or leave ciphers out)"},
      {"cert.key", ", ciphers: ['TLS_AES_128_GCM_SHA526']",
       "(is no cipher that OpenSSL knows) (did you mean 'TLS_AES_128_GCM_SHA256'?)"},
      {"cert.key", ", ciphers: 'ECDHE-RSA-AES128-GCM-SHA256:AES128-SHA'", "'AES128-SHA' has no forward secrecy"},
      {"cert.key", ", ciphers: 'HIGH:!aNULL'", "'HIGH' is no cipher that OpenSSL knows"},
  };
  for (const Case& one : cases) {
    const std::string errors = Errors(one.more, one.key);
    EXPECT_THAT(errors, AllOf(HasSubstr(one.error), HasSubstr("gw.yaml:3:"))) << one.more;
    EXPECT_THAT(errors, Not(AnyOf(HasSubstr("swordfish"), HasSubstr("hunter2")))) << one.more;
  }
  world_.files["/tls/cert.pem"] = weak.cert;
  EXPECT_THAT(Errors("", "weak.key"), AllOf(HasSubstr("key too small"), HasSubstr("RSA has 2,048 bits or more")));
}

TEST_F(TlsConfig, RevocationListsThatWillKeepOthersOutAreWarnedOf) {
  const std::string crl = ", clientCaFile: /tls/ca.pem, clientCrl: /tls/list.crl";
  EXPECT_EQ(WarningLines(Load("workers", crl)), WarningLines(Load("workers", ", clientCaFile: /tls/ca.pem")));
  world_.files["/tls/list.crl"] = authority_.Crl({}, 60);  // Long before kFakeNow.
  EXPECT_THAT(WarningLines(Load("workers", crl)),
              HasSubstr("workers.tls.clientCrl: file '/tls/list.crl' holds a revocation list that has run out"));
  world_.files["/tls/list.crl"] = TlsAuthority("Other").Crl({}, kFarS);
  EXPECT_THAT(WarningLines(Load("workers", crl)),
              HasSubstr("'/tls/list.crl' has no revocation list of 'CN = Sluice Test CA'"));
}

TEST_F(TlsConfig, WhatDoesNothingIsWarnedOf) {
  EXPECT_THAT(WarningLines(Load("workers", ", keyPasswordFile: /tls/password")), HasSubstr("the key is not encrypted"));
  EXPECT_THAT(WarningLines(Load("workers", ", minVersion: '1.3', ciphers: [ECDHE-RSA-AES128-GCM-SHA256]")),
              HasSubstr("they are for TLS 1.2"));
}

TEST_F(TlsConfig, PahoIsAskedForWhatItCanDoOnly) {
  const auto paho = [this](const std::string& tls) {
    return Lines(Connection("caFile: /tls/ca.pem, driver: paho, tls: {" + tls + "}"));
  };
  EXPECT_EQ(paho("ciphers: [ECDHE-RSA-AES128-GCM-SHA256], minVersion: '1.2'"), "");
  EXPECT_THAT(paho("crl: /tls/list.crl"),
              HasSubstr("connections.plant.tls.crl: driver is paho, which knows no revocation lists; allowed: driver: "
                        "wire, or no such key"));
  EXPECT_THAT(paho("minVersion: '1.3'"), HasSubstr("connections.plant.tls.minVersion: driver is paho"));
  EXPECT_THAT(paho("ciphers: [TLS_AES_128_GCM_SHA256]"), HasSubstr("connections.plant.tls.ciphers: driver is paho"));
}

TEST_F(TlsConfig, APasswordOfABrokersKeyNeedsTheKey) {
  EXPECT_THAT(Lines(Connection("caFile: /tls/ca.pem, tls: {keyPasswordFile: /tls/password}")),
              HasSubstr("connections.plant.tls.keyPasswordFile: a password without its key"));
}

TEST_F(TlsConfig, AKeyOnTheWrongLevelIsShownItsPlace) {
  EXPECT_THAT(Lines(Connection("tls: {caFile: /tls/ca.pem}")),
              HasSubstr("connections.plant.tls: unknown key 'caFile' (did you mean 'connections.plant.caFile', a level "
                        "up?)"));
  EXPECT_THAT(Lines(Connection("tls: {caFiel: /tls/ca.pem}")), HasSubstr("'connections.plant.caFile'"));
  EXPECT_THAT(Lines(Connection("tls: {keyFile: /tls/key.pem}")), HasSubstr("'connections.plant.certKeyFile'"));
  EXPECT_THAT(
      Lines(Connection("minVersion: 1.3")),
      HasSubstr("connections.plant: unknown key 'minVersion' (did you mean 'connections.plant.tls.minVersion'?)"));
  EXPECT_THAT(Lines(Load("workers", ", heartbeat: 1s")), HasSubstr("(did you mean 'workers.heartbeat', a level up?)"));
}

}  // namespace
}  // namespace sluice
