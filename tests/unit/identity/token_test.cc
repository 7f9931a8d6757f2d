#include "server/identity/token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "tests/support/jwk.h"

namespace sluice {
namespace {

using Check = AuthenticationCheck;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr int64_t kNow = 1'800'000'000;

// "ok", or the check that failed.
std::string Outcome(const OrRefusal<PrincipalPtr>& result) {
  if (const auto* refusal = std::get_if<AuthenticationRefusal>(&result)) {
    return std::string(AuthenticationCheckName(refusal->check));
  }
  return "ok";
}

// Made once: that takes a while.
const SigningKey& RsaKey() {
  static const SigningKey key(SigningKind::kRsa);
  return key;
}

class TokenTest : public testing::Test {
 protected:
  OrRefusal<PrincipalPtr> Verify(std::string_view token) const {
    OrRefusal<UnverifiedToken> parsed = ParseToken(token);
    if (auto* refusal = std::get_if<AuthenticationRefusal>(&parsed)) return *refusal;
    return VerifyToken(std::get<UnverifiedToken>(parsed), issuer_, *KeySet::Parse(jwks_), kNow);
  }
  std::string Try(const std::string& header, const std::string& payload) const {
    return Outcome(Verify(key_.Token(header, payload)));
  }
  // A good token's payload with one claim as it is given ("" leaves it out).
  static std::string With(const std::string& name, const std::string& json) {
    std::map<std::string, std::string> claims = {{"iss", R"("https://issuer.plant")"},
                                                 {"sub", R"("worker-7")"},
                                                 {"aud", R"("sluice")"},
                                                 {"exp", std::to_string(kNow + 600)},
                                                 {"iat", std::to_string(kNow - 10)}};
    claims[name] = json;
    std::string payload;
    for (const auto& [key, value] : claims) {
      if (!value.empty()) payload += (payload.empty() ? "{\"" : ",\"") + key + "\":" + value;
    }
    return payload + "}";
  }
  static std::string Good() { return With("iss", R"("https://issuer.plant")"); }

  const SigningKey key_{SigningKind::kP256};
  const std::string header_ = R"({"alg":"ES256","kid":"k1","typ":"JWT"})";
  std::string jwks_ = Jwks(key_.Jwk("k1"));
  TokenIssuer issuer_{.issuer = "https://issuer.plant", .audiences = {"sluice", "plant-gateway"}, .clock_skew_s = 60};
};

TEST_F(TokenTest, TellsWhoTheBearerIs) {
  const OrRefusal<PrincipalPtr> result = Verify(key_.Token(header_, With("groups", R"(["a","b",7,{"c":1}])")));
  ASSERT_EQ(Outcome(result), "ok");
  const Principal& principal = *std::get<PrincipalPtr>(result);
  EXPECT_THAT(principal.names, ElementsAre("sub:worker-7"));
  EXPECT_EQ(principal.expires_unix_s, kNow + 660);
  EXPECT_EQ(principal.issuer, "https://issuer.plant");
  EXPECT_THAT(principal.claims.at("/groups"), ElementsAre("a", "b", "7"));
  EXPECT_THAT(principal.claims.at("/aud"), ElementsAre("sluice"));
}

TEST_F(TokenTest, TakesEveryAlgorithmThatItsKeyIsFor) {
  const std::vector<std::pair<std::string, SigningKind>> algorithms = {
      {"RS256", SigningKind::kRsa},    {"RS384", SigningKind::kRsa},  {"RS512", SigningKind::kRsa},
      {"PS256", SigningKind::kRsa},    {"PS384", SigningKind::kRsa},  {"PS512", SigningKind::kRsa},
      {"ES256", SigningKind::kP256},   {"ES384", SigningKind::kP384}, {"ES512", SigningKind::kP521},
      {"EdDSA", SigningKind::kEd25519}};
  for (const auto& [algorithm, kind] : algorithms) {
    const SigningKey key = kind == SigningKind::kRsa ? RsaKey() : SigningKey(kind);
    jwks_ = Jwks(key.Jwk("k1", R"(,"alg":")" + algorithm + "\""));
    std::string token = key.Token(R"({"alg":")" + algorithm + R"(","kid":"k1"})", Good());
    EXPECT_EQ(Outcome(Verify(token)), "ok") << algorithm;
    token[token.find('.') + 3] ^= 1;
    EXPECT_NE(Outcome(Verify(token)), "ok") << algorithm;
  }
}

TEST_F(TokenTest, RefusesAlgNoneHoweverItIsWritten) {
  for (const char* none : {"none", "None", "NONE", "nOnE", ""}) {
    const std::string text =
        EncodeBase64Url(std::string(R"({"alg":")") + none + R"(","kid":"k1"})") + "." + EncodeBase64Url(Good());
    EXPECT_EQ(Outcome(Verify(text + ".")), "token_algorithm") << none;
    EXPECT_EQ(Outcome(Verify(text + ".AA")), "token_algorithm") << none;
    EXPECT_NE(Outcome(Verify(text)), "ok") << none;
  }
  EXPECT_EQ(Outcome(Verify(EncodeBase64Url(R"({"kid":"k1"})") + "." + EncodeBase64Url(Good()) + ".")),
            "token_algorithm");
}

// The classic: a verifier that takes the public key for the secret of an HMAC.
TEST_F(TokenTest, RefusesAnHmacWithThePublicKey) {
  const SigningKey& rsa = RsaKey();
  jwks_ = Jwks(rsa.Jwk("k1"));
  const std::string text = EncodeBase64Url(R"({"alg":"HS256","kid":"k1"})") + "." + EncodeBase64Url(Good());
  for (const std::string& secret : {rsa.PublicPem(), jwks_, std::string()}) {
    EXPECT_EQ(Outcome(Verify(text + "." + EncodeBase64Url(HmacSha256(secret, text)))), "token_algorithm");
  }
}

TEST_F(TokenTest, AKeyVerifiesNoOtherAlgorithmThanItsOwn) {
  const SigningKey& rsa = RsaKey();
  jwks_ = Jwks(rsa.Jwk("k1", R"(,"alg":"PS256")"));
  EXPECT_EQ(Outcome(Verify(rsa.Token(R"({"alg":"RS256","kid":"k1"})", Good()))), "token_algorithm");
  jwks_ = Jwks(rsa.Jwk("k1"));
  EXPECT_EQ(Outcome(Verify(rsa.Token(R"({"alg":"RS512","kid":"k1"})", Good()))), "token_algorithm")
      << "RS256 by default";
  EXPECT_EQ(Outcome(Verify(rsa.Token(R"({"alg":"RS256","kid":"k1"})", Good()))), "ok");
}

TEST_F(TokenTest, TakesNoKeyButTheOneThatIsNamed) {
  const SigningKey other(SigningKind::kP256);
  jwks_ = Jwks(key_.Jwk("k1") + "," + other.Jwk("k2"));
  EXPECT_EQ(Outcome(Verify(other.Token(header_, Good()))), "token_signature") << "signed by k2, says k1";
  EXPECT_EQ(Try(R"({"alg":"ES256","kid":"k3"})", Good()), "token_key");
  EXPECT_EQ(Try(R"({"alg":"ES256","kid":"K1"})", Good()), "token_key");
  EXPECT_EQ(Try(R"({"alg":"ES256","kid":"k1\u0000"})", Good()), "token_key");
  EXPECT_EQ(Try(R"({"alg":"ES256"})", Good()), "token_key") << "two could be meant";
  EXPECT_EQ(Try(R"({"alg":"ES256","kid":["k1"]})", Good()), "token_malformed");
  EXPECT_EQ(Try(R"({"alg":"ES256","kid":"../../dev/null"})", Good()), "token_key");
}

TEST_F(TokenTest, IgnoresKeysThatTheTokenBringsAlong) {
  const SigningKey attacker(SigningKind::kP256);
  const std::string header = R"({"alg":"ES256","kid":"evil","jwk":)" + attacker.Jwk("evil") +
                             R"(,"jku":"https://evil.example/jwks","x5u":"https://evil.example/c"})";
  EXPECT_EQ(Outcome(Verify(attacker.Token(header, Good()))), "token_key");
}

TEST_F(TokenTest, RefusesHeadersThatAskForMoreThanIsUnderstood) {
  EXPECT_EQ(Try(R"({"alg":"ES256","kid":"k1","crit":["exp"]})", Good()), "token_malformed");
  EXPECT_EQ(Try(R"({"alg":"ES256","kid":"k1","crit":[]})", Good()), "token_malformed");
  EXPECT_EQ(Try(R"({"alg":"ES256","kid":"k1","b64":false})", Good()), "token_malformed");
  EXPECT_EQ(Try(R"({"alg":"ES256","kid":"k1","zip":"DEF"})", Good()), "token_malformed");
  EXPECT_EQ(Try(R"({"alg":"ES256","kid":"k1","cty":"JWT"})", Good()), "token_malformed");
  EXPECT_EQ(Try(R"({"alg":"ES256","kid":"k1","typ":"dpop+jwt"})", Good()), "token_malformed");
  EXPECT_EQ(Try(R"({"alg":"ES256","kid":"k1","typ":"logout+jwt"})", Good()), "token_malformed");
  EXPECT_EQ(Try(R"({"alg":"ES256","kid":"k1","typ":"at+jwt"})", Good()), "ok");
  EXPECT_EQ(Try(R"({"alg":"ES256","alg":"none","kid":"k1"})", Good()), "token_malformed") << "twice";
}

TEST_F(TokenTest, RefusesWhatIsNoToken) {
  const std::string token = key_.Token(header_, Good());
  EXPECT_EQ(Outcome(Verify("")), "token_malformed");
  EXPECT_EQ(Outcome(Verify("..")), "token_malformed");
  EXPECT_EQ(Outcome(Verify(token + ".")), "token_malformed");
  EXPECT_EQ(Outcome(Verify(token + "=")), "token_malformed");
  EXPECT_EQ(Outcome(Verify(token + "\n")), "token_malformed");
  EXPECT_EQ(Outcome(Verify(" " + token)), "token_malformed");
  EXPECT_EQ(Outcome(Verify(std::string(kMostTokenBytes + 1, 'A'))), "token_malformed");
  EXPECT_EQ(Try(header_, "[]"), "token_malformed");
  EXPECT_EQ(Try(header_, Good() + "x"), "token_malformed");
  EXPECT_EQ(Try(header_, R"({"iss":"https://issuer.plant","iss":"https://issuer.plant"})"), "token_malformed");
}

// The last letter of a signature carries bits that mean nothing: it must not have four ways to be written.
TEST_F(TokenTest, HasOneTextOnly) {
  std::string token = key_.Token(header_, Good());
  const char last = token.back();
  int taken = 0;
  for (const char c : std::string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")) {
    token.back() = c;
    if (Outcome(Verify(token)) == "ok") ++taken;
  }
  token.back() = last;
  EXPECT_EQ(taken, 1);
  EXPECT_EQ(Outcome(Verify(token)), "ok");
}

TEST_F(TokenTest, RefusesSignaturesOfAnotherShape) {
  const std::string text = EncodeBase64Url(header_) + "." + EncodeBase64Url(Good());
  const std::string signature = key_.Sign("ES256", text);
  EXPECT_EQ(Outcome(Verify(text + "." + EncodeBase64Url(signature))), "ok");
  EXPECT_EQ(Outcome(Verify(text + "." + EncodeBase64Url(std::string(64, '\0')))), "token_signature") << "r = s = 0";
  EXPECT_EQ(Outcome(Verify(text + "." + EncodeBase64Url(signature + signature))), "token_signature");
  EXPECT_EQ(Outcome(Verify(text + "." + EncodeBase64Url(signature.substr(0, 63)))), "token_signature");
  EXPECT_EQ(Outcome(Verify(text + ".")), "token_signature");
}

TEST_F(TokenTest, ExpiresASecondAfterTheSkewAndNotBefore) {
  EXPECT_EQ(Try(header_, With("exp", std::to_string(kNow - 59))), "ok");
  EXPECT_EQ(Try(header_, With("exp", std::to_string(kNow - 60))), "token_expired");
  EXPECT_EQ(Try(header_, With("exp", std::to_string(kNow - 61))), "token_expired");
  issuer_.clock_skew_s = 0;
  EXPECT_EQ(Try(header_, With("exp", std::to_string(kNow + 1))), "ok");
  EXPECT_EQ(Try(header_, With("exp", std::to_string(kNow))), "token_expired");
}

TEST_F(TokenTest, NeedsAnEndThatIsATime) {
  EXPECT_EQ(Try(header_, With("exp", "")), "token_malformed");
  EXPECT_EQ(Try(header_, With("exp", "null")), "token_malformed");
  EXPECT_EQ(Try(header_, With("exp", "\"1900000000\"")), "token_malformed");
  EXPECT_EQ(Try(header_, With("exp", "-1")), "token_malformed");
  EXPECT_EQ(Try(header_, With("exp", "1e300")), "token_malformed");
  EXPECT_EQ(Try(header_, With("exp", "18446744073709551615")), "token_malformed");
  EXPECT_EQ(Try(header_, With("exp", "99999999999999999999999999")), "token_malformed");
  EXPECT_EQ(Try(header_, With("exp", std::to_string(kNow + 5) + ".5")), "ok");
}

TEST_F(TokenTest, IsNotTakenBeforeItsTime) {
  EXPECT_EQ(Try(header_, With("nbf", std::to_string(kNow + 60))), "ok");
  EXPECT_EQ(Try(header_, With("nbf", std::to_string(kNow + 61))), "token_not_yet_valid");
  EXPECT_EQ(Try(header_, With("iat", std::to_string(kNow + 61))), "token_not_yet_valid");
  EXPECT_EQ(Try(header_, With("iat", "")), "ok");
  EXPECT_EQ(Try(header_, With("nbf", "\"now\"")), "token_malformed");
}

TEST_F(TokenTest, IsForOneOfTheAudiencesAndNobodyElse) {
  EXPECT_EQ(Try(header_, With("aud", R"(["other","plant-gateway"])")), "ok");
  EXPECT_EQ(Try(header_, With("aud", R"(["other","another"])")), "token_audience");
  EXPECT_EQ(Try(header_, With("aud", R"("Sluice")")), "token_audience");
  EXPECT_EQ(Try(header_, With("aud", R"("sluice ")")), "token_audience");
  EXPECT_EQ(Try(header_, With("aud", R"("sluice,other")")), "token_audience");
  EXPECT_EQ(Try(header_, With("aud", "[]")), "token_audience");
  EXPECT_EQ(Try(header_, With("aud", R"(["sluice",7])")), "token_audience");
  EXPECT_EQ(Try(header_, With("aud", R"({"sluice":1})")), "token_audience");
  EXPECT_EQ(Try(header_, With("aud", "")), "token_audience");
}

TEST_F(TokenTest, IsOfItsIssuerLetterByLetter) {
  for (const char* issuer :
       {R"("https://issuer.plant/")", R"("HTTPS://issuer.plant")", R"("https://issuer.plant\u0000")",
        R"("https://issuer.plant.evil.example")", R"(["https://issuer.plant"])", "7", ""}) {
    EXPECT_EQ(Try(header_, With("iss", issuer)), "token_issuer") << issuer;
  }
}

TEST_F(TokenTest, NeedsASubjectThatIsAName) {
  EXPECT_EQ(Try(header_, With("sub", "")), "token_malformed");
  EXPECT_EQ(Try(header_, With("sub", R"("")")), "token_malformed");
  EXPECT_EQ(Try(header_, With("sub", "7")), "token_malformed");
  EXPECT_EQ(Try(header_, With("sub", R"("a\nb")")), "token_malformed");
  EXPECT_EQ(Try(header_, With("sub", R"("a\u0000b")")), "token_malformed");
  EXPECT_EQ(Try(header_, With("sub", "\"" + std::string(1'025, 'a') + "\"")), "token_malformed");
}

// A subject that looks like a certificate's name is a subject all the same.
TEST_F(TokenTest, CannotPassForACertificate) {
  const OrRefusal<PrincipalPtr> result = Verify(key_.Token(header_, With("sub", R"("spiffe://plant/admin")")));
  ASSERT_EQ(Outcome(result), "ok");
  EXPECT_THAT(std::get<PrincipalPtr>(result)->names, ElementsAre("sub:spiffe://plant/admin"));
}

// As a Kubernetes API server signs it: RS256, a kid, a list of one audience, no `typ`, nested claims.
TEST_F(TokenTest, TakesAProjectedTokenOfAServiceAccount) {
  const SigningKey& rsa = RsaKey();
  jwks_ = Jwks(rsa.Jwk("qK8xM", R"(,"use":"sig","alg":"RS256")"));
  issuer_ = {.issuer = "https://kubernetes.default.svc.cluster.local", .audiences = {"sluice"}, .clock_skew_s = 60};
  const std::string payload =
      R"({"aud":["sluice"],"exp":)" + std::to_string(kNow + 3'607) + R"(,"iat":)" + std::to_string(kNow) +
      R"(,"iss":"https://kubernetes.default.svc.cluster.local","jti":"5a5c","kubernetes.io":{"namespace":"plant",)"
      R"("node":{"name":"n1","uid":"1"},"pod":{"name":"temperature-0","uid":"2"},)"
      R"("serviceaccount":{"name":"temperature","uid":"3"}},"nbf":)" +
      std::to_string(kNow) + R"(,"sub":"system:serviceaccount:plant:temperature"})";
  const OrRefusal<PrincipalPtr> result = Verify(rsa.Token(R"({"alg":"RS256","kid":"qK8xM"})", payload));
  ASSERT_EQ(Outcome(result), "ok");
  const Principal& principal = *std::get<PrincipalPtr>(result);
  EXPECT_EQ(principal.name(), "sub:system:serviceaccount:plant:temperature");
  EXPECT_THAT(principal.claims.at("/kubernetes.io/namespace"), ElementsAre("plant"));
  EXPECT_THAT(principal.claims.at("/kubernetes.io/pod/name"), ElementsAre("temperature-0"));
}

TEST_F(TokenTest, AClaimWithASlashIsNoPath) {
  const OrRefusal<PrincipalPtr> result =
      Verify(key_.Token(header_, With("https://plant/roles", R"(["a"],"a":{"b":"nested"},"a~b":"tilde")")));
  ASSERT_EQ(Outcome(result), "ok");
  const Claims& claims = std::get<PrincipalPtr>(result)->claims;
  EXPECT_THAT(claims.at("/https:~1~1plant~1roles"), ElementsAre("a"));
  EXPECT_THAT(claims.at("/a/b"), ElementsAre("nested"));
  EXPECT_THAT(claims.at("/a~0b"), ElementsAre("tilde"));
}

TEST_F(TokenTest, ARefusalShowsNothingOfTheTokenToItsCaller) {
  const OrRefusal<PrincipalPtr> result = Verify(key_.Token(R"({"alg":"ES256","kid":"guessed"})", Good()));
  const auto& refusal = std::get<AuthenticationRefusal>(result);
  EXPECT_THAT(refusal.detail, HasSubstr("guessed")) << "the log says what was found";
  EXPECT_EQ(refusal.ToCaller().message(), "the bearer token is not taken; the gateway's log says why");
  EXPECT_EQ(AuthenticationRefusal({Check::kTokenExpired, "x"}).ToCaller().message(), "the bearer token has expired");
}

}  // namespace
}  // namespace sluice
