#include "server/identity/refusal.h"

namespace sluice {

std::string_view AuthenticationCheckName(AuthenticationCheck check) {
  switch (check) {
    case AuthenticationCheck::kNoCredentials:
      return "no_credentials";
    case AuthenticationCheck::kNoCertificate:
      return "no_certificate";
    case AuthenticationCheck::kNoToken:
      return "no_token";
    case AuthenticationCheck::kCertificateName:
      return "certificate_name";
    case AuthenticationCheck::kTokenMalformed:
      return "token_malformed";
    case AuthenticationCheck::kTokenAlgorithm:
      return "token_algorithm";
    case AuthenticationCheck::kTokenIssuer:
      return "token_issuer";
    case AuthenticationCheck::kTokenKey:
      return "token_key";
    case AuthenticationCheck::kTokenSignature:
      return "token_signature";
    case AuthenticationCheck::kTokenAudience:
      return "token_audience";
    case AuthenticationCheck::kTokenExpired:
      return "token_expired";
    case AuthenticationCheck::kTokenNotYetValid:
      return "token_not_yet_valid";
  }
  return "";
}

absl::Status AuthenticationRefusal::ToCaller() const {
  switch (check) {
    case AuthenticationCheck::kNoCredentials:
    case AuthenticationCheck::kNoCertificate:
    case AuthenticationCheck::kNoToken:
      return absl::UnauthenticatedError(detail);
    case AuthenticationCheck::kCertificateName:
      return absl::UnauthenticatedError("the client certificate has no name that is taken here");
    case AuthenticationCheck::kTokenExpired:
      return absl::UnauthenticatedError("the bearer token has expired");
    default:
      return absl::UnauthenticatedError("the bearer token is not taken; the gateway's log says why");
  }
}

}  // namespace sluice
