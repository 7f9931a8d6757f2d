// Why somebody is not let in.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/status/status.h"

namespace sluice {

// The check that failed, for the log and the metric sluice_authentication_refusals_total. A caller hears less: see
// AuthenticationRefusal::ToCaller.
enum class AuthenticationCheck : uint8_t {
  kNoCredentials,    // Neither a certificate nor a token, and one is needed.
  kNoCertificate,    // A token, and a certificate is needed.
  kNoToken,          // A certificate, and a token is needed.
  kCertificateName,  // The certificate has no name that is taken.
  kTokenMalformed,   // Not a JWT, too large, or its header or claims are not as they must be.
  kTokenAlgorithm,   // `none`, a symmetric one, or another than the key's.
  kTokenIssuer,      // Nobody's whom the configuration names.
  kTokenKey,         // Of a key that the issuer's JWKS does not have.
  kTokenSignature,
  kTokenAudience,
  kTokenExpired,
  kTokenNotYetValid,
};
inline constexpr size_t kAuthenticationChecks = 12;

// "token_signature", …
std::string_view AuthenticationCheckName(AuthenticationCheck check);

struct AuthenticationRefusal {
  AuthenticationCheck check;
  std::string detail;  // For the log: what was found, without any part of a secret.

  // UNAUTHENTICATED. Says what to bring, and that a token has expired; not which of the other checks failed.
  absl::Status ToCaller() const;
};

template <typename T>
using OrRefusal = std::variant<T, AuthenticationRefusal>;

}  // namespace sluice
