// What a listener asks of those who come: the configuration's `workers.auth` and `admin.auth`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/identity/certificate_names.h"

namespace sluice {

struct TokenIssuerOptions {
  std::string issuer;                  // `iss`.
  std::vector<std::string> audiences;  // At least one.
  std::string jwks_file;
  int64_t clock_skew_s = 60;

  friend bool operator==(const TokenIssuerOptions&, const TokenIssuerOptions&) = default;
};

struct AuthenticationOptions {
  // Of client certificates; nothing: they name nobody.
  std::optional<CertificateNames> certificates;
  std::vector<TokenIssuerOptions> tokens;  // None: tokens are not looked at.
  // Both a certificate and a token are needed; else one of them.
  bool both = false;

  friend bool operator==(const AuthenticationOptions&, const AuthenticationOptions&) = default;
};

}  // namespace sluice
