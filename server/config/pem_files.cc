#include "server/config/pem_files.h"

#include <algorithm>
#include <optional>

#include "server/certificates/ciphers.h"
#include "server/certificates/crl.h"
#include "server/certificates/expiry.h"
#include "server/certificates/pem.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

void ReportFile(const TlsFile& file, const absl::Status& problem) {
  file.map.Error(file.key, text::Concat("file ", Quoted(file.path), " ", text::Message(problem)));
}

// Nothing: there is none, or it cannot be read, which has been reported.
std::optional<std::string> ReadTlsFile(Reading& reading, const TlsFile& file) {
  if (file.path.empty()) return std::nullopt;
  absl::StatusOr<std::string> content = reading.surroundings().read_file(file.path);
  if (content.ok()) return *std::move(content);
  ReportFile(file, absl::NotFoundError(text::Concat("cannot be read: ", text::Message(content.status()))));
  return std::nullopt;
}

// Whether `file` can be used.
bool CheckCertificateFile(Reading& reading, const TlsFile& file, const std::string& pem) {
  const absl::StatusOr<Expiry> expiry = CheckCertificates(pem);
  if (!expiry.ok()) {
    ReportFile(file, expiry.status());
    return false;
  }
  if (const std::string soon = ExpiresSoon(*expiry, reading.surroundings().now_unix_s); !soon.empty()) {
    file.map.Warn(file.key, text::Concat("file ", Quoted(file.path), " holds a certificate that ", soon));
  }
  return true;
}

// Nothing: it is wrong, which has been reported.
std::optional<std::string> ReadPassphrase(Reading& reading, const TlsFile& file, const std::string& key_pem) {
  if (file.path.empty()) return "";
  std::optional<std::string> content = ReadTlsFile(reading, file);
  if (!content) return std::nullopt;
  absl::StatusOr<std::string> password = KeyPasswordOf(*std::move(content));
  if (!password.ok()) {
    ReportFile(file, password.status());
    return std::nullopt;
  }
  if (!IsEncryptedKey(key_pem)) {
    file.map.Warn(file.key, "the key is not encrypted, so nothing needs this password");
  }
  return *std::move(password);
}

// `authorities` is the text of their file, where it can be used.
void CheckCrlFiles(Reading& reading, const TlsFile& crl, const std::optional<std::string>& authorities) {
  const absl::StatusOr<std::vector<std::string>> paths = reading.surroundings().files_of(crl.path);
  if (!paths.ok()) return ReportFile(crl, paths.status());
  std::vector<std::string> issuers;
  bool all_read = true;
  for (const std::string& path : *paths) {
    const TlsFile one{.map = crl.map, .key = crl.key, .path = path};
    const std::optional<std::string> content = ReadTlsFile(reading, one);
    const absl::StatusOr<CrlFacts> facts =
        content ? ReadCrlFacts(*content) : absl::StatusOr<CrlFacts>(absl::NotFoundError(""));
    all_read = all_read && facts.ok();
    if (!content) continue;
    if (!facts.ok()) {
      ReportFile(one, facts.status());
      continue;
    }
    issuers.insert(issuers.end(), facts->issuers.begin(), facts->issuers.end());
    if (facts->next_update_unix_s > reading.surroundings().now_unix_s) continue;
    crl.map.Warn(crl.key, text::Concat("file ", Quoted(path), " holds a revocation list that has run out (",
                                       facts->issuer, ", ", UtcSeconds(facts->next_update_unix_s),
                                       "): no certificate of this authority is taken until it is replaced"));
  }
  if (!authorities || !all_read) return;
  for (const std::string& subject : SubjectsOf(*authorities)) {
    if (std::ranges::find(issuers, subject) != issuers.end()) continue;
    crl.map.Warn(crl.key, text::Concat(Quoted(crl.path), " has no revocation list of ", Quoted(subject),
                                       ": no certificate of this authority is taken without"));
  }
}

}  // namespace

void CheckTlsFiles(Reading& reading, TlsFile cert, TlsFile private_key, TlsFile password, TlsFile authorities,
                   TlsFile crl) {
  std::optional<std::string> authorities_pem = ReadTlsFile(reading, authorities);
  if (authorities_pem && !CheckCertificateFile(reading, authorities, *authorities_pem)) authorities_pem.reset();
  if (!crl.path.empty()) CheckCrlFiles(reading, crl, authorities_pem);
  const std::optional<std::string> cert_pem = ReadTlsFile(reading, cert);
  const std::optional<std::string> key_pem = ReadTlsFile(reading, private_key);
  const bool cert_is_right = cert_pem && CheckCertificateFile(reading, cert, *cert_pem);
  if (!key_pem) return;
  const std::optional<std::string> passphrase = ReadPassphrase(reading, password, *key_pem);
  if (!passphrase) return;
  absl::Status usable = CheckPrivateKey(*key_pem, *passphrase);
  if (usable.ok() && cert_is_right) usable = CheckPair(*cert_pem, *key_pem, *passphrase);
  if (!usable.ok()) ReportFile(private_key, usable);
}

void ReadTlsProtocol(MapReader& map, std::string& min_version, std::vector<std::string>& ciphers) {
  map.Read("minVersion", min_version);
  if (!map.Read("ciphers", ciphers)) return;
  if (ciphers.empty()) return map.Error("ciphers", "an empty list; allowed: names of ciphers, or no such key");
  if (min_version == "1.3" && std::ranges::none_of(ciphers, IsTls13Cipher)) {
    map.Warn("ciphers", "they are for TLS 1.2, which minVersion does not let be spoken");
  }
}

}  // namespace sluice
