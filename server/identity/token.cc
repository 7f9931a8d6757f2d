#include "server/identity/token.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/identity/base64url.h"
#include "server/identity/strict_json.h"
#include "server/identity/text.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

using Json = nlohmann::json;
using Check = AuthenticationCheck;

constexpr size_t kMostSubjectBytes = 1'024;
constexpr size_t kMostClaims = 500;
constexpr int64_t kLatestTime = int64_t{1} << 53;

AuthenticationRefusal Refuse(Check check, std::string detail) { return {.check = check, .detail = std::move(detail)}; }

bool HasControlCharacter(std::string_view text) { return std::ranges::any_of(text, IsControl); }

// What kinds of token there are besides access tokens ("dpop+jwt", "logout+jwt") is not for here.
bool IsTakenType(std::string_view type) {
  const std::string lower = text::Lower(type);
  constexpr std::array kTaken = {"jwt", "application/jwt", "at+jwt", "application/at+jwt", "jose"};
  return std::ranges::find(kTaken, lower) != kTaken.end();
}

std::optional<AuthenticationRefusal> CheckHeader(const Json& header) {
  if (header.contains("crit")) return Refuse(Check::kTokenMalformed, "its header has 'crit'");
  if (header.contains("b64")) return Refuse(Check::kTokenMalformed, "its header has 'b64'");
  if (header.contains("cty") || header.contains("zip") || header.contains("enc")) {
    return Refuse(Check::kTokenMalformed, "its header says that the token is wrapped or encrypted");
  }
  if (header.contains("typ") && !IsTakenType(StringMember(header, "typ").value_or(""))) {
    return Refuse(Check::kTokenMalformed, "its header has a 'typ' that is none of an access token");
  }
  if (header.contains("kid") && !StringMember(header, "kid")) {
    return Refuse(Check::kTokenMalformed, "its header has a 'kid' that is no text");
  }
  return std::nullopt;
}

// A NumericDate; nothing: none that is a time.
std::optional<int64_t> Time(const Json& value) {
  if (!value.is_number()) return std::nullopt;
  const double seconds = value.get<double>();
  if (!std::isfinite(seconds) || seconds < 0 || seconds > static_cast<double>(kLatestTime)) return std::nullopt;
  return static_cast<int64_t>(std::floor(seconds));
}

// Nothing: no audience, or one that is neither a text nor a list of them.
std::optional<std::vector<std::string>> Audiences(const Json& payload) {
  const auto member = payload.find("aud");
  if (member == payload.end()) return std::nullopt;
  if (member->is_string()) return std::vector{member->get<std::string>()};
  if (!member->is_array() || !std::ranges::all_of(*member, [](const Json& item) { return item.is_string(); })) {
    return std::nullopt;
  }
  return member->get<std::vector<std::string>>();
}

std::string PointerStep(std::string_view name) {
  std::string step = "/";
  for (const char c : name) {
    if (c == '~') {
      step += "~0";
    } else if (c == '/') {
      step += "~1";
    } else {
      step += c;
    }
  }
  return step;
}

// Text of a string, a number or a flag; nothing: of something else.
std::optional<std::string> Scalar(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean() || value.is_number()) return value.dump();
  return std::nullopt;
}

void AddClaims(const Json& object, const std::string& path, Claims& claims) {
  for (const auto& [name, value] : object.items()) {
    if (claims.size() >= kMostClaims) return;
    const std::string pointer = path + PointerStep(name);
    if (value.is_object()) {
      AddClaims(value, pointer, claims);
    } else if (value.is_array()) {
      for (const Json& item : value) {
        if (std::optional<std::string> text = Scalar(item)) claims[pointer].push_back(*std::move(text));
      }
    } else if (std::optional<std::string> text = Scalar(value)) {
      claims[pointer].push_back(*std::move(text));
    }
  }
}

std::optional<AuthenticationRefusal> CheckTimes(const Json& payload, int64_t skew_s, int64_t now, int64_t& ends) {
  const auto at = [&payload](const char* name) {
    const auto member = payload.find(name);
    return member == payload.end() ? std::optional<std::optional<int64_t>>() : Time(*member);
  };
  const auto expires = at("exp");
  if (!expires || !*expires) return Refuse(Check::kTokenMalformed, "it has no 'exp' that is a time");
  ends = **expires + skew_s;
  if (now >= ends) return Refuse(Check::kTokenExpired, absl::StrCat("it expired ", now - **expires, " s ago"));
  for (const char* name : {"nbf", "iat"}) {
    const auto from = at(name);
    if (!from) continue;
    if (!*from) return Refuse(Check::kTokenMalformed, absl::StrCat("its '", name, "' is no time"));
    if (**from > now + skew_s) {
      return Refuse(Check::kTokenNotYetValid, absl::StrCat("its '", name, "' is ", **from - now, " s ahead"));
    }
  }
  return std::nullopt;
}

}  // namespace

OrRefusal<UnverifiedToken> ParseToken(std::string_view token) {
  if (token.size() > kMostTokenBytes) {
    return Refuse(Check::kTokenMalformed,
                  absl::StrCat("it has ", token.size(), " bytes; ", kMostTokenBytes, " are taken"));
  }
  const size_t first = token.find('.');
  const size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    return Refuse(Check::kTokenMalformed, "it is not three parts with '.' between them");
  }
  std::optional<std::string> header = DecodeBase64Url(token.substr(0, first));
  std::optional<std::string> payload = DecodeBase64Url(token.substr(first + 1, second - first - 1));
  std::optional<std::string> signature = DecodeBase64Url(token.substr(second + 1));
  if (!header || !payload || !signature) return Refuse(Check::kTokenMalformed, "a part of it is not base64url");
  const absl::StatusOr<Json> claims = ParseJsonObject(*payload);
  if (!claims.ok()) return Refuse(Check::kTokenMalformed, absl::StrCat("its payload ", claims.status().message()));
  const std::optional<std::string_view> issuer = StringMember(*claims, "iss");
  if (!issuer) return Refuse(Check::kTokenIssuer, "it names no issuer");
  return UnverifiedToken{.issuer = std::string(*issuer),
                         .header = *std::move(header),
                         .payload = *std::move(payload),
                         .signature = *std::move(signature),
                         .signed_text = token.substr(0, second)};
}

OrRefusal<PrincipalPtr> VerifyToken(const UnverifiedToken& token, const TokenIssuer& issuer, const KeySet& keys,
                                    int64_t now_unix_s) {
  if (token.issuer != issuer.issuer) return Refuse(Check::kTokenIssuer, "its issuer is another");
  const absl::StatusOr<Json> header = ParseJsonObject(token.header);
  if (!header.ok()) return Refuse(Check::kTokenMalformed, absl::StrCat("its header ", header.status().message()));
  if (std::optional<AuthenticationRefusal> refusal = CheckHeader(*header)) return std::move(*refusal);
  const std::string_view name = StringMember(*header, "alg").value_or("");
  const std::optional<SignatureAlgorithm> algorithm = SignatureAlgorithmOf(name);
  if (!algorithm) {
    return Refuse(Check::kTokenAlgorithm, absl::StrCat("its algorithm '", Printable(name), "' is never taken"));
  }
  const std::optional<std::string_view> id = StringMember(*header, "kid");
  const KeySet::Key* key = keys.Find(id, *algorithm);
  if (key == nullptr) {
    return Refuse(Check::kTokenKey, id ? absl::StrCat("its issuer's keys have none with the kid '", Printable(*id), "'")
                                       : std::string("it names no kid, and its issuer's keys have not exactly one of "
                                                     "its algorithm"));
  }
  if (key->algorithm != *algorithm) {
    return Refuse(Check::kTokenAlgorithm,
                  absl::StrCat("its algorithm '", Printable(name), "' is not the one of its key"));
  }
  if (!key->key.Verify(*algorithm, token.signed_text, token.signature)) {
    return Refuse(Check::kTokenSignature, "its signature is not by the key that it names");
  }
  const absl::StatusOr<Json> payload = ParseJsonObject(token.payload);
  if (!payload.ok()) return Refuse(Check::kTokenMalformed, "its payload is no JSON object");
  const std::optional<std::vector<std::string>> audiences = Audiences(*payload);
  if (!audiences || std::ranges::find_first_of(*audiences, issuer.audiences) == audiences->end()) {
    return Refuse(Check::kTokenAudience,
                  absl::StrCat("it is not for any of this gateway's audiences, but for ",
                               audiences && !audiences->empty() ? absl::StrCat("'", Printable(audiences->front()), "'")
                                                                : std::string("nobody")));
  }
  int64_t ends = 0;
  if (auto refusal = CheckTimes(*payload, issuer.clock_skew_s, now_unix_s, ends)) return std::move(*refusal);
  const std::optional<std::string_view> subject = StringMember(*payload, "sub");
  if (!subject || subject->empty() || subject->size() > kMostSubjectBytes || HasControlCharacter(*subject)) {
    return Refuse(Check::kTokenMalformed, "it has no 'sub', or one that is no name");
  }
  auto principal = std::make_shared<Principal>();
  principal->names.push_back("sub:" + std::string(*subject));
  AddClaims(*payload, "", principal->claims);
  principal->expires_unix_s = ends;
  principal->issuer = issuer.issuer;
  principal->key_thumbprint = key->thumbprint;
  return PrincipalPtr(std::move(principal));
}

}  // namespace sluice
