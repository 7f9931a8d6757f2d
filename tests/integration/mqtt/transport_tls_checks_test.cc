// Which certificates and files of either side a transport takes, case by case, over real handshakes.
#include <gmock/gmock.h>
#include <openssl/ssl.h>

#include "tests/integration/mqtt/stack_peer.h"
#include "tests/integration/mqtt/transport_fixture.h"
#include "tests/support/raw_server.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tls_authority.h"

namespace sluice {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

constexpr char kHosts[] = "DNS:localhost,IP:127.0.0.1";

class TransportTlsChecks : public testing::Test {
 protected:
  TransportTlsChecks() { options_.tls.ca_file = directory_.Write("ca.pem", authority_.cert()); }

  CertificateFiles Files(const std::string& name, const PemPair& pair) {
    return {.cert_file = directory_.Write(name + ".pem", pair.cert),
            .key_file = directory_.Write(name + ".key", pair.key)};
  }
  CertificateWishes Broker() { return {.name = "broker", .alternative_names = kHosts, .usage = "serverAuth"}; }

  // The outcome of a connection to a broker that shows `shown`.
  std::string Connect(const PemPair& shown, TlsServerOptions server = {}) {
    server.certificate = Files("broker", shown);
    RawServer listener;
    options_.name = "plant";
    options_.uri = "ssl://localhost:" + std::to_string(listener.port());
    TestTransport transport(options_);
    const Outcome<absl::Status> opened = transport.StartOpen();
    const TlsPeer peer(listener.Accept(), server);
    absl::Status status = opened.Get();
    connected_ = peer.connected();
    // With TLS 1.3 the broker refuses after the handshake.
    if (status.ok() && !connected_) status = transport.Read().status;
    return Text(status);
  }
  // Of files that are unusable before anything is connected to.
  std::string FileError() {
    options_.uri = "ssl://localhost:1";
    return Text(TestTransport(options_).Open());
  }

  TempDir directory_;
  TlsAuthority authority_;
  MqttOptions options_;
  bool connected_ = false;
};

TEST_F(TransportTlsChecks, TakesABrokerWithAnyUsualKeyInBothVersions) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const TestKey key : {TestKey::kP256, TestKey::kP384, TestKey::kEd25519, TestKey::kRsa2048}) {
      CertificateWishes wishes = Broker();
      wishes.key = key;
      EXPECT_EQ(Connect(authority_.Issue(wishes), {.max_version = version}), "OK") << static_cast<int>(key);
    }
  }
}

TEST_F(TransportTlsChecks, RefusesBrokersAndNamesTheCheckThatFailed) {
  options_.tls.crl = directory_.Write("list.crl", authority_.Crl({}));
  const auto broker = [this](const std::function<void(CertificateWishes&)>& change) {
    CertificateWishes wishes = Broker();
    change(wishes);
    return authority_.Issue(wishes);
  };
  TlsAuthority other("Other CA");
  const int64_t tomorrow = Clock::Real().UnixMillis() / 1'000 + 86'400;
  struct Case {
    PemPair shown;
    std::string problem;
  };
  const Case cases[] = {
      {broker([](auto& wishes) { wishes.valid_from_s = -7'200, wishes.valid_to_s = -3'600; }),
       "the broker's certificate is not accepted: CN = broker has expired ("},
      {broker([](auto& wishes) { wishes.valid_from_s = 3'600; }),
       "the broker's certificate is not accepted: CN = broker is not valid before "},
      {broker([](auto& wishes) { wishes.alternative_names = "DNS:elsewhere"; }),
       "the broker's certificate is not for the host name 'localhost'"},
      {broker([](auto& wishes) { wishes.usage = "clientAuth"; }),
       "the broker's certificate is not accepted: CN = broker is not for servers"},
      {broker([](auto& wishes) { wishes.key = TestKey::kWeakRsa; }),
       "the broker's certificate is not accepted: the key of CN = broker is too weak: RSA has 2,048 bits or more"},
      {MakePem("self", tomorrow), "the broker's certificate is not trusted: CN = self is signed by itself"},
      {other.Issue(Broker()),
       "the broker's certificate is not trusted: CN = broker is not signed by an authority of caFile (but by CN = "
       "Other "
       "CA)"},
  };
  for (const Case& one : cases) {
    EXPECT_THAT(Connect(one.shown), StartsWith(one.problem));
    EXPECT_FALSE(connected_) << one.problem;
  }
}

TEST_F(TransportTlsChecks, LooksForTheBrokerInRevocationListsThatAreReadAnew) {
  const PemPair broker = authority_.Issue(Broker());
  options_.tls.crl = directory_.Write("list.crl", authority_.Crl({}));
  EXPECT_EQ(Connect(broker), "OK");
  directory_.Write("list.crl", authority_.Crl({authority_.serial()}));
  EXPECT_EQ(Connect(broker), "the broker's certificate is not accepted: CN = broker is revoked (tls.crl)");
  directory_.Write("list.crl", authority_.Crl({}, -60));
  EXPECT_THAT(Connect(broker), HasSubstr("the revocation list of CN = Sluice Test CA in tls.crl has run out"));
  directory_.Write("list.crl", TlsAuthority("Other CA").Crl({}));
  EXPECT_THAT(Connect(broker), HasSubstr("tls.crl has no revocation list of CN = Sluice Test CA"));
  directory_.Write("list.crl", "junk");
  EXPECT_THAT(FileError(), AllOf(StartsWith("tls.crl '"), HasSubstr("holds no revocation list")));
}

TEST_F(TransportTlsChecks, ShowsACertificateWithAnyUsualKeyAndAnEncryptedOne) {
  TlsServerOptions server;
  server.client_ca_file = options_.tls.ca_file;
  const PemPair broker = authority_.Issue(Broker());
  for (const TestKey key : {TestKey::kP256, TestKey::kEd25519, TestKey::kRsa2048}) {
    const PemPair own = authority_.Issue({.name = "sluice", .usage = "clientAuth", .key = key});
    CertificateFiles files = Files("own", own);
    options_.tls.cert_file = files.cert_file;
    options_.tls.key_file = files.key_file;
    options_.tls.key_password_file.clear();
    EXPECT_EQ(Connect(broker, server), "OK");
    options_.tls.key_file = directory_.Write("own.key", EncryptedKey(own.key));
    EXPECT_THAT(FileError(), HasSubstr("is encrypted: set keyPasswordFile"));
    options_.tls.key_password_file = directory_.Write("password", "wrong\n");
    EXPECT_THAT(FileError(), AllOf(StartsWith("certKeyFile '"), HasSubstr("the password is not the one")));
    options_.tls.key_password_file = directory_.Write("password", "hunter2\n");
    EXPECT_EQ(Connect(broker, server), "OK");
  }
}

TEST_F(TransportTlsChecks, RefusesFilesThatDoNotFit) {
  const PemPair own = authority_.Issue({});
  const PemPair weak = authority_.Issue({.key = TestKey::kWeakRsa});
  struct Case {
    PemPair pair;
    std::string problem;
  };
  const Case cases[] = {{{.cert = own.cert, .key = authority_.Issue({}).key}, "is not the key of the certificate"},
                        {weak, "key too small"},
                        {{.cert = "junk", .key = own.key}, "holds no PEM certificate"},
                        {{.cert = own.cert, .key = "junk"}, "holds no PEM private key"}};
  for (const Case& one : cases) {
    const CertificateFiles files = Files("own", one.pair);
    options_.tls.cert_file = files.cert_file;
    options_.tls.key_file = files.key_file;
    EXPECT_THAT(FileError(), HasSubstr(one.problem));
  }
}

TEST_F(TransportTlsChecks, OffersCiphersWithForwardSecrecyOnly) {
  const PemPair broker = authority_.Issue({.alternative_names = kHosts, .key = TestKey::kRsa2048});
  EXPECT_EQ(Connect(broker, {.max_version = TLS1_2_VERSION, .ciphers = "ECDHE-RSA-AES128-GCM-SHA256"}), "OK");
  EXPECT_THAT(Connect(broker, {.max_version = TLS1_2_VERSION, .ciphers = "AES128-GCM-SHA256"}),
              HasSubstr("does it take no cipher with forward secrecy?"));
}

TEST_F(TransportTlsChecks, SpeaksTheVersionsAndCiphersThatAreAskedFor) {
  const PemPair broker = authority_.Issue(Broker());
  options_.tls.min_version = "1.3";
  EXPECT_EQ(Connect(broker, {.max_version = TLS1_2_VERSION}), "the broker does not speak TLS 1.3 (tls.minVersion)");
  EXPECT_EQ(Connect(broker), "OK");
  options_.tls.min_version = "1.2";
  options_.tls.ciphers = {"ECDHE-RSA-AES128-GCM-SHA256"};  // The broker's key is EC.
  EXPECT_THAT(Connect(broker, {.max_version = TLS1_2_VERSION}), HasSubstr("tls.ciphers"));
  options_.tls.ciphers = {"ECDHE-ECDSA-AES128-GCM-SHA256"};
  EXPECT_EQ(Connect(broker, {.max_version = TLS1_2_VERSION}), "OK");
}

}  // namespace
}  // namespace sluice
