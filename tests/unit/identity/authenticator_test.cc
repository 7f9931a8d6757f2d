#include "server/identity/authenticator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "tests/support/jwk.h"
#include "tests/support/manual_clock.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class AuthenticatorTest : public testing::Test {
 protected:
  AuthenticatorTest() { files_["keys.json"] = Jwks(key_.Jwk("k1")); }

  void Make(AuthenticationOptions options) {
    authenticator_ = std::make_unique<ConfiguredAuthenticator>(
        "workers", std::move(options),
        ConfiguredAuthenticator::Seams{.read_file = [this](const std::string& path) -> absl::StatusOr<std::string> {
          const auto found = files_.find(path);
          if (found == files_.end()) return absl::NotFoundError("cannot be read: No such file or directory");
          return found->second;
        }},
        clock_, metrics_);
    authenticator_->OnChange([this] { ++changes_; });
    ASSERT_TRUE(authenticator_->Load().ok());
  }
  static AuthenticationOptions Tokens() {
    return {.tokens = {{.issuer = "https://i", .audiences = {"sluice"}, .jwks_file = "keys.json"}}};
  }
  std::string Token(const SigningKey& key, const std::string& id = "k1",
                    const std::string& issuer = "https://i") const {
    return "Bearer " + key.Token(R"({"alg":"ES256","kid":")" + id + "\"}",
                                 R"({"iss":")" + issuer + R"(","sub":"w","aud":"sluice","exp":)" +
                                     std::to_string(clock_.UnixMillis() / 1'000 + 600) + "}");
  }
  OrRefusal<PrincipalPtr> Authenticate(const std::vector<std::string>& authorization) {
    const std::vector<std::string_view> views(authorization.begin(), authorization.end());
    return authenticator_->Authenticate({.certificate = certificate_, .authorization = views});
  }
  // "ok: NAMES", or the check that failed.
  std::string Try(const std::vector<std::string>& authorization) {
    const OrRefusal<PrincipalPtr> result = Authenticate(authorization);
    if (const auto* refusal = std::get_if<AuthenticationRefusal>(&result)) {
      return std::string(AuthenticationCheckName(refusal->check));
    }
    std::string names = "ok:";
    for (const std::string& name : std::get<PrincipalPtr>(result)->names) names += " " + name;
    return names;
  }
  void TakeALook() {
    clock_.Advance(ConfiguredAuthenticator::kLookEvery);
    authenticator_->Tick(clock_.Now());
  }

  ManualClock clock_;
  MetricsRegistry metrics_;
  const SigningKey key_{SigningKind::kP256};
  std::map<std::string, std::string> files_;
  std::shared_ptr<const PeerCertificate> certificate_;
  int changes_ = 0;
  std::unique_ptr<ConfiguredAuthenticator> authenticator_;
};

const PeerCertificate kPump{
    .subject = "CN = pump", .uris = {"spiffe://plant/pump"}, .not_after_unix_s = 1'900'000'000, .serial = "7f"};

TEST_F(AuthenticatorTest, TakesATokenOfItsIssuer) {
  Make(Tokens());
  EXPECT_EQ(Try({Token(key_)}), "ok: sub:w");
  std::string small = Token(key_);
  small[0] = 'b';
  EXPECT_EQ(Try({small}), "ok: sub:w") << "schemes are written in any case";
}

TEST_F(AuthenticatorTest, RefusesWhatIsNoBearerToken) {
  Make(Tokens());
  EXPECT_EQ(Try({}), "no_credentials");
  EXPECT_EQ(Try({""}), "token_malformed");
  EXPECT_EQ(Try({"Bearer"}), "token_malformed");
  EXPECT_EQ(Try({"Basic dTpw"}), "token_malformed");
  EXPECT_EQ(Try({Token(key_).substr(7)}), "token_malformed") << "no scheme";
  EXPECT_EQ(Try({Token(key_), Token(key_)}), "token_malformed") << "which one is it?";
  EXPECT_EQ(Try({Token(key_, "k1", "https://other")}), "token_issuer");
}

TEST_F(AuthenticatorTest, AnIssuersKeysAreNoOtherIssuers) {
  const SigningKey other(SigningKind::kP256);
  files_["other.json"] = Jwks(other.Jwk("k1"));
  AuthenticationOptions options = Tokens();
  options.tokens.push_back({.issuer = "https://other", .audiences = {"sluice"}, .jwks_file = "other.json"});
  Make(options);
  EXPECT_EQ(Try({Token(other, "k1", "https://other")}), "ok: sub:w");
  EXPECT_EQ(Try({Token(other, "k1", "https://i")}), "token_signature");
  EXPECT_EQ(Try({Token(key_, "k1", "https://other")}), "token_signature");
}

TEST_F(AuthenticatorTest, TakesACertificateByItsNames) {
  Make({.certificates = CertificateNames{}});
  EXPECT_EQ(Try({}), "no_credentials");
  certificate_ = std::make_shared<PeerCertificate>(kPump);
  EXPECT_EQ(Try({}), "ok: spiffe://plant/pump");
  EXPECT_EQ(Try({"Bearer junk"}), "ok: spiffe://plant/pump") << "nobody looks at tokens";
  certificate_ = std::make_shared<PeerCertificate>(PeerCertificate{.subject = "CN = pump"});
  EXPECT_EQ(Try({}), "certificate_name");
}

TEST_F(AuthenticatorTest, EitherOrBothAsConfigured) {
  AuthenticationOptions options = Tokens();
  options.certificates = CertificateNames{};
  Make(options);
  EXPECT_EQ(Try({}), "no_credentials");
  EXPECT_EQ(Try({Token(key_)}), "ok: sub:w");
  certificate_ = std::make_shared<PeerCertificate>(kPump);
  EXPECT_EQ(Try({}), "ok: spiffe://plant/pump");
  EXPECT_EQ(Try({Token(key_)}), "ok: spiffe://plant/pump sub:w");
  EXPECT_EQ(Try({"Bearer junk"}), "token_malformed") << "a certificate does not make it good";
  options.both = true;
  Make(options);
  EXPECT_EQ(Try({}), "no_token");
  EXPECT_EQ(Try({Token(key_)}), "ok: spiffe://plant/pump sub:w");
  certificate_ = nullptr;
  EXPECT_EQ(Try({Token(key_)}), "no_certificate");
  EXPECT_EQ(Try({}), "no_credentials");
}

TEST_F(AuthenticatorTest, BothEndWithTheFirst) {
  AuthenticationOptions options = Tokens();
  options.certificates = CertificateNames{};
  Make(options);
  certificate_ = std::make_shared<PeerCertificate>(kPump);
  const OrRefusal<PrincipalPtr> result = Authenticate({Token(key_)});
  EXPECT_EQ(std::get<PrincipalPtr>(result)->expires_unix_s, clock_.UnixMillis() / 1'000 + 660);
}

TEST_F(AuthenticatorTest, AFileThatIsReplacedWithdrawsItsKeys) {
  Make(Tokens());
  const PrincipalPtr principal = std::get<PrincipalPtr>(Authenticate({Token(key_)}));
  EXPECT_TRUE(authenticator_->StillHolds(*principal).ok());
  const SigningKey next(SigningKind::kP256);
  files_["keys.json"] = Jwks(next.Jwk("k2") + "," + key_.Jwk("k1"));
  TakeALook();
  EXPECT_EQ(changes_, 1);
  EXPECT_EQ(Try({Token(next, "k2")}), "ok: sub:w");
  EXPECT_TRUE(authenticator_->StillHolds(*principal).ok());
  files_["keys.json"] = Jwks(next.Jwk("k1"));
  TakeALook();
  EXPECT_EQ(changes_, 2);
  EXPECT_THAT(authenticator_->StillHolds(*principal).message(), HasSubstr("withdrawn")) << "another key of that id";
  EXPECT_EQ(Try({Token(key_)}), "token_signature");
  TakeALook();
  EXPECT_EQ(changes_, 2);
}

TEST_F(AuthenticatorTest, JunkLeavesTheLastGoodKeys) {
  Make(Tokens());
  for (const char* junk : {"", "{", R"({"keys":[]})", "-----BEGIN PRIVATE KEY-----"}) {
    files_["keys.json"] = junk;
    TakeALook();
    EXPECT_EQ(Try({Token(key_)}), "ok: sub:w") << junk;
  }
  files_.erase("keys.json");
  TakeALook();
  EXPECT_EQ(Try({Token(key_)}), "ok: sub:w");
  EXPECT_EQ(changes_, 0);
}

TEST_F(AuthenticatorTest, DoesNotBeginWithoutKeys) {
  files_["keys.json"] = "{}";
  ConfiguredAuthenticator authenticator(
      "workers", Tokens(), {.read_file = [this](const std::string& path) { return files_[path]; }}, clock_, metrics_);
  EXPECT_EQ(authenticator.Load().message(),
            "workers.auth.jwt[0].jwksFile: file 'keys.json' is no JSON Web Key Set: it has no list \"keys\"");
}

TEST_F(AuthenticatorTest, CountsRefusalsByTheCheck) {
  Make(Tokens());
  Try({});
  Try({Token(key_, "k2")});
  Try({Token(key_, "k2")});
  const auto count = [this](const char* check) {
    return metrics_.GetCounter("sluice_authentication_refusals_total", "", {{"listener", "workers"}, {"check", check}})
        .value();
  };
  EXPECT_EQ(count("no_credentials"), 1);
  EXPECT_EQ(count("token_key"), 2);
}

}  // namespace
}  // namespace sluice
