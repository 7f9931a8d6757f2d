#include "server/identity/authenticator.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/identity/text.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

using Check = AuthenticationCheck;

AuthenticationRefusal Refuse(Check check, std::string detail) { return {.check = check, .detail = std::move(detail)}; }

// RFC 6750 §2.1, RFC 9110 §11.4: the scheme in any case, one blank or more, the token. Nothing: another scheme.
std::optional<std::string_view> BearerToken(std::string_view value) {
  constexpr std::string_view kScheme = "bearer ";
  if (text::Lower(value.substr(0, kScheme.size())) != kScheme) return std::nullopt;
  value.remove_prefix(kScheme.size());
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  return value;
}

// The bearer of both.
PrincipalPtr Join(const Principal& certificate, const Principal& token) {
  auto both = std::make_shared<Principal>(certificate);
  both->names.insert(both->names.end(), token.names.begin(), token.names.end());
  both->claims = token.claims;
  both->expires_unix_s = std::min(certificate.expires_unix_s, token.expires_unix_s);
  both->issuer = token.issuer;
  both->key_thumbprint = token.key_thumbprint;
  return both;
}

}  // namespace

ConfiguredAuthenticator::ConfiguredAuthenticator(std::string listener, AuthenticationOptions options, Seams seams,
                                                 const Clock& clock, MetricsRegistry& metrics)
    : listener_(std::move(listener)), options_(std::move(options)), seams_(std::move(seams)), clock_(clock) {
  for (size_t i = 0; i < options_.tokens.size(); ++i) {
    const TokenIssuerOptions& from = options_.tokens[i];
    issuers_.push_back(
        {.issuer = {.issuer = from.issuer, .audiences = from.audiences, .clock_skew_s = from.clock_skew_s},
         .keys = std::make_unique<KeyFile>(absl::StrCat(listener_, ".auth.jwt[", i, "].jwksFile"), from.jwks_file,
                                           seams_.read_file)});
  }
  for (size_t i = 0; i < kAuthenticationChecks; ++i) {
    refusals_[i] = &metrics.GetCounter(
        "sluice_authentication_refusals_total", "Calls that were not let in, by listener and by the check that failed",
        {{"listener", listener_}, {"check", std::string(AuthenticationCheckName(static_cast<Check>(i)))}});
  }
}

absl::Status ConfiguredAuthenticator::Load() {
  for (const Issuer& issuer : issuers_) {
    if (absl::Status status = issuer.keys->Load(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

OrRefusal<PrincipalPtr> ConfiguredAuthenticator::Authenticate(const Credentials& credentials) {
  OrRefusal<PrincipalPtr> result = Decide(credentials);
  if (const auto* refusal = std::get_if<AuthenticationRefusal>(&result)) {
    refusals_.at(static_cast<size_t>(refusal->check))->Add();
  }
  return result;
}

OrRefusal<PrincipalPtr> ConfiguredAuthenticator::Decide(const Credentials& credentials) const {
  PrincipalPtr by_certificate;
  PrincipalPtr by_token;
  // Whatever is shown and is looked at must hold: what is wrong is not made good by what is right.
  if (options_.certificates && credentials.certificate != nullptr) {
    OrRefusal<PrincipalPtr> result = FromCertificate(*credentials.certificate);
    if (std::holds_alternative<AuthenticationRefusal>(result)) return result;
    by_certificate = std::get<PrincipalPtr>(std::move(result));
  }
  if (!options_.tokens.empty() && !credentials.authorization.empty()) {
    if (credentials.authorization.size() > 1) return Refuse(Check::kTokenMalformed, "authorization is there twice");
    const std::optional<std::string_view> token = BearerToken(credentials.authorization.front());
    if (!token) return Refuse(Check::kTokenMalformed, "authorization is not \"Bearer TOKEN\"");
    OrRefusal<PrincipalPtr> result = FromToken(*token);
    if (std::holds_alternative<AuthenticationRefusal>(result)) return result;
    by_token = std::get<PrincipalPtr>(std::move(result));
  }
  if (by_certificate && by_token) return Join(*by_certificate, *by_token);
  if (options_.both && by_token)
    return Refuse(Check::kNoCertificate, "a client certificate is needed besides the token");
  if (options_.both && by_certificate) {
    return Refuse(Check::kNoToken, "a token is needed besides the certificate: metadata authorization: Bearer TOKEN");
  }
  if (by_certificate) return by_certificate;
  if (by_token) return by_token;
  if (options_.tokens.empty()) return Refuse(Check::kNoCredentials, "a client certificate is needed");
  if (!options_.certificates) {
    return Refuse(Check::kNoCredentials, "a token is needed: metadata authorization: Bearer TOKEN");
  }
  return Refuse(Check::kNoCredentials,
                options_.both ? "a client certificate and a token are needed: metadata authorization: "
                                "Bearer TOKEN"
                              : "a client certificate or a token is needed: metadata authorization: Bearer "
                                "TOKEN");
}

OrRefusal<PrincipalPtr> ConfiguredAuthenticator::FromCertificate(const PeerCertificate& certificate) const {
  auto principal = std::make_shared<Principal>();
  principal->names = NamesOf(certificate, *options_.certificates);
  if (principal->names.empty()) {
    return Refuse(Check::kCertificateName,
                  absl::StrCat("the certificate of ", Printable(certificate.subject), ", serial number ",
                               Printable(certificate.serial), ", has no name that is taken"));
  }
  principal->expires_unix_s = certificate.not_after_unix_s;
  return PrincipalPtr(std::move(principal));
}

OrRefusal<PrincipalPtr> ConfiguredAuthenticator::FromToken(std::string_view token) const {
  const int64_t now = clock_.UnixMillis() / 1'000;
  OrRefusal<UnverifiedToken> parsed = ParseToken(token);
  if (auto* refusal = std::get_if<AuthenticationRefusal>(&parsed)) return std::move(*refusal);
  const auto& unverified = std::get<UnverifiedToken>(parsed);
  const Issuer* issuer = Find(unverified.issuer);
  if (issuer == nullptr) {
    return Refuse(Check::kTokenIssuer,
                  absl::StrCat("its issuer '", Printable(unverified.issuer), "' is none of the configuration"));
  }
  return VerifyToken(unverified, issuer->issuer, *issuer->keys->keys(), now);
}

const ConfiguredAuthenticator::Issuer* ConfiguredAuthenticator::Find(std::string_view name) const {
  const auto found = std::ranges::find_if(issuers_, [name](const Issuer& i) { return i.issuer.issuer == name; });
  return found == issuers_.end() ? nullptr : &*found;
}

absl::Status ConfiguredAuthenticator::StillHolds(const Principal& principal) const {
  if (!principal.key_thumbprint.empty()) {
    const Issuer* issuer = Find(principal.issuer);
    if (issuer == nullptr || !issuer->keys->keys()->Has(principal.key_thumbprint)) {
      return absl::UnauthenticatedError("revoked: the key that signed the token has been withdrawn");
    }
  }
  return absl::OkStatus();
}

SteadyTime ConfiguredAuthenticator::Tick(SteadyTime now) {
  if (issuers_.empty()) return kNever;
  if (now < look_from_) return look_from_;
  look_from_ = now + kLookEvery;
  bool changed = false;
  for (const Issuer& issuer : issuers_) changed = issuer.keys->Refresh() || changed;
  if (changed && changed_) changed_();
  return now + kLookEvery;
}

}  // namespace sluice
