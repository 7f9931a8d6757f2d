#include "server/rpc/protocol/grpc_text.h"

#include <algorithm>
#include <array>
#include <limits>

#include "absl/strings/str_cat.h"
#include "server/message/utf8.h"

namespace sluice::rpc {
namespace {

constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string EncodeStatusMessage(std::string_view message) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string text;
  for (const char c : CutUtf8(message, kLongestStatusMessage)) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte >= 0x20 && byte <= 0x7e && c != '%') {
      text.push_back(c);
    } else {
      text.append({'%', kHex[byte >> 4], kHex[byte & 15]});
    }
  }
  // A field value must not begin or end with white space (RFC 9113 §8.2.1).
  if (!text.empty() && text.back() == ' ') text.replace(text.size() - 1, 1, "%20");
  if (!text.empty() && text.front() == ' ') text.replace(0, 1, "%20");
  return text;
}

std::optional<std::chrono::nanoseconds> ParseTimeout(std::string_view text) {
  if (text.size() < 2 || text.size() > 9) return std::nullopt;
  int64_t value = 0;
  for (const char c : text.substr(0, text.size() - 1)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  int64_t unit = 0;
  switch (text.back()) {
    case 'H':
      unit = 3'600'000'000'000;
      break;
    case 'M':
      unit = 60'000'000'000;
      break;
    case 'S':
      unit = 1'000'000'000;
      break;
    case 'm':
      unit = 1'000'000;
      break;
    case 'u':
      unit = 1'000;
      break;
    case 'n':
      unit = 1;
      break;
    default:
      return std::nullopt;
  }
  // 99,999,999 hours are more than 64 bits of nanoseconds.
  constexpr int64_t kLongest = std::numeric_limits<int64_t>::max() / 4;
  return std::chrono::nanoseconds(value > kLongest / unit ? kLongest : value * unit);
}

bool IsBinary(std::string_view name) { return name.ends_with("-bin"); }

std::string EncodeBinary(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() * 4 + 2) / 3);
  uint32_t group = 0;
  int bits = 0;
  for (const char c : bytes) {
    group = group << 8 | static_cast<uint8_t>(c);
    for (bits += 8; bits >= 6; bits -= 6) text.push_back(kBase64[group >> (bits - 6) & 63]);
  }
  if (bits > 0) text.push_back(kBase64[group << (6 - bits) & 63]);
  return text;
}

bool DecodeBinary(std::string_view text, std::string* bytes) {
  static constexpr std::array<int8_t, 256> kValues = [] {
    std::array<int8_t, 256> values{};
    values.fill(-1);
    for (size_t i = 0; i < kBase64.size(); ++i) values[static_cast<uint8_t>(kBase64[i])] = static_cast<int8_t>(i);
    return values;
  }();
  for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
  if (text.size() % 4 == 1) return false;
  bytes->clear();
  uint32_t group = 0;
  int bits = 0;
  for (const char c : text) {
    const int8_t value = kValues[static_cast<uint8_t>(c)];
    if (value < 0) return false;
    group = group << 6 | static_cast<uint32_t>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes->push_back(static_cast<char>(group >> bits));
  }
  return true;
}

absl::Status StatusOfReset(uint32_t http2_error, bool by_client) {
  constexpr uint32_t kCancel = 8;
  if (!by_client) return absl::InternalError(absl::StrCat("the call breaks HTTP/2's rules (error ", http2_error, ")"));
  if (http2_error == kCancel) return absl::CancelledError("the client cancelled the call");
  return absl::CancelledError(
      absl::StrCat("the client, or a proxy on the way, reset the call (HTTP/2 error ", http2_error, ")"));
}

bool IsReservedName(std::string_view name) {
  if (name.empty() || name.front() == ':') return true;
  // The details of a status are the application's.
  if (name.starts_with("grpc-")) return name != "grpc-status-details-bin";
  // "connection" and its like are not allowed in HTTP/2 at all (RFC 9113 §8.2.2).
  static constexpr std::string_view kNames[] = {"content-type", "te",         "content-length",   "host",
                                                "connection",   "keep-alive", "proxy-connection", "transfer-encoding",
                                                "upgrade"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

}  // namespace sluice::rpc
