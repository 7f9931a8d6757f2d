// Who is at the other end of a call.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

inline constexpr int64_t kNeverExpires = std::numeric_limits<int64_t>::max();

// What a token says about its bearer, by JSON Pointer (RFC 6901): "/groups", "/kubernetes.io/namespace" (whose '.' is
// none of a path). Strings as they are; numbers and flags as JSON writes them; of a list each element.
using Claims = std::map<std::string, std::vector<std::string>, std::less<>>;

// Immutable once made; shared by all that a call begins.
struct Principal {
  // Verified names, the first for people; never empty. What a name begins with says what has been verified, so that
  // nobody's token can pass for somebody else's certificate:
  //   spiffe://DOMAIN/PATH, uri:URI, dns:NAME, email:ADDRESS, subject:NAME   a client certificate
  //   sub:SUBJECT                                                            a token
  std::vector<std::string> names;
  Claims claims;                           // Of the token.
  int64_t expires_unix_s = kNeverExpires;  // When the first of what it showed is not valid any more, skew included.
  // Which key of which issuer signed its token, to look whether that still holds. Empty: it showed none.
  std::string issuer;
  std::string key_thumbprint;

  const std::string& name() const { return names.front(); }
};

using PrincipalPtr = std::shared_ptr<const Principal>;

}  // namespace sluice
