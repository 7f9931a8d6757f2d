// How a worker of the SDK trusts a gateway, and is trusted. Gateways are dialled by number and known by name.
#include <grpcpp/security/server_credentials.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "tests/integration/client/running_worker.h"
#include "tests/support/certificates.h"

namespace sluice::client {
namespace {

std::string Content(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

FakeGateway::Options Serving(const CertificateFiles& files, const std::string& client_ca_file = "") {
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs.push_back({Content(files.key_file), Content(files.cert_file)});
  if (!client_ca_file.empty()) {
    options.pem_root_certs = Content(client_ca_file);
    options.client_certificate_request = GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
  }
  return {.credentials = grpc::SslServerCredentials(options)};
}

Options Trusting(const CertificateAuthority& authority, const FakeGateway& gateway, const std::string& host) {
  Options options = For(gateway);
  options.gateways = {host + ":" + std::to_string(gateway.port())};
  options.security = Security::kTls;
  options.tls.ca_file = authority.ca_file();
  return options;
}

TEST(TlsTest, ChecksTheCertificateAgainstTheNameNotTheAddress) {
  CertificateAuthority authority;
  FakeGateway gateway(Serving(authority.Server("DNS:localhost")));
  const RunningWorker worker(Trusting(authority, gateway, "localhost"), Echo);
  gateway.Deliver();
  EXPECT_TRUE(gateway.ExpectSettle());
}

TEST(TlsTest, TakesAnAddressThatTheCertificateNames) {
  CertificateAuthority authority;
  FakeGateway gateway(Serving(authority.Server("IP:127.0.0.1")));
  const RunningWorker worker(Trusting(authority, gateway, "127.0.0.1"), Echo);
  EXPECT_TRUE(gateway.ExpectHello());
}

TEST(TlsTest, RefusesACertificateForAnotherName) {
  CertificateAuthority authority;
  FakeGateway gateway(Serving(authority.Server("DNS:other.example")));
  RunningWorker worker(Trusting(authority, gateway, "localhost"), Echo);
  const auto event = worker.Await(Kind::kConnectFailed);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->status.code(), StatusCode::kUnavailable);
  EXPECT_EQ(gateway.streams(), 0);
}

TEST(TlsTest, TakesTheNameThatIsSetInPlaceOfTheHost) {
  CertificateAuthority authority;
  FakeGateway gateway(Serving(authority.Server("DNS:other.example")));
  Options options = Trusting(authority, gateway, "127.0.0.1");
  options.tls.server_name = "other.example";
  const RunningWorker worker(options, Echo);
  EXPECT_TRUE(gateway.ExpectHello());
}

TEST(TlsTest, RefusesACertificateOfAnotherAuthority) {
  CertificateAuthority authority;
  CertificateAuthority other;
  FakeGateway gateway(Serving(other.Server()));
  RunningWorker worker(Trusting(authority, gateway, "localhost"), Echo);
  const auto event = worker.Await(Kind::kConnectFailed);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->status.code(), StatusCode::kUnavailable);
  EXPECT_EQ(gateway.streams(), 0);
}

TEST(TlsTest, NeverFallsBackToPlainText) {
  CertificateAuthority authority;
  FakeGateway gateway;
  RunningWorker worker(Trusting(authority, gateway, "localhost"), Echo);
  EXPECT_TRUE(worker.Await(Kind::kConnectFailed));
  EXPECT_EQ(gateway.streams(), 0);
}

TEST(TlsTest, ShowsItsOwnCertificateWhereTheGatewayAsks) {
  CertificateAuthority authority;
  FakeGateway gateway(Serving(authority.Server(), authority.ca_file()));
  Options options = Trusting(authority, gateway, "localhost");
  const CertificateFiles files = authority.Client("worker-1");
  options.tls.cert_file = files.cert_file;
  options.tls.key_file = files.key_file;
  const RunningWorker worker(options, Echo);
  EXPECT_TRUE(gateway.ExpectHello());
}

TEST(TlsTest, AKeyOfAnotherCertificateIsSaid) {
  CertificateAuthority authority;
  FakeGateway gateway(Serving(authority.Server()));
  Options options = Trusting(authority, gateway, "localhost");
  options.tls.cert_file = authority.Client("worker-1").cert_file;
  options.tls.key_file = authority.Client("worker-2").key_file;
  RunningWorker worker(options, Echo);
  const auto failed = worker.Await(Kind::kConnectFailed);
  ASSERT_TRUE(failed);
  EXPECT_NE(failed->status.message().find("tls.key_file must be the key of tls.cert_file"), std::string::npos)
      << failed->status.message();
}

TEST(TlsTest, IsRefusedWithoutTheCertificateThatTheGatewayAsksFor) {
  CertificateAuthority authority;
  FakeGateway gateway(Serving(authority.Server(), authority.ca_file()));
  RunningWorker worker(Trusting(authority, gateway, "localhost"), Echo);
  EXPECT_TRUE(worker.Await(Kind::kConnectFailed));
  EXPECT_EQ(gateway.streams(), 0);
}

}  // namespace
}  // namespace sluice::client
