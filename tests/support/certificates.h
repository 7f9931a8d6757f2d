// Certificates for tests, made by the openssl command: an authority and what it signs.
#pragma once

#include <string>

#include "tests/support/temp_dir.h"

namespace sluice {

struct CertificateFiles {
  std::string cert_file;  // PEM.
  std::string key_file;   // PEM, not encrypted.
};

// Lives as long as its files are needed. Keys are P-256: quick to make.
class CertificateAuthority {
 public:
  // `name` is its common name; two authorities of one name are still different.
  explicit CertificateAuthority(const std::string& name = "Sluice Test CA");

  const std::string& ca_file() const { return ca_.cert_file; }
  // For a server; `hosts` as openssl writes subjectAltName, e.g. "DNS:localhost,IP:127.0.0.1".
  CertificateFiles Server(const std::string& hosts = "DNS:localhost,IP:127.0.0.1");
  // For a client of the given common name.
  CertificateFiles Client(const std::string& name);
  // The same for a certificate that is not valid any more.
  CertificateFiles ExpiredServer(const std::string& hosts = "DNS:localhost,IP:127.0.0.1");

 private:
  CertificateFiles Issue(const std::string& name, const std::string& extensions, int days);

  TempDir directory_;
  CertificateFiles ca_;
  int issued_ = 0;
};

}  // namespace sluice
