// When certificates end, and when that is worth a warning.
#pragma once

#include <cstdint>
#include <string>

#include "server/certificates/pem.h"

namespace sluice {

inline constexpr int64_t kExpirySoonS = 14 * 86'400;

// "has expired (CN = plant, 2026-11-01T00:00:00Z)", "expires in less than 14 days (CN = plant, 2026-…)"; empty: later.
inline std::string ExpiresSoon(const Expiry& expiry, int64_t now_unix_s) {
  if (expiry.unix_s > now_unix_s + kExpirySoonS) return "";
  return (expiry.unix_s <= now_unix_s ? "has expired (" : "expires in less than 14 days (") + expiry.subject + ", " +
         UtcSeconds(expiry.unix_s) + ")";
}

}  // namespace sluice
