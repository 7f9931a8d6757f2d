// Whom a transport trusts, what it shows of itself, and what it says when the two sides do not agree.
#include <openssl/ssl.h>

#include "tests/integration/mqtt/stack_peer.h"
#include "tests/integration/mqtt/transport_fixture.h"
#include "tests/support/process.h"

namespace sluice {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

// One authority for the broker and its clients, and a server of the test that shows what `server` says.
class TransportTls : public testing::Test {
 protected:
  MqttOptions Options(const std::string& host = "localhost") const {
    MqttOptions options = OptionsFor("ssl://" + host + ":" + std::to_string(listener.port()));
    options.tls.ca_file = authority.ca_file();
    return options;
  }

  // The outcome of a connection; the server's end of it is `peer`.
  absl::Status Connect(const MqttOptions& options) {
    transport.emplace(options);
    Outcome<absl::Status> opened = transport->StartOpen();
    peer.emplace(listener.Accept(), server);
    return opened.Get();
  }

  // What a client hears of a broker that wants to see another certificate, or any: after the handshake with TLS 1.3.
  std::string RefusalOf(const MqttOptions& options) {
    absl::Status status = Connect(options);
    if (status.ok()) status = transport->Read().status;
    EXPECT_FALSE(peer->connected());
    return Text(status);
  }

  // Of a transport that finds its files unusable before it connects.
  static std::string FileErrorOf(const MqttOptions& options) {
    const absl::Status status = TestTransport(options).Open();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return Text(status);
  }

  CertificateAuthority authority;
  TlsServerOptions server{.certificate = authority.Server()};
  RawServer listener;
  std::optional<TestTransport> transport;
  std::optional<TlsPeer> peer;
  TempDir directory;
};

// ------------------------------------------------------------------------------------------------ the broker's

TEST_F(TransportTls, AsksForTheHostByItsName) {
  EXPECT_EQ(Text(Connect(Options())), "OK");
  EXPECT_EQ(peer->server_name(), "localhost");
}

TEST_F(TransportTls, ChecksAnAddressLikeANameButDoesNotAskForIt) {
  server.certificate = authority.Server("IP:127.0.0.1");
  EXPECT_EQ(Text(Connect(Options("127.0.0.1"))), "OK");
  EXPECT_EQ(peer->server_name(), "");
}

TEST_F(TransportTls, RefusesACertificateForAnotherHost) {
  server.certificate = authority.Server("DNS:broker.example");
  const absl::Status status = Connect(Options());
  EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(Text(status), StartsWith("the broker's certificate is not for the host name 'localhost'"));
}

TEST_F(TransportTls, RefusesACertificateForAnotherAddress) {
  server.certificate = authority.Server("DNS:localhost,IP:127.0.0.9");
  EXPECT_THAT(Text(Connect(Options("127.0.0.1"))), HasSubstr("is not for the host name '127.0.0.1'"));
}

TEST_F(TransportTls, TakesACertificateForAnotherHostOnlyWhenToldTo) {
  server.certificate = authority.Server("DNS:broker.example");
  MqttOptions options = Options();
  options.tls.verify_hostname = false;
  EXPECT_EQ(Text(Connect(options)), "OK");
}

TEST_F(TransportTls, TrustsNoOtherAuthorityThanTheFiles) {
  CertificateAuthority other;
  MqttOptions options = Options();
  options.tls.ca_file = other.ca_file();
  options.tls.verify_hostname = false;
  const absl::Status status = Connect(options);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(Text(status), AllOf(StartsWith("the broker's certificate is not trusted: "),
                                  HasSubstr("caFile '" + other.ca_file() + "'")));
}

TEST_F(TransportTls, TrustsOnlyTheSystemsAuthoritiesWithoutAFile) {
  MqttOptions options = Options();
  options.tls.ca_file.clear();
  EXPECT_THAT(Text(Connect(options)),
              AllOf(StartsWith("the broker's certificate is not trusted: "), HasSubstr("set caFile")));
}

TEST_F(TransportTls, RefusesAnExpiredCertificate) {
  server.certificate = authority.ExpiredServer();
  EXPECT_THAT(Text(Connect(Options())),
              StartsWith("the broker's certificate is not accepted: CN = server has expired ("));
}

TEST_F(TransportTls, RefusesVersionsBelowTls12) {
  server.max_version = TLS1_1_VERSION;
  EXPECT_EQ(Text(Connect(Options())), "the broker speaks neither TLS 1.2 nor 1.3");
}

TEST_F(TransportTls, SpeaksTls12) {
  server.max_version = TLS1_2_VERSION;
  EXPECT_EQ(Text(Connect(Options())), "OK");
}

TEST_F(TransportTls, DoubtsThatAPortSpeaksTlsWhenItClosesWithoutAWord) {
  TestTransport client(Options());
  Outcome<absl::Status> opened = client.StartOpen();
  RawPeer raw = listener.Accept();
  EXPECT_EQ(raw.Receive(1).size(), 1u);
  raw.Close();
  EXPECT_THAT(Text(opened.Get()), AllOf(StartsWith("closed by the broker"), HasSubstr("is it a TLS port?")));
}

TEST_F(TransportTls, DoubtsThatAPortSpeaksTlsWhenItAnswersInPlainText) {
  TestTransport client(Options());
  Outcome<absl::Status> opened = client.StartOpen();
  RawPeer raw = listener.Accept();
  raw.Send("HTTP/1.1 400 Bad Request\r\n\r\n");
  EXPECT_EQ(Text(opened.Get()), "the broker's answer is not TLS: is it a TLS port?");
}

// ------------------------------------------------------------------------------------------------ its own

// With TLS 1.2 the broker's refusal ends the handshake, with 1.3 it comes after it.
class TransportClientCertificate : public TransportTls, public testing::WithParamInterface<int> {
 protected:
  TransportClientCertificate() {
    server.client_ca_file = authority.ca_file();
    server.max_version = GetParam();
  }
  MqttOptions OptionsWith(const CertificateFiles& client) const {
    MqttOptions options = Options();
    options.tls.cert_file = client.cert_file;
    options.tls.key_file = client.key_file;
    return options;
  }
};
INSTANTIATE_TEST_SUITE_P(Versions, TransportClientCertificate, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& version) { return version.param == TLS1_2_VERSION ? "Tls12" : "Tls13"; });

TEST_P(TransportClientCertificate, IsShown) {
  EXPECT_EQ(Text(Connect(OptionsWith(authority.Client("sluice")))), "OK");
  EXPECT_TRUE(peer->connected());
}

TEST_P(TransportClientCertificate, IsNamedWhenTheBrokerRequiresOne) {
  EXPECT_THAT(RefusalOf(Options()), AllOf(HasSubstr("does it require a client certificate"), HasSubstr("certFile"),
                                          HasSubstr("certKeyFile")));
}

TEST_P(TransportClientCertificate, IsNamedWhenTheBrokerDoesNotAcceptIt) {
  CertificateAuthority other;
  const CertificateFiles client = other.Client("sluice");
  EXPECT_THAT(RefusalOf(OptionsWith(client)),
              StartsWith("the broker does not accept the client certificate of certFile '" + client.cert_file + "'"));
}

TEST_P(TransportClientCertificate, IsReadAgainForEachConnection) {
  CertificateAuthority other;
  const CertificateFiles first = other.Client("sluice");
  const CertificateFiles second = authority.Client("sluice");
  MqttOptions options = OptionsWith({directory / "client.pem", directory / "client.key"});
  auto install = [&](const CertificateFiles& files) {
    constexpr auto kReplace = std::filesystem::copy_options::overwrite_existing;
    std::filesystem::copy_file(files.cert_file, options.tls.cert_file, kReplace);
    std::filesystem::copy_file(files.key_file, options.tls.key_file, kReplace);
  };
  install(first);
  EXPECT_THAT(RefusalOf(options), HasSubstr("does not accept the client certificate"));
  install(second);
  EXPECT_EQ(Text(Connect(options)), "OK");
  EXPECT_TRUE(peer->connected());
}

TEST_F(TransportTls, SuspectsAMissingCertificateWhenTheBrokerClosesBeforeItsFirstWord) {
  ASSERT_EQ(Text(Connect(Options())), "OK");
  peer->raw().Close();
  EXPECT_THAT(Text(transport->Read().status),
              AllOf(StartsWith("closed by the broker"), HasSubstr("does it require a client certificate")));
}

// ------------------------------------------------------------------------------------------------ files

TEST_F(TransportTls, NamesAFileThatItCannotRead) {
  const std::string missing = directory / "missing.pem";
  const std::string why = " '" + missing + "': cannot be read: No such file or directory";
  MqttOptions options = Options();
  options.tls.ca_file = missing;
  EXPECT_EQ(FileErrorOf(options), "caFile" + why);
  const CertificateFiles client = authority.Client("sluice");
  options = Options();
  options.tls.cert_file = missing;
  options.tls.key_file = client.key_file;
  EXPECT_EQ(FileErrorOf(options), "certFile" + why);
  options.tls.cert_file = client.cert_file;
  options.tls.key_file = missing;
  EXPECT_EQ(FileErrorOf(options), "certKeyFile" + why);
}

TEST_F(TransportTls, NamesAFileThatIsADirectory) {
  MqttOptions options = Options();
  options.tls.ca_file = directory.path();
  EXPECT_EQ(FileErrorOf(options), "caFile '" + options.tls.ca_file + "': cannot be read: Is a directory");
}

TEST_F(TransportTls, NamesAFileThatHoldsSomethingElse) {
  const std::string text = directory.Write("text", "no PEM at all\n");
  const CertificateFiles client = authority.Client("sluice");
  MqttOptions options = Options();
  options.tls.ca_file = text;
  EXPECT_EQ(FileErrorOf(options), "caFile '" + text + "': holds no PEM certificate");
  options = Options();
  options.tls.cert_file = text;
  options.tls.key_file = client.key_file;
  EXPECT_EQ(FileErrorOf(options), "certFile '" + text + "': holds no PEM certificate");
  options.tls.cert_file = client.cert_file;
  options.tls.key_file = text;
  EXPECT_EQ(FileErrorOf(options), "certKeyFile '" + text + "': holds no PEM private key");
}

TEST_F(TransportTls, RefusesAKeyThatWouldAskForItsPassPhrase) {
  const CertificateFiles client = authority.Client("sluice");
  const std::string encrypted = directory / "encrypted.key";
  RunCommand({"openssl", "pkcs8", "-topk8", "-in", client.key_file, "-passout", "pass:secret", "-out", encrypted});
  MqttOptions options = Options();
  options.tls.cert_file = client.cert_file;
  options.tls.key_file = encrypted;
  EXPECT_THAT(FileErrorOf(options), StartsWith("certKeyFile '" + encrypted + "': is encrypted"));
}

TEST_F(TransportTls, RefusesAKeyOfAnotherCertificate) {
  const CertificateFiles client = authority.Client("sluice");
  const CertificateFiles other = authority.Client("other");
  MqttOptions options = Options();
  options.tls.cert_file = client.cert_file;
  options.tls.key_file = other.key_file;
  EXPECT_EQ(FileErrorOf(options), "certKeyFile '" + other.key_file +
                                      "': is not the key of the certificate (certFile: '" + client.cert_file + "')");
}

}  // namespace
}  // namespace sluice
