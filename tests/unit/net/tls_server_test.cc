#include "server/net/tls_server.h"

#include <gmock/gmock.h>

#include "tests/support/manual_clock.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tls_authority.h"

namespace sluice {
namespace {

using testing::HasSubstr;

class TlsServerTest : public testing::Test {
 protected:
  TlsServerTest() {
    const PemPair pair = authority_.Issue({});
    options_.setting = "workers.tls";
    options_.files = {.cert_file = folder_.Write("tls.crt", pair.cert),
                      .key_file = folder_.Write("tls.key", pair.key),
                      .key_password_file = "",
                      .client_ca_file = "",
                      .client_crl = ""};
  }
  absl::Status Error() const { return TlsServer::Load(options_, clock_).status(); }
  void Load() {
    auto loaded = TlsServer::Load(options_, clock_);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    server_ = *std::move(loaded);
  }
  void LookAgain() {
    clock_.Advance(TlsServer::kLookEvery);
    server_->Tick(clock_.Now());
  }

  ManualClock clock_;
  TempDir folder_;
  TlsAuthority authority_;
  TlsServerSettings options_;
  std::shared_ptr<TlsServer> server_;
};

TEST_F(TlsServerTest, TakesOnlyCiphersWithForwardSecrecy) {
  options_.ciphers = {"AES128-GCM-SHA256"};
  EXPECT_THAT(std::string(Error().message()),
              HasSubstr("workers.tls.ciphers: 'AES128-GCM-SHA256' has no forward secrecy"));
  options_.ciphers = {"ECDHE-ECDSA-AES128-SHA"};
  EXPECT_THAT(std::string(Error().message()), HasSubstr("has no authenticated encryption"));
  options_.ciphers = {"NO-SUCH-CIPHER"};
  EXPECT_THAT(std::string(Error().message()),
              HasSubstr("workers.tls.ciphers: 'NO-SUCH-CIPHER' is no cipher that OpenSSL knows"));
  options_.ciphers = {"TLS_NO_SUCH"};
  EXPECT_THAT(std::string(Error().message()),
              HasSubstr("workers.tls.ciphers: 'TLS_NO_SUCH' is no cipher that OpenSSL knows"));
  options_.ciphers = {"ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_AES_128_GCM_SHA256"};
  EXPECT_TRUE(Error().ok()) << Error();
}

TEST_F(TlsServerTest, KnowsTwoVersions) {
  options_.min_version = "1.3";
  EXPECT_TRUE(Error().ok()) << Error();
  options_.min_version = "1.1";
  EXPECT_THAT(std::string(Error().message()), HasSubstr("workers.tls.minVersion: '1.1' is neither 1.2 nor 1.3"));
}

TEST_F(TlsServerTest, LooksOnceASecondAtMost) {
  Load();
  const PemPair fresh = authority_.Issue({});
  const SteadyTime next = server_->Tick(clock_.Now());
  folder_.Write("tls.crt", fresh.cert);
  folder_.Write("tls.key", fresh.key);
  clock_.Advance(TlsServer::kLookEvery - Millis(1));
  EXPECT_EQ(server_->Tick(clock_.Now()), next);
  EXPECT_EQ(server_->generation(), 1u);
  clock_.Advance(Millis(1));
  server_->Tick(clock_.Now());
  EXPECT_EQ(server_->generation(), 2u);
}

TEST_F(TlsServerTest, KeepsTheLastGoodPairUntilBothHalvesAreThere) {
  Load();
  const auto before = server_->context();
  folder_.Write("tls.crt", "junk");
  LookAgain();
  EXPECT_EQ(server_->context(), before);
  const PemPair fresh = authority_.Issue({});
  folder_.Write("tls.crt", fresh.cert);
  LookAgain();
  EXPECT_EQ(server_->context(), before) << "the key is still the old one";
  folder_.Write("tls.key", fresh.key);
  LookAgain();
  EXPECT_NE(server_->context(), before);
  EXPECT_EQ(server_->generation(), 2u);
}

TEST_F(TlsServerTest, FilesThatWereTouchedOnlyChangeNothing) {
  Load();
  const auto before = server_->context();
  folder_.Write("tls.crt", std::string(ReadTlsFiles("x", options_.files)->cert));
  LookAgain();
  EXPECT_EQ(server_->context(), before);
}

TEST_F(TlsServerTest, ChecksACertificateAgainByWhatIsLoadedNow) {
  const PemPair client = authority_.Issue({.name = "pump-7", .usage = "clientAuth"});
  options_.files.client_ca_file = folder_.Write("ca.crt", authority_.cert());
  options_.files.client_crl = folder_.Write("list.crl", authority_.Crl({}));
  Load();
  const PeerCertificate shown{.chain_der = {DerOf(client.cert)}};
  EXPECT_TRUE(server_->CheckAgain(shown).ok()) << server_->CheckAgain(shown);

  folder_.Write("list.crl", authority_.Crl({authority_.serial()}));
  LookAgain();
  EXPECT_THAT(std::string(server_->CheckAgain(shown).message()), HasSubstr("CN = pump-7 is revoked"));

  const TlsAuthority other("Other");
  folder_.Write("list.crl", TlsAuthority("Other").Crl({}));
  folder_.Write("ca.crt", other.cert());
  LookAgain();
  EXPECT_THAT(std::string(server_->CheckAgain(shown).message()),
              HasSubstr("CN = pump-7 is not signed by an authority of clientCaFile"));
}

}  // namespace
}  // namespace sluice
