// Keys that sign tokens as issuers do, and their JSON Web Keys. OpenSSL does all of it, in the process.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace sluice {

std::string EncodeBase64Url(std::string_view bytes);

enum class SigningKind : uint8_t { kRsa, kWeakRsa, kP256, kP384, kP521, kEd25519 };

class SigningKey {
 public:
  explicit SigningKey(SigningKind kind);

  // Members of the public JWK without braces: "\"kty\":\"EC\",\"crv\":…".
  std::string JwkMembers() const;
  // {"kid":…,…}; `more`: further members, each with a comma before it.
  std::string Jwk(std::string_view id, std::string_view more = "") const;
  // The private number, as a JWK must not have it here.
  std::string PrivateMember() const;
  // The public key as PEM: what a confused verifier takes for a secret.
  std::string PublicPem() const;

  // The signature of a JWS over `text`, by the algorithm of that name.
  std::string Sign(std::string_view algorithm, std::string_view text) const;
  // A whole token.
  std::string Token(std::string_view header_json, std::string_view payload_json) const;

 private:
  SigningKind kind_;
  std::shared_ptr<void> key_;
};

// {"keys":[…]}
std::string Jwks(const std::string& keys);
std::string HmacSha256(std::string_view secret, std::string_view text);

}  // namespace sluice
