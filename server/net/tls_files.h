// What a listener's TLS needs of files, read and checked, and whether the files have changed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice {

// Paths; empty: none.
struct TlsFiles {
  std::string cert_file;          // PEM: the certificate, then the intermediate ones.
  std::string key_file;           // PEM, of the certificate.
  std::string key_password_file;  // Decrypts key_file.
  std::string client_ca_file;     // PEM: clients must show a certificate of one of these.
  // PEM or DER, or a directory of such files: client certificates that are withdrawn. Of every authority in a client's
  // chain there must be one that has not run out.
  std::string client_crl;

  friend bool operator==(const TlsFiles&, const TlsFiles&) = default;
};

struct TlsTexts {
  std::string cert;
  std::string key;
  std::string key_password;
  std::string client_ca;
  std::vector<std::string> client_crls;

  friend bool operator==(const TlsTexts&, const TlsTexts&) = default;
};

// Errors name setting, file, cause and remedy: "workers.tls.keyFile: '/etc/tls.key' is encrypted: …". `setting`:
// "workers.tls".
absl::StatusOr<TlsTexts> ReadTlsFiles(std::string_view setting, const TlsFiles& files);

// Changes when one of the files does, without reading them: what stat() says of each, and of each in a directory.
std::string TlsFilesStamp(const TlsFiles& files);

}  // namespace sluice
