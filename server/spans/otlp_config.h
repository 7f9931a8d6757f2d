// Where spans go, and of how many messages.
#pragma once

#include <string>
#include <vector>

namespace sluice {

struct OtlpTls {
  std::string ca_file;    // Empty: the system's.
  std::string cert_file;  // Both or neither.
  std::string key_file;
  std::string key_password_file;
  std::string min_version = "1.2";
  std::vector<std::string> ciphers;

  friend bool operator==(const OtlpTls&, const OtlpTls&) = default;
};

struct OtlpConfig {
  // http:// or https:// HOST[:PORT][/PATH], taken apart. All empty: nothing is traced.
  std::string server;     // tcp:// or ssl:// HOST:PORT
  std::string authority;  // HOST:PORT
  std::string path;
  std::string headers_file;  // Lines of "NAME: VALUE", read at each export. Holds secrets.
  OtlpTls tls;
  double sample_ratio = 0.01;  // Of messages that come without a `traceparent`; 0 … 1.
  std::string service_name = "sluice";

  bool on() const { return !server.empty(); }
  friend bool operator==(const OtlpConfig&, const OtlpConfig&) = default;
};

}  // namespace sluice
