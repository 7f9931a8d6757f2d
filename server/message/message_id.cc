#include "server/message/message_id.h"

#include <array>
#include <atomic>
#include <cstring>
#include <random>

namespace sluice {
namespace {

// Two digits for each byte: every message has an id, and every delivery shows it.
constexpr std::array<char, 512> kHex = [] {
  std::array<char, 512> table{};
  for (size_t i = 0; i < table.size(); ++i) table[i] = "0123456789abcdef"[i % 2 == 0 ? i / 32 : i / 2 % 16];
  return table;
}();

// The bits of `value` below `from`, down to `to`, as hexadecimal digits; returns their end.
char* AppendHex(uint64_t value, int from, int to, char* out) {
  for (int shift = from - 8; shift >= to; shift -= 8, out += 2) {
    std::memcpy(out, &kHex[2 * ((value >> shift) & 0xff)], 2);
  }
  return out;
}

}  // namespace

void MessageId::Format(char* out) const {
  out = AppendHex(high, 64, 32, out);
  *out++ = '-';
  out = AppendHex(high, 32, 16, out);
  *out++ = '-';
  out = AppendHex(high, 16, 0, out);
  *out++ = '-';
  out = AppendHex(low, 64, 48, out);
  *out++ = '-';
  AppendHex(low, 48, 0, out);
}

std::string MessageId::ToString() const {
  std::string text(kTextSize, '\0');
  Format(text.data());
  return text;
}

std::optional<MessageId> MessageId::Parse(std::string_view text) {
  if (text.size() != kTextSize) return std::nullopt;
  MessageId id;
  int digits = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (c != '-') return std::nullopt;
      continue;
    }
    uint64_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<uint64_t>(c - '0');
    } else if (const char lower = static_cast<char>(c | 0x20); lower >= 'a' && lower <= 'f') {
      digit = static_cast<uint64_t>(lower - 'a') + 10;
    } else {
      return std::nullopt;
    }
    uint64_t& half = digits++ < 16 ? id.high : id.low;
    half = half << 4 | digit;
  }
  return id;
}

MessageId NextMessageId(int64_t unix_ms) {
  // 74 bits may be random (RFC 9562 §5.7): 12 + 6 are per process, 56 count from a random start.
  static const uint64_t kProcess = [] {
    std::random_device device;
    return (static_cast<uint64_t>(device()) << 32) | device();
  }();
  static std::atomic<uint64_t> counter{kProcess * 0x9E3779B97F4A7C15u};
  constexpr uint64_t kVersion7 = 0x7000;
  constexpr uint64_t kVariant = uint64_t{1} << 63;
  uint64_t count = counter.fetch_add(1, std::memory_order_relaxed) & ((uint64_t{1} << 56) - 1);
  return MessageId{(static_cast<uint64_t>(unix_ms) << 16) | kVersion7 | (kProcess & 0xfff),
                   kVariant | ((kProcess >> 12 & 0x3f) << 56) | count};
}

}  // namespace sluice
