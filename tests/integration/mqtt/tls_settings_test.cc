// Both drivers do with TLS what the configuration asks for.
#include <openssl/ssl.h>

#include <fstream>
#include <iterator>

#include "tests/integration/mqtt/fixture.h"
#include "tests/integration/mqtt/stack_peer.h"
#include "tests/support/certificates.h"
#include "tests/support/pem.h"
#include "tests/support/raw_server.h"
#include "tests/support/temp_dir.h"

namespace sluice {
namespace {

const std::vector<Subscription> kSubscriptions = {{.filter = "a", .qos = Qos::kAtLeastOnce, .id = 1}};

class TlsSettingsTest : public testing::TestWithParam<Dialect> {
 protected:
  MqttOptions Options(const std::string& uri) const {
    MqttOptions options = OptionsFor(uri, GetParam());
    options.tls.enabled = true;
    options.tls.ca_file = authority_.ca_file();
    return options;
  }
  // `path` with its key encrypted with "hunter2".
  std::string Encrypt(const std::string& path) const {
    std::ifstream file(path);
    return folder_.Write("encrypted.key", EncryptedKey({std::istreambuf_iterator<char>(file), {}}));
  }

  TempDir folder_;
  CertificateAuthority authority_;
};
INSTANTIATE_TEST_SUITE_P(Dialects, TlsSettingsTest, testing::ValuesIn(AllDialects()), DialectName);

TEST_P(TlsSettingsTest, ShowsACertificateWhoseKeyIsEncrypted) {
  const CertificateFiles server = authority_.Server();
  Mosquitto broker(
      {.tls_cert_file = server.cert_file, .tls_key_file = server.key_file, .tls_client_ca_file = authority_.ca_file()});
  const CertificateFiles own = authority_.Client("sluice");
  MqttOptions options = Options(broker.tls_uri("localhost"));
  options.tls.cert_file = own.cert_file;
  options.tls.key_file = Encrypt(own.key_file);
  options.tls.key_password_file = folder_.Write("password", "wrong\n");
  TestIntake intake(options, kSubscriptions);
  EXPECT_TRUE(intake.DetailHas(GetParam().driver == MqttDriver::kWire ? "the password is not the one" : "TLS failed"));
  EXPECT_EQ(intake->State().detail.find("wrong"), std::string::npos) << intake->State().detail;
  folder_.Write("password", "hunter2\n");
  EXPECT_TRUE(intake.Ready()) << "the file is read at each attempt: " << intake->State().detail;
  ExpectToHear(intake, broker, "encrypted");
}

TEST_P(TlsSettingsTest, SaysThatThePasswordOfTheKeyCannotBeRead) {
  const CertificateFiles own = authority_.Client("sluice");
  const RawServer server;
  MqttOptions options = Options(server.uri("ssl"));
  options.tls.cert_file = own.cert_file;
  options.tls.key_file = Encrypt(own.key_file);
  options.tls.key_password_file = folder_ / "none";
  TestIntake intake(options, kSubscriptions);
  EXPECT_TRUE(intake.DetailHas("tls.keyPasswordFile '" + folder_ / "none"));
  EXPECT_TRUE(intake.DetailHas("No such file or directory"));
}

TEST_P(TlsSettingsTest, OffersOnlyTheCiphersThatAreAskedFor) {
  const TlsServerOptions with_128{
      .certificate = authority_.Server(), .max_version = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256"};
  TlsServerOptions with_256 = with_128;
  with_256.ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384";
  const RawServer server;
  MqttOptions options = Options(server.uri("ssl"));
  options.tls.ciphers = {"ECDHE-ECDSA-AES256-GCM-SHA384"};
  TestIntake intake(options, kSubscriptions);
  EXPECT_FALSE(TlsPeer(server.Accept(), with_128).connected());
  EXPECT_TRUE(intake.DetailHas(GetParam().driver == MqttDriver::kWire ? "tls.ciphers" : "TLS failed"));
  TlsPeer peer(server.Accept(), with_256);
  EXPECT_TRUE(peer.connected());
  EXPECT_EQ(peer.Receive(1), "\x10") << "CONNECT";
}

TEST_P(TlsSettingsTest, OffersCiphersWithForwardSecrecyOnlyWhereNoneAreNamed) {
  const TlsServerOptions without{.certificate = authority_.Server(),
                                 .max_version = TLS1_2_VERSION,
                                 .ciphers = "ECDHE-ECDSA-AES128-SHA:AES128-GCM-SHA256"};
  TlsServerOptions with = without;
  with.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256";
  const RawServer server;
  TestIntake intake(Options(server.uri("ssl")), kSubscriptions);
  EXPECT_FALSE(TlsPeer(server.Accept(), without).connected());
  EXPECT_TRUE(TlsPeer(server.Accept(), with).connected());
}

}  // namespace
}  // namespace sluice
