#include "server/http/accept.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <system_error>

#include "server/runtime/text.h"

namespace sluice {
namespace {

constexpr double kNotNamed = -1;

// One of the list: TYPE/SUBTYPE;parameter;q=0.5.
struct MediaRange {
  std::string_view type;
  std::string_view version;
  double quality = 1;
};

MediaRange Parse(std::string_view text) {
  MediaRange range;
  const std::vector<std::string_view> parts = text::Split(text, ';');
  range.type = text::Trimmed(parts.front());
  for (size_t i = 1; i < parts.size(); ++i) {
    const size_t equals = parts[i].find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = text::Trimmed(parts[i].substr(0, equals));
    const std::string_view value = text::Trimmed(parts[i].substr(equals + 1));
    if (text::EqualsIgnoreCase(name, "version")) range.version = value;
    if (!text::EqualsIgnoreCase(name, "q")) continue;
    double quality = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), quality);
    range.quality = error == std::errc() && end == value.data() + value.size() ? std::clamp(quality, 0.0, 1.0) : 0;
  }
  return range;
}

}  // namespace

MetricsFormat MetricsFormatFor(const std::vector<std::string_view>& accept) {
  double open = kNotNamed;
  // The closest range counts.
  double plain = kNotNamed;
  double any_text = kNotNamed;
  double any = kNotNamed;
  for (const std::string_view header : accept) {
    for (const std::string_view one : text::Split(header, ',')) {
      const MediaRange range = Parse(one);
      const auto is = [&range](std::string_view type) { return text::EqualsIgnoreCase(range.type, type); };
      if (is("application/openmetrics-text") && (range.version.empty() || range.version == "1.0.0")) {
        open = std::max(open, range.quality);
      }
      if (is("text/plain")) plain = std::max(plain, range.quality);
      if (is("text/*")) any_text = range.quality;
      if (is("*/*")) any = range.quality;
    }
  }
  if (plain == kNotNamed) plain = any_text != kNotNamed ? any_text : any;
  return open > 0 && open >= plain ? MetricsFormat::kOpenMetrics : MetricsFormat::kPrometheusText;
}

}  // namespace sluice
