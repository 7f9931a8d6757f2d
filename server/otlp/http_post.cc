#include "server/otlp/http_post.h"

#include <algorithm>
#include <charconv>
#include <optional>

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

std::string_view WithoutBlanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

std::optional<Millis> SecondsIn(std::string_view text) {
  int64_t seconds = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  // A date is not looked at: the back-off will do.
  if (error != std::errc() || rest != text.data() + text.size() || seconds < 0) return std::nullopt;
  return Millis(std::min<int64_t>(seconds, 3'600) * 1'000);
}

}  // namespace

absl::StatusOr<HttpHeaders> ParseHeaders(std::string_view text) {
  HttpHeaders headers;
  size_t number = 0;
  for (std::string_view line : text::Split(text, '\n')) {
    ++number;
    line = WithoutBlanks(line);
    if (line.empty() || line.front() == '#') continue;
    const auto refuse = [number](std::string_view why) {
      return absl::InvalidArgumentError(text::Concat("line ", number, " ", why));
    };
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return refuse("has no ':' between a header's name and its value");
    const std::string_view name = WithoutBlanks(line.substr(0, colon));
    const std::string_view value = WithoutBlanks(line.substr(colon + 1));
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
