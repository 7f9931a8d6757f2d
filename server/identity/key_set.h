// The public keys of one issuer of tokens: a JSON Web Key Set (RFC 7517).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/certificates/public_key.h"

namespace sluice {

// "RS256" …; nothing: none of those that are taken. `none` and the symmetric ones are not among them.
std::optional<SignatureAlgorithm> SignatureAlgorithmOf(std::string_view name);

// Immutable once parsed.
class KeySet {
 public:
  struct Key {
    std::string id;                // `kid`; empty: it has none.
    SignatureAlgorithm algorithm;  // The only one it verifies.
    PublicKey key;
    std::string thumbprint;  // The numbers that make the key: equal for the same key, whatever its id.
  };

  static constexpr size_t kMostBytes = 1u << 20;
  static constexpr size_t kMostKeys = 1'000;

  // `text`: {"keys": […]}. A key's algorithm is its `alg`; without one that of its curve, or RS256 for RSA. Keys for
  // other uses (`use`, `key_ops`) and of unknown kinds are passed over, as the RFC has it; keys that are too weak or
  // not valid are left out and named in left_out(). INVALID_ARGUMENT: no key set; no key that can be used; a key named
  // twice; and any key that is secret, private or symmetric, which nobody but the issuer must have.
  static absl::StatusOr<KeySet> Parse(std::string_view text);

  const std::vector<Key>& keys() const { return keys_; }
  // "key 'a' is an RSA key of 1024 bits; …".
  const std::vector<std::string>& left_out() const { return left_out_; }

  // The key that a token's header names. Without an id: the only one of the algorithm, if it is the only one. Null: none.
  const Key* Find(std::optional<std::string_view> id, SignatureAlgorithm algorithm) const;
  bool Has(std::string_view thumbprint) const;

 private:
  std::vector<Key> keys_;
  std::vector<std::string> left_out_;
};

}  // namespace sluice
