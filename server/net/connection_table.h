// Who has how many connections, and how fast they come: the decisions of accept, without sockets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "server/net/accept_limits.h"
#include "server/net/token_bucket.h"
#include "server/runtime/clock.h"

namespace sluice {

// What counts as one address: of IPv6 a /64, which is what a single host gets.
struct AddressKey {
  enum class Kind : uint8_t { kNone, kIpv4, kIpv6 };  // None: a Unix socket.
  Kind kind = Kind::kNone;
  uint64_t bits = 0;

  friend bool operator==(const AddressKey&, const AddressKey&) = default;
};

// Not thread-safe. Bounded by the connections that are open, and by kMostRates.
class ConnectionTable {
 public:
  enum class Verdict : uint8_t {
    kAdmitted,    // Counted from now on; Release() ends it.
    kTooMany,     // limits.connections
    kPerAddress,  // limits.connections_per_address
    kTooFast,     // limits.handshakes_per_second_per_address
    kLater,       // limits.handshakes_per_second: not before NextAdmission().
  };
  // Addresses whose rate is known at once. Of more, those that came last share one rate.
  static constexpr size_t kMostRates = 8'192;

  explicit ConnectionTable(const AcceptLimits& limits);

  // Whether one may be accepted now; else not before NextAdmission().
  bool Open(SteadyTime now) const { return now >= all_.Next(); }
  SteadyTime NextAdmission() const { return all_.Next(); }
  // Of one that has been accepted.
  Verdict Admit(const AddressKey& address, SteadyTime now);
  void Release(const AddressKey& address);

  size_t open() const { return open_; }
  size_t addresses() const { return by_address_.size(); }
  size_t rates() const { return rates_.size(); }

 private:
  struct Hash {
    size_t operator()(const AddressKey& key) const { return std::hash<uint64_t>()(key.bits * 0x9E3779B97F4A7C15u); }
  };

  TokenBucket& RateOf(const AddressKey& address, SteadyTime now);

  const AcceptLimits limits_;
  TokenBucket all_;
  TokenBucket others_;  // Of addresses that found no place.
  size_t open_ = 0;
  std::unordered_map<AddressKey, size_t, Hash> by_address_;
  std::unordered_map<AddressKey, TokenBucket, Hash> rates_;
  SteadyTime next_sweep_{};
};

}  // namespace sluice
