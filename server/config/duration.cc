#include "server/config/duration.h"

#include <charconv>
#include <cstdint>
#include <string>

#include "server/runtime/text.h"

namespace sluice {
namespace {

constexpr int64_t kMaxMillis = int64_t{10'000} * 24 * 3'600'000;

struct Unit {
  std::string_view name;
  int64_t millis;
};
// "ms" before "m", so that the longer name is found.
constexpr Unit kUnits[] = {{"h", 3'600'000}, {"ms", 1}, {"m", 60'000}, {"s", 1'000}};

// Milliseconds in the unit that `text` begins with, which is cut off; 0 when there is none.
int64_t TakeUnit(std::string_view& text) {
  for (const Unit& unit : kUnits) {
    if (!text.starts_with(unit.name)) continue;
    text.remove_prefix(unit.name.size());
    return unit.millis;
  }
  return 0;
}

}  // namespace

std::optional<Millis> ParseDuration(std::string_view text) {
  if (text == "0") return Millis{0};
  if (text.empty()) return std::nullopt;
  int64_t total = 0;
  while (!text.empty()) {
    uint64_t count = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc() || count > static_cast<uint64_t>(kMaxMillis)) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    const int64_t unit = TakeUnit(text);
    if (unit == 0 || static_cast<int64_t>(count) > (kMaxMillis - total) / unit) return std::nullopt;
    total += static_cast<int64_t>(count) * unit;
  }
  return Millis{total};
}

std::optional<Millis> ParseDurationOrSeconds(std::string_view text) {
  if (!text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos) {
    return ParseDuration(std::string(text) + "s");
  }
  return ParseDuration(text);
}

std::string FormatDuration(Millis duration) {
  if (duration.count() == 0) return "0";
  std::string formatted;
  int64_t rest = duration.count();
  for (const Unit& unit : {Unit{"h", 3'600'000}, Unit{"m", 60'000}, Unit{"s", 1'000}, Unit{"ms", 1}}) {
    if (rest < unit.millis) continue;
    formatted += text::Concat(rest / unit.millis, unit.name);
    rest %= unit.millis;
  }
  return formatted;
}

}  // namespace sluice
