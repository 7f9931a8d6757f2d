#include "server/config/pem_files.h"

#include <optional>

#include "server/certificates/expiry.h"
#include "server/certificates/pem.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

void Report(MapReader& map, const PemFile& file, const absl::Status& problem) {
  map.Error(file.key, text::Concat("file ", Quoted(file.path), " ", text::Message(problem)));
}

// Nothing: there is none, or it cannot be read, which has been reported.
std::optional<std::string> ReadPem(Reading& reading, MapReader& map, const PemFile& file) {
  if (file.path.empty()) return std::nullopt;
  absl::StatusOr<std::string> pem = reading.surroundings().read_file(file.path);
  if (pem.ok()) return *std::move(pem);
  Report(map, file, absl::NotFoundError(text::Concat("cannot be read: ", text::Message(pem.status()))));
  return std::nullopt;
}

// Whether `file` can be used.
bool CheckCertificateFile(Reading& reading, MapReader& map, const PemFile& file, const std::string& pem) {
  const absl::StatusOr<Expiry> expiry = CheckCertificates(pem);
  if (!expiry.ok()) {
    Report(map, file, expiry.status());
    return false;
  }
  if (const std::string soon = ExpiresSoon(*expiry, reading.surroundings().now_unix_s); !soon.empty()) {
    map.Warn(file.key, text::Concat("file ", Quoted(file.path), " holds a certificate that ", soon));
  }
  return true;
}

}  // namespace

void CheckPemFiles(Reading& reading, MapReader& map, PemFile cert, PemFile private_key, PemFile authorities) {
  if (const auto pem = ReadPem(reading, map, authorities)) CheckCertificateFile(reading, map, authorities, *pem);
  const std::optional<std::string> cert_pem = ReadPem(reading, map, cert);
  const std::optional<std::string> key_pem = ReadPem(reading, map, private_key);
  const bool cert_is_right = cert_pem && CheckCertificateFile(reading, map, cert, *cert_pem);
  if (!key_pem) return;
  absl::Status usable = CheckPrivateKey(*key_pem);
  if (usable.ok() && cert_is_right) usable = CheckPair(*cert_pem, *key_pem);
  if (!usable.ok()) Report(map, private_key, usable);
}

}  // namespace sluice
