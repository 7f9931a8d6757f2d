// Lists of certificates that were withdrawn before their end (CRLs).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice {

// What a text holds of revocation lists, PEM or DER.
struct CrlFacts {
  size_t lists = 0;
  size_t revoked = 0;  // Certificates in them.
  // When the first of them runs out, and whose it is: after that no certificate of this authority is accepted.
  int64_t next_update_unix_s = 0;
  std::string issuer;
  std::vector<std::string> issuers;  // Of all of them: "CN = plant".
};

// All in it can be read. Errors are said of the file, as in pem.h.
absl::StatusOr<CrlFacts> ReadCrlFacts(const std::string& text);
absl::Status CheckCrls(const std::string& text);

// Where lists lie: the file itself or, of a directory, what lies in it, in order, without what begins with a dot (a mounted
// Secret's own links). Errors are said of the path.
absl::StatusOr<std::vector<std::string>> CrlFilesOf(const std::string& path);

}  // namespace sluice
