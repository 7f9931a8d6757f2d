#include "server/identity/key_set.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/identity/base64url.h"
#include "server/identity/strict_json.h"
#include "server/identity/text.h"

namespace sluice {
namespace {

using Json = nlohmann::json;

struct Named {
  std::string_view name;
  SignatureAlgorithm algorithm;
};
constexpr std::array kAlgorithms = {
    Named{"RS256", SignatureAlgorithm::kRs256}, Named{"RS384", SignatureAlgorithm::kRs384},
    Named{"RS512", SignatureAlgorithm::kRs512}, Named{"PS256", SignatureAlgorithm::kPs256},
    Named{"PS384", SignatureAlgorithm::kPs384}, Named{"PS512", SignatureAlgorithm::kPs512},
    Named{"ES256", SignatureAlgorithm::kEs256}, Named{"ES384", SignatureAlgorithm::kEs384},
    Named{"ES512", SignatureAlgorithm::kEs512}, Named{"EdDSA", SignatureAlgorithm::kEdDsa},
};

// Members of a key that only its owner may have (RFC 7518 §6.2.2, §6.3.2, §6.4).
constexpr std::array kSecretMembers = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

bool IsForVerifying(const Json& key) {
  if (key.contains("use") && StringMember(key, "use") != "sig") return false;
  const auto operations = key.find("key_ops");
  if (operations == key.end()) return true;
  return operations->is_array() && std::ranges::find(*operations, Json("verify")) != operations->end();
}

absl::StatusOr<std::string> Bytes(const Json& key, const char* name) {
  const std::optional<std::string_view> text = StringMember(key, name);
  std::optional<std::string> bytes = text ? DecodeBase64Url(*text) : std::nullopt;
  if (!bytes || bytes->empty()) return absl::InvalidArgumentError(absl::StrCat("has no '", name, "' in base64url"));
  return *std::move(bytes);
}

// A key of a kind that is known; its algorithm when it has no `alg`.
struct Made {
  PublicKey key;
  SignatureAlgorithm usual;
  std::string thumbprint;
};

absl::StatusOr<Made> MakeRsa(const Json& jwk) {
  absl::StatusOr<std::string> n = Bytes(jwk, "n");
  if (!n.ok()) return n.status();
  absl::StatusOr<std::string> e = Bytes(jwk, "e");
  if (!e.ok()) return e.status();
  absl::StatusOr<PublicKey> key = PublicKey::Rsa(*n, *e);
  if (!key.ok()) return key.status();
  return Made{*std::move(key), SignatureAlgorithm::kRs256, absl::StrCat("RSA:", n->size(), ":", *n, *e)};
}

absl::StatusOr<Made> MakeEc(const Json& jwk, const std::string& name, EcCurve curve, SignatureAlgorithm usual) {
  absl::StatusOr<std::string> x = Bytes(jwk, "x");
  if (!x.ok()) return x.status();
  absl::StatusOr<std::string> y = Bytes(jwk, "y");
  if (!y.ok()) return y.status();
  absl::StatusOr<PublicKey> key = PublicKey::Ec(curve, *x, *y);
  if (!key.ok()) return key.status();
  return Made{*std::move(key), usual, absl::StrCat(name, ":", *x, *y)};
}

absl::StatusOr<Made> MakeEd25519(const Json& jwk) {
  absl::StatusOr<std::string> x = Bytes(jwk, "x");
  if (!x.ok()) return x.status();
  absl::StatusOr<PublicKey> key = PublicKey::Ed25519(*x);
  if (!key.ok()) return key.status();
  return Made{*std::move(key), SignatureAlgorithm::kEdDsa, absl::StrCat("Ed25519:", *x)};
}

// Nothing: a kind that is not known.
std::optional<absl::StatusOr<Made>> Make(const Json& jwk) {
  const std::string_view type = StringMember(jwk, "kty").value_or("");
  const std::string_view curve = StringMember(jwk, "crv").value_or("");
  if (type == "RSA") return MakeRsa(jwk);
  if (type == "EC" && curve == "P-256")
    return MakeEc(jwk, std::string(curve), EcCurve::kP256, SignatureAlgorithm::kEs256);
  if (type == "EC" && curve == "P-384")
    return MakeEc(jwk, std::string(curve), EcCurve::kP384, SignatureAlgorithm::kEs384);
  if (type == "EC" && curve == "P-521")
    return MakeEc(jwk, std::string(curve), EcCurve::kP521, SignatureAlgorithm::kEs512);
  if (type == "OKP" && curve == "Ed25519") return MakeEd25519(jwk);
  return std::nullopt;
}

bool HoldsASecret(const Json& jwk) {
  return StringMember(jwk, "kty") == "oct" ||
         std::ranges::any_of(kSecretMembers, [&jwk](const char* name) { return jwk.contains(name); });
}

}  // namespace

std::optional<SignatureAlgorithm> SignatureAlgorithmOf(std::string_view name) {
  const auto* const found = std::ranges::find(kAlgorithms, name, &Named::name);
  if (found == kAlgorithms.end()) return std::nullopt;
  return found->algorithm;
}

absl::StatusOr<KeySet> KeySet::Parse(std::string_view text) {
  if (text.size() > kMostBytes) return absl::InvalidArgumentError("is larger than 1 MiB");
  absl::StatusOr<Json> set = ParseJsonObject(text);
  if (!set.ok()) return set.status();
  const auto jwks = set->find("keys");
  if (jwks == set->end() || !jwks->is_array()) {
    return absl::InvalidArgumentError("is no JSON Web Key Set: it has no list \"keys\"");
  }
  if (jwks->size() > kMostKeys) return absl::InvalidArgumentError("has more than 1,000 keys");
  KeySet keys;
  std::set<std::string, std::less<>> ids;
  for (size_t i = 0; i < jwks->size(); ++i) {
    const Json& jwk = (*jwks)[i];
    if (!jwk.is_object()) return absl::InvalidArgumentError("is no JSON Web Key Set: \"keys\" holds what is no object");
    if (jwk.contains("kid") && !StringMember(jwk, "kid")) {
      return absl::InvalidArgumentError("has a key whose \"kid\" is no text");
    }
    const std::string id(StringMember(jwk, "kid").value_or(""));
    const std::string shown = id.empty() ? absl::StrCat("key ", i + 1) : absl::StrCat("key '", Printable(id), "'");
    if (HoldsASecret(jwk)) {
      return absl::InvalidArgumentError(
          absl::StrCat(shown, " is private or symmetric: give the gateway public keys only, and make that key anew"));
    }
    if (!id.empty() && !ids.insert(id).second) {
      return absl::InvalidArgumentError(absl::StrCat(shown, " is there twice"));
    }
    if (!IsForVerifying(jwk)) continue;
    std::optional<absl::StatusOr<Made>> made = Make(jwk);
    if (!made) continue;
    if (!made->ok()) {
      keys.left_out_.push_back(absl::StrCat(shown, " ", made->status().message()));
      continue;
    }
    SignatureAlgorithm algorithm = (*made)->usual;
    if (jwk.contains("alg")) {
      const std::optional<SignatureAlgorithm> named = SignatureAlgorithmOf(StringMember(jwk, "alg").value_or(""));
      if (!named || !(*made)->key.Fits(*named)) {
        keys.left_out_.push_back(absl::StrCat(shown, " has an \"alg\" that is not for keys of its kind"));
        continue;
      }
      algorithm = *named;
    }
    keys.keys_.push_back({.id = id,
                          .algorithm = algorithm,
                          .key = std::move((*made)->key),
                          .thumbprint = std::move((*made)->thumbprint)});
  }
  if (!keys.keys_.empty()) return keys;
  return absl::InvalidArgumentError(
      absl::StrCat("holds no key that signatures can be verified with",
                   keys.left_out_.empty() ? "" : absl::StrCat(": ", keys.left_out_.front())));
}

const KeySet::Key* KeySet::Find(std::optional<std::string_view> id, SignatureAlgorithm algorithm) const {
  const Key* found = nullptr;
  for (const Key& key : keys_) {
    if (id) {
      if (!key.id.empty() && key.id == *id) return &key;
      continue;
    }
    if (key.algorithm != algorithm) continue;
    if (found != nullptr) return nullptr;
    found = &key;
  }
  return found;
}

bool KeySet::Has(std::string_view thumbprint) const {
  return std::ranges::find(keys_, thumbprint, &Key::thumbprint) != keys_.end();
}

}  // namespace sluice
