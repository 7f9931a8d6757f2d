// TLS of a listener.
#pragma once

#include <string>
#include <vector>

namespace sluice {

// Paths are those of PEM files; empty: none.
struct ListenerTls {
  std::string cert_file;
  std::string key_file;
  std::string key_password_file = {};  // Decrypts key_file.
  std::string client_ca_file = {};     // Set: clients must show a certificate of this CA (mTLS).
  std::string client_crl = {};         // A file (PEM or DER) or a directory: clients' certificates that are withdrawn.
  std::string min_version = "1.2";     // Or "1.3".
  std::vector<std::string> ciphers = {};  // Names; empty: all with forward secrecy.

  friend bool operator==(const ListenerTls&, const ListenerTls&) = default;
};

}  // namespace sluice
