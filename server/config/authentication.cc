// Who may be at the other end of a listener, and how it is shown.
#include <algorithm>
#include <utility>

#include "server/config/sections.h"
#include "server/identity/key_set.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

CertificateNames ReadCertificates(Reading& reading, const Entry& entry, const std::string& path) {
  CertificateNames names;
  MapReader map(reading, kWorkersAuthCertificatesSection, entry, path);
  std::vector<std::string> words;
  if (!map.Read("names", words)) return names;
  if (words.empty())
    map.Error("names", "an empty list takes no certificate; allowed: one of the names, or no such key");
  const auto has = [&words](std::string_view word) { return std::ranges::find(words, word) != words.end(); };
  return {.uri = has("uri"), .dns = has("dns"), .email = has("email"), .subject = has("subject")};
}

// What the start would not take.
void CheckKeys(Reading& reading, MapReader& map, const std::string& file) {
  absl::StatusOr<std::string> text = reading.surroundings().read_file(file);
  if (!text.ok()) {
    map.Error("jwksFile", text::Concat("file ", Quoted(file), " cannot be read: ", text::Message(text.status())));
    return;
  }
  const absl::StatusOr<KeySet> keys = KeySet::Parse(*text);
  if (!keys.ok()) {
    map.Error("jwksFile", text::Concat("file ", Quoted(file), " ", text::Message(keys.status())));
    return;
  }
  for (const std::string& left_out : keys->left_out()) {
    map.Warn("jwksFile", text::Concat("file ", Quoted(file), ": ", left_out, ", and is left out"));
  }
}

TokenIssuerOptions ReadIssuer(Reading& reading, const Entry& entry) {
  TokenIssuerOptions issuer;
  MapReader map(reading, kWorkersAuthJwtSection, entry, entry.key);
  if (!map.valid()) return issuer;
  if (map.Find("issuer") != nullptr && map.Read("issuer", issuer.issuer) && issuer.issuer.empty()) {
    map.Error("issuer", "is empty; allowed: what the tokens have as iss");
  }
  if (map.Find("audiences") != nullptr && map.Read("audiences", issuer.audiences) && issuer.audiences.empty()) {
    map.Error("audiences", "an empty list takes no token; allowed: what the tokens have as aud");
  }
  if (map.Find("jwksFile") != nullptr && map.Read("jwksFile", issuer.jwks_file))
    CheckKeys(reading, map, issuer.jwks_file);
  uint32_t skew = 0;
  if (map.ReadSeconds("clockSkew", skew)) issuer.clock_skew_s = skew;
  return issuer;
}

}  // namespace

std::optional<AuthenticationOptions> ReadAuthentication(Reading& reading, const Entry& entry, const std::string& path,
                                                        const std::optional<ListenerTls>& tls) {
  MapReader map(reading, kWorkersAuthSection, entry, path);
  if (!map.valid()) return std::nullopt;
  AuthenticationOptions auth;
  if (const Entry* certificates = map.Find("certificates")) {
    auth.certificates = ReadCertificates(reading, *certificates, map.PathOf("certificates"));
    if (!tls || tls->client_ca_file.empty()) {
      map.Error("certificates",
                "nobody checks client certificates without tls.clientCaFile; allowed: the file of their "
                "CA there, or no certificates");
    }
  }
  if (const Entry* jwt = map.Find("jwt")) {
    if (jwt->value.kind != Value::Kind::kList || jwt->value.items.empty()) {
      map.Error("jwt", "found no list of issuers; allowed: a list of maps, each beginning with '- '");
    }
    for (size_t i = 0; i < jwt->value.items.size(); ++i) {
      const Value& item = jwt->value.items[i];
      const std::string name = text::Concat(map.PathOf("jwt"), "[", i, "]");
      TokenIssuerOptions issuer = ReadIssuer(reading, Entry{.key = name, .at = item.at, .value = item});
      if (std::ranges::find(auth.tokens, issuer.issuer, &TokenIssuerOptions::issuer) != auth.tokens.end()) {
        reading.Error(item.at, text::Concat(name, ": the issuer ", Quoted(issuer.issuer), " is there already"));
      }
      auth.tokens.push_back(std::move(issuer));
    }
  }
  if (!auth.certificates && map.Find("jwt") == nullptr) {
    reading.Error(map.at(),
                  text::Concat(path, ": neither certificates nor jwt is there; allowed: one of them, or both"));
  }
  std::string require = "any";
  if (map.Read("require", require) && require == "all" && (!auth.certificates || auth.tokens.empty())) {
    map.Error("require", "all is for certificates and jwt together, and one of them is not there");
  }
  auth.both = require == "all";
  return auth;
}

}  // namespace sluice
