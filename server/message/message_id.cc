#include "server/message/message_id.h"

#include <atomic>
#include <random>

namespace sluice {

void MessageId::Format(char* out) const {
  static constexpr char kHex[] = "0123456789abcdef";
  int digit = 0;
  for (uint64_t half : {high, low}) {
    for (int shift = 60; shift >= 0; shift -= 4, ++digit) {
      if (digit == 8 || digit == 12 || digit == 16 || digit == 20) *out++ = '-';
      *out++ = kHex[(half >> shift) & 15];
    }
  }
}

std::string MessageId::ToString() const {
  std::string text(kTextSize, '\0');
  Format(text.data());
  return text;
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
