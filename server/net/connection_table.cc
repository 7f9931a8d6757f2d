#include "server/net/connection_table.h"

namespace sluice {
namespace {

TokenBucket PerAddress(const AcceptLimits& limits) {
  return {limits.handshakes_per_second_per_address, 2 * limits.handshakes_per_second_per_address};
}

}  // namespace

ConnectionTable::ConnectionTable(const AcceptLimits& limits)
    : limits_(limits),
      all_(limits.handshakes_per_second, 2 * limits.handshakes_per_second),
      others_(PerAddress(limits)) {}

ConnectionTable::Verdict ConnectionTable::Admit(const AddressKey& address, SteadyTime now) {
  if (limits_.connections != 0 && open_ >= limits_.connections) return Verdict::kTooMany;
  const bool known = address.kind != AddressKey::Kind::kNone;
  if (known) {
    const auto found = by_address_.find(address);
    const size_t theirs = found == by_address_.end() ? 0 : found->second;
    if (limits_.connections_per_address != 0 && theirs >= limits_.connections_per_address) return Verdict::kPerAddress;
  }
  if (!Open(now)) return Verdict::kLater;
  // The rate of all is taken by those only that are within the rate of their own.
  if (known && limits_.handshakes_per_second_per_address != 0 && !RateOf(address, now).Take(now)) {
    return Verdict::kTooFast;
  }
  all_.Take(now);
  ++open_;
  if (known) ++by_address_[address];
  return Verdict::kAdmitted;
}

void ConnectionTable::Release(const AddressKey& address) {
  --open_;
  const auto found = by_address_.find(address);
  if (found != by_address_.end() && --found->second == 0) by_address_.erase(found);
}

TokenBucket& ConnectionTable::RateOf(const AddressKey& address, SteadyTime now) {
  const auto found = rates_.find(address);
  if (found != rates_.end()) return found->second;
  // A full bucket is as good as none. Looked for once a second at most, so that a flood of addresses costs no more.
  if (rates_.size() >= kMostRates && now >= next_sweep_) {
    std::erase_if(rates_, [now](const auto& entry) { return entry.second.Full(now); });
    next_sweep_ = now + std::chrono::seconds(1);
  }
  if (rates_.size() >= kMostRates) return others_;
  return rates_.emplace(address, PerAddress(limits_)).first->second;
}

}  // namespace sluice
