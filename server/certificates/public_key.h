// Public keys and the signatures that they verify, as JSON Web Signatures have them (RFC 7518 §3, RFC 8037). OpenSSL
// does all of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"

namespace sluice {

enum class SignatureAlgorithm : uint8_t {
  kRs256,
  kRs384,
  kRs512,
  kPs256,
  kPs384,
  kPs512,
  kEs256,
  kEs384,
  kEs512,
  kEdDsa
};

enum class EcCurve : uint8_t { kP256, kP384, kP521 };

// Immutable, cheap to copy. Thread-safe.
class PublicKey {
 public:
  // The numbers are big-endian, as a JSON Web Key has them after base64url. INVALID_ARGUMENT says what is wrong with the
  // key: "is an RSA key of 1024 bits; at least 2048 are needed".
  static absl::StatusOr<PublicKey> Rsa(std::string_view modulus, std::string_view exponent);
  // The coordinates are as long as the curve's field, and the point lies on the curve.
  static absl::StatusOr<PublicKey> Ec(EcCurve curve, std::string_view x, std::string_view y);
  static absl::StatusOr<PublicKey> Ed25519(std::string_view key);

  // Whether this algorithm is one of the key's kind: of an EC key exactly its curve's.
  bool Fits(SignatureAlgorithm algorithm) const;
  // False too when the algorithm does not fit. `signature` is as a JWS has it: of ECDSA both numbers one after the other,
  // not DER.
  bool Verify(SignatureAlgorithm algorithm, std::string_view text, std::string_view signature) const;

 private:
  enum class Kind : uint8_t { kRsa, kP256, kP384, kP521, kEd25519 };
  PublicKey(Kind kind, std::shared_ptr<void> key) : kind_(kind), key_(std::move(key)) {}

  Kind kind_;
  std::shared_ptr<void> key_;  // EVP_PKEY.
};

}  // namespace sluice
