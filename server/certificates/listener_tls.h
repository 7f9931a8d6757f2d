// TLS of a listener.
#pragma once

#include <string>

namespace sluice {

// PEM files of a listener.
struct ListenerTls {
  std::string cert_file;
  std::string key_file;
  std::string client_ca_file;  // Set: clients must show a certificate of this CA (mTLS).

  friend bool operator==(const ListenerTls&, const ListenerTls&) = default;
};

}  // namespace sluice
