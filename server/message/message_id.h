// Identity of a message on one route: a UUID (version 7, RFC 9562) that all its attempts share.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

struct MessageId {
  uint64_t high = 0;
  uint64_t low = 0;

  friend bool operator==(const MessageId&, const MessageId&) = default;

  static constexpr size_t kTextSize = 36;
  // Lower-case 8-4-4-4-12 form into `out`, without a terminating zero.
  void Format(char* out) const;
  std::string ToString() const;
  // What Format() wrote, in either case; nullopt for anything else.
  static std::optional<MessageId> Parse(std::string_view text);
};

// Makes ids: time, then a random start per process and a counter, so that they are unique without a lock and
// sort by time. Thread-safe.
MessageId NextMessageId(int64_t unix_ms);

}  // namespace sluice
