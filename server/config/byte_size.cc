#include "server/config/byte_size.h"

#include <charconv>
#include <limits>

#include "server/runtime/text.h"

namespace sluice {

std::optional<uint64_t> ParseByteSize(std::string_view text) {
  struct Unit {
    std::string_view name;
    uint64_t bytes;
  };
  static constexpr Unit kUnits[] = {
      {"", 1},           {"B", 1},          {"KB", 1'000},     {"MB", 1'000'000}, {"GB", 1'000'000'000},
      {"KiB", 1u << 10}, {"MiB", 1u << 20}, {"GiB", 1u << 30},
  };
  uint64_t count = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc()) return std::nullopt;
  const std::string_view name = text.substr(static_cast<size_t>(end - text.data()));
  for (const Unit& unit : kUnits) {
    if (!text::EqualsIgnoreCase(name, unit.name)) continue;
    if (count > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) / unit.bytes) return std::nullopt;
    return count * unit.bytes;
  }
  return std::nullopt;
}

}  // namespace sluice
