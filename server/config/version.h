// Which configuration it is: told by /readyz, metrics, `sluicectl` and the log.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice {

struct ConfigVersion {
  // The first 12 hexadecimal digits of the SHA-256 of its file, as `sha256sum` gives it.
  std::string hash;
  int64_t unix_ms = 0;  // Since when the gateway runs with it.
  std::string source;   // Where it came from and who asked: "/etc/sluice/gateway.yaml (SIGHUP)".

  friend bool operator==(const ConfigVersion&, const ConfigVersion&) = default;
};

// ConfigVersion::hash of a file with this content.
std::string ConfigHash(std::string_view text);

// The same digits as a number, for a metric: below 2^48, which a double holds exactly.
int64_t ConfigHashNumber(std::string_view hash);

// "3fa9c1d2e4b5, since 2026-11-30T02:13:51Z, from /etc/sluice/gateway.yaml (start)".
std::string ToString(const ConfigVersion& version);

}  // namespace sluice
