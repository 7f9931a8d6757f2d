// JSON Web Tokens (RFC 7519, with the advice of RFC 8725): whether one holds, and who its bearer is. Pure: keys and the
// time come as parameters.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/identity/key_set.h"
#include "server/identity/principal.h"
#include "server/identity/refusal.h"

namespace sluice {

// Who may issue tokens, and for whom.
struct TokenIssuer {
  std::string issuer;                  // `iss`, letter by letter.
  std::vector<std::string> audiences;  // A token's `aud` holds one of them.
  int64_t clock_skew_s = 60;           // By which `exp`, `nbf` and `iat` may be missed.
};

// Larger tokens are not looked at.
inline constexpr size_t kMostTokenBytes = 8'192;

// What a token says before anything is verified: enough to find the keys. Views into `token`; nothing here is to be
// believed.
struct UnverifiedToken {
  std::string issuer;
  std::string header;   // JSON.
  std::string payload;  // JSON.
  std::string signature;
  std::string_view signed_text;
};

// Takes a token apart: three parts of strict base64url, two of them JSON objects.
OrRefusal<UnverifiedToken> ParseToken(std::string_view token);

// Whether `token` is one of `issuer`, signed by one of `keys`, for one of its audiences, and valid at `now`. The header
// names the algorithm, and the key must be for just that one: `none` and the symmetric algorithms are nobody's. `crit`
// is refused, as nothing is understood that could be critical; keys in the header are ignored. Needs `sub` and `exp`.
OrRefusal<PrincipalPtr> VerifyToken(const UnverifiedToken& token, const TokenIssuer& issuer, const KeySet& keys,
                                    int64_t now_unix_s);

}  // namespace sluice
