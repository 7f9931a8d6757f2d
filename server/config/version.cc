#include "server/config/version.h"

#include <charconv>
#include <ctime>

#include "server/certificates/digest.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

constexpr size_t kDigits = 12;
constexpr int kHexadecimal = 16;

std::string UtcSeconds(int64_t unix_ms) {
  const std::time_t seconds = unix_ms / 1'000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  const size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return {text, size};
}

}  // namespace

std::string ConfigHash(std::string_view text) { return Sha256Hex(text).substr(0, kDigits); }

int64_t ConfigHashNumber(std::string_view hash) {
  int64_t number = 0;
  std::from_chars(hash.data(), hash.data() + hash.size(), number, kHexadecimal);
  return number;
}

std::string ToString(const ConfigVersion& version) {
  return text::Concat(version.hash, ", since ", UtcSeconds(version.unix_ms), ", from ", version.source);
}

}  // namespace sluice
