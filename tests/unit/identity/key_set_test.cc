#include "server/identity/key_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/jwk.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

std::string Error(const std::string& text) { return std::string(KeySet::Parse(text).status().message()); }

// Made once: that takes a while.
const SigningKey& Rsa() {
  static const SigningKey key(SigningKind::kRsa);
  return key;
}

TEST(KeySet, TakesAKeyOfEachKindForOneAlgorithmOnly) {
  const absl::StatusOr<KeySet> set = KeySet::Parse(Jwks(
      Rsa().Jwk("a") + "," + SigningKey(SigningKind::kP256).Jwk("b") + "," + SigningKey(SigningKind::kP384).Jwk("c") +
      "," + SigningKey(SigningKind::kP521).Jwk("d") + "," + SigningKey(SigningKind::kEd25519).Jwk("e") + "," +
      Rsa().Jwk("f", R"(,"alg":"PS512","use":"sig","key_ops":["verify"])")));
  ASSERT_TRUE(set.ok()) << set.status();
  std::vector<SignatureAlgorithm> algorithms;
  for (const KeySet::Key& key : set->keys()) algorithms.push_back(key.algorithm);
  EXPECT_THAT(algorithms,
              ElementsAre(SignatureAlgorithm::kRs256, SignatureAlgorithm::kEs256, SignatureAlgorithm::kEs384,
                          SignatureAlgorithm::kEs512, SignatureAlgorithm::kEdDsa, SignatureAlgorithm::kPs512));
  EXPECT_THAT(set->left_out(), IsEmpty());
}

TEST(KeySet, RefusesAFileThatHoldsASecretAndDoesNotShowIt) {
  const SigningKey ec(SigningKind::kP256);
  const SigningKey& rsa = Rsa();
  EXPECT_THAT(Error(Jwks(ec.Jwk("mine", ec.PrivateMember()))), StartsWith("key 'mine' is private or symmetric"));
  EXPECT_THAT(Error(Jwks(rsa.Jwk("mine", rsa.PrivateMember()))), StartsWith("key 'mine' is private or symmetric"));
  const std::string symmetric = R"({"kty":"oct","kid":"hs","alg":"HS256","k":"aHVudGVyMg"})";
  EXPECT_THAT(Error(Jwks(ec.Jwk("a") + "," + symmetric)), StartsWith("key 'hs' is private or symmetric"));
  EXPECT_THAT(Error(Jwks(symmetric)), Not(HasSubstr("aHVudGVyMg")));
}

TEST(KeySet, LeavesOutWhatIsWeakOrNotValidAndSaysSo) {
  const SigningKey good(SigningKind::kP256);
  const std::string off_curve = R"({"kid":"off","kty":"EC","crv":"P-256","x":")" + EncodeBase64Url(std::string(32, 1)) +
                                R"(","y":")" + EncodeBase64Url(std::string(32, 2)) + R"("})";
  const std::string infinity = R"({"kid":"zero","kty":"EC","crv":"P-256","x":")" + EncodeBase64Url(std::string(32, 0)) +
                               R"(","y":")" + EncodeBase64Url(std::string(32, 0)) + R"("})";
  const std::string short_x = R"({"kid":"short","kty":"EC","crv":"P-256","x":"AQ","y":"AQ"})";
  const std::string even =
      R"({"kid":"even","kty":"RSA","n":")" + EncodeBase64Url(std::string(256, '\xfe')) + R"(","e":"AQAB"})";
  const std::string one =
      R"({"kid":"one","kty":"RSA","n":")" + EncodeBase64Url(std::string(256, '\xff')) + R"(","e":"AQ"})";
  const std::string huge =
      R"({"kid":"huge","kty":"RSA","n":")" + EncodeBase64Url(std::string(4096, '\xff')) + R"(","e":"AQAB"})";
  const absl::StatusOr<KeySet> set =
      KeySet::Parse(Jwks(good.Jwk("good") + "," + SigningKey(SigningKind::kWeakRsa).Jwk("weak") + "," + off_curve +
                         "," + infinity + "," + short_x + "," + even + "," + one + "," + huge + "," +
                         SigningKey(SigningKind::kP256).Jwk("odd", R"(,"alg":"RS256")") + "," +
                         Rsa().Jwk("hs", R"(,"alg":"HS256")") + "," + Rsa().Jwk("none", R"(,"alg":"none")")));
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_THAT(set->keys(), SizeIs(1));
  EXPECT_THAT(
      set->left_out(),
      ElementsAre(StartsWith("key 'weak' is an RSA key of 1024 bits"), HasSubstr("'off' is a P-256 key whose point"),
                  HasSubstr("'zero' is a P-256 key whose point"), HasSubstr("have 1 and 1 bytes, not 32"),
                  HasSubstr("modulus is even"), HasSubstr("exponent"), HasSubstr("more than 8192 bits"),
                  HasSubstr("\"alg\""), HasSubstr("\"alg\""), HasSubstr("\"alg\"")));
}

TEST(KeySet, PassesOverKeysForOtherUsesAndUnknownKinds) {
  const absl::StatusOr<KeySet> set =
      KeySet::Parse(Jwks(SigningKey(SigningKind::kP256).Jwk("enc", R"(,"use":"enc")") + "," +
                         SigningKey(SigningKind::kP256).Jwk("sign", R"(,"key_ops":["sign"])") + "," +
                         R"({"kid":"new","kty":"AKP","alg":"ML-DSA-44","pub":"AA"})" + "," +
                         R"({"kid":"k1","kty":"EC","crv":"secp256k1","x":"AA","y":"AA"})" + "," +
                         SigningKey(SigningKind::kP256).Jwk("ok")));
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_THAT(set->keys(), SizeIs(1));
  EXPECT_THAT(set->left_out(), IsEmpty());
}

TEST(KeySet, RefusesWhatIsNoKeySet) {
  EXPECT_EQ(Error("{}"), "is no JSON Web Key Set: it has no list \"keys\"");
  EXPECT_EQ(Error(R"({"keys":{}})"), "is no JSON Web Key Set: it has no list \"keys\"");
  EXPECT_EQ(Error(R"({"keys":[1]})"), "is no JSON Web Key Set: \"keys\" holds what is no object");
  EXPECT_EQ(Error(R"({"keys":[]})"), "holds no key that signatures can be verified with");
  EXPECT_THAT(Error(Jwks(SigningKey(SigningKind::kWeakRsa).Jwk("a"))), HasSubstr("1024 bits"));
  EXPECT_EQ(Error(R"({"keys":[{"kid":7,"kty":"EC"}]})"), "has a key whose \"kid\" is no text");
  EXPECT_EQ(Error(std::string((1 << 20) + 1, ' ')), "is larger than 1 MiB");
  const SigningKey key(SigningKind::kP256);
  EXPECT_EQ(Error(Jwks(key.Jwk("a") + "," + SigningKey(SigningKind::kP256).Jwk("a"))), "key 'a' is there twice");
}

TEST(KeySet, FindsAKeyWithoutAnIdOnlyWhereThereIsNoDoubt) {
  const SigningKey one(SigningKind::kP256);
  const SigningKey other(SigningKind::kP256);
  const KeySet single = *KeySet::Parse(Jwks(one.Jwk("a")));
  EXPECT_NE(single.Find(std::nullopt, SignatureAlgorithm::kEs256), nullptr);
  EXPECT_EQ(single.Find(std::nullopt, SignatureAlgorithm::kRs256), nullptr);
  EXPECT_EQ(single.Find("b", SignatureAlgorithm::kEs256), nullptr);
  EXPECT_EQ(single.Find("", SignatureAlgorithm::kEs256), nullptr);
  const KeySet both = *KeySet::Parse(Jwks(one.Jwk("a") + "," + other.Jwk("b")));
  EXPECT_EQ(both.Find(std::nullopt, SignatureAlgorithm::kEs256), nullptr);
  EXPECT_NE(both.Find("b", SignatureAlgorithm::kEs256), nullptr);
  const KeySet nameless = *KeySet::Parse(Jwks("{" + one.JwkMembers() + "}"));
  EXPECT_EQ(nameless.Find("", SignatureAlgorithm::kEs256), nullptr) << "an empty id is no id";
  EXPECT_NE(nameless.Find(std::nullopt, SignatureAlgorithm::kEs256), nullptr);
}

}  // namespace
}  // namespace sluice
