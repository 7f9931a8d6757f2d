#include "server/spans/otlp_headers.h"

#include <algorithm>
#include <cstddef>

#include "server/runtime/text.h"

namespace sluice {
namespace {

constexpr std::string_view kOwnHeaders[] = {"host",       "content-length",    "content-type",
                                            "connection", "transfer-encoding", "content-encoding"};

bool IsHeaderName(std::string_view name) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::ranges::all_of(name, [&](char c) {
    return text::IsAlnum(c) || kOthers.find(c) != std::string_view::npos;
  });
}

}  // namespace

absl::StatusOr<HttpHeaders> ParseHeaders(std::string_view text) {
  HttpHeaders headers;
  size_t number = 0;
  for (std::string_view line : text::Split(text, '\n')) {
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    line = text::Trimmed(line);
    if (line.empty() || line.front() == '#') continue;
    const auto refuse = [number](std::string_view why) {
      return absl::InvalidArgumentError(text::Concat("line ", number, " ", why));
    };
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return refuse("has no ':' between a header's name and its value");
    const std::string_view name = text::Trimmed(line.substr(0, colon));
    const std::string_view value = text::Trimmed(line.substr(colon + 1));
    if (!IsHeaderName(name)) return refuse("does not begin with the name of a header");
    if (std::ranges::find(kOwnHeaders, text::Lower(name)) != std::end(kOwnHeaders)) {
      return refuse("names a header that the gateway sets itself");
    }
    if (std::ranges::any_of(value, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; })) {
      return refuse("has a control character in its value");
    }
    headers.emplace_back(name, value);
  }
  return headers;
}

}  // namespace sluice
