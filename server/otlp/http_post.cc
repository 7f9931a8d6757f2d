#include "server/otlp/http_post.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "server/runtime/text.h"

namespace sluice {
namespace {

std::optional<Millis> SecondsIn(std::string_view text) {
  int64_t seconds = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  // A date is not looked at: the back-off will do.
  if (error != std::errc() || rest != text.data() + text.size() || seconds < 0) return std::nullopt;
  return Millis(std::min<int64_t>(seconds, 3'600) * 1'000);
}

}  // namespace

std::string PostHead(std::string_view path, std::string_view authority, const HttpHeaders& headers, size_t body_bytes) {
  std::string head = text::Concat("POST ", path, " HTTP/1.1\r\nHost: ", authority,
                                  "\r\nContent-Type: application/x-protobuf\r\nContent-Length: ", body_bytes,
                                  "\r\nUser-Agent: sluice\r\nConnection: close\r\n");
  for (const auto& [name, value] : headers) head += text::Concat(name, ": ", value, "\r\n");
  return head += "\r\n";
}

SendOutcome OutcomeOf(const ParsedResponse& response) {
  using enum SendOutcome::Code;
  switch (response.state) {
    case ParsedResponse::State::kDone:
      break;
    case ParsedResponse::State::kTooLarge:
      return {.code = kRefused, .why = "its answer is too large", .retry_after = {}, .rejected = {}};
    default:
      return {.code = kTryAgain, .why = "what answers does not speak HTTP", .retry_after = {}, .rejected = {}};
  }
  if (response.status / 100 == 2) {
    return {.code = kTaken, .why = {}, .retry_after = {}, .rejected = RejectedIn(response.body)};
  }
  const bool again =
      response.status == 429 || response.status == 502 || response.status == 503 || response.status == 504;
  return {.code = again ? kTryAgain : kRefused,
          .why = text::Concat("it answers with HTTP status ", response.status),
          .retry_after = SecondsIn(response.retry_after),
          .rejected = {}};
}

}  // namespace sluice
