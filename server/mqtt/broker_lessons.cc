#include "server/mqtt/broker_lessons.h"

#include <algorithm>
#include <utility>

#include "server/mqtt/reason_codes.h"

namespace sluice {
namespace {

constexpr Millis kLessonHolds{600'000};
// A message that is not this much larger than all that were confirmed is not suspected for its size.
constexpr size_t kMuchLarger = 4;
constexpr size_t kSurelySmall = 64u << 10;

constexpr std::array<const char*, 3> kNews = {
    "the broker takes no QoS 2",
    "the broker takes no retained messages",
    "the broker takes no packets as large as those that it disconnected over",
};
constexpr std::array<uint8_t, 3> kReasonsThatTeach = {reason::kQosNotSupported, reason::kRetainNotSupported,
                                                      reason::kPacketTooLarge};

}  // namespace

bool BrokerLessons::Has(TraitName name, const OutboundMessage& message) const {
  switch (name) {
    case kQos2:
      return message.qos == Qos::kExactlyOnce;
    case kRetain:
      return message.retain;
    default:
      return message.bytes() > std::max(kSurelySmall, kMuchLarger * largest_confirmed_);
  }
}

void BrokerLessons::Confirmed(const OutboundMessage& message) {
  if (message.qos == Qos::kExactlyOnce) traits_[kQos2].proven = true;
  if (message.retain) traits_[kRetain].proven = true;
  if (message.payload.size() > largest_confirmed_) largest_confirmed_ = message.payload.size();
}

void BrokerLessons::Broke(uint64_t sequence, const OutboundMessage& message, uint8_t reason, SteadyTime now) {
  int unproven = 0;
  TraitName name = kQos2;
  for (const TraitName candidate : {kQos2, kRetain, kLarge}) {
    if (traits_[candidate].proven || !Has(candidate, message)) continue;
    name = candidate;
    ++unproven;
  }
  // Of two things in question nobody can say which it was.
  if (unproven != 1) return;
  Trait& trait = traits_[name];
  const bool named = reason == kReasonsThatTeach[name];
  const bool again = trait.seen && trait.witness != sequence;
  if (!trait.seen) trait.witness = sequence;
  trait.seen = true;
  if (name == kLarge) smallest_refused_ = std::min(smallest_refused_, message.bytes());
  if (!named && !again) return;
  trait.until = now + kLessonHolds;
  news_ = kNews[name];
}

BrokerLimits BrokerLessons::Apply(BrokerLimits limits, SteadyTime now) const {
  const auto learnt = [&](TraitName name) { return !traits_[name].proven && now < traits_[name].until; };
  if (learnt(kQos2)) limits.maximum_qos = std::min(limits.maximum_qos, Qos::kAtLeastOnce);
  if (learnt(kRetain)) limits.retain_available = false;
  if (learnt(kLarge)) {
    limits.maximum_packet_bytes = std::min<uint64_t>(limits.maximum_packet_bytes, smallest_refused_ - 1);
  }
  return limits;
}

std::string BrokerLessons::TakeNews() { return std::exchange(news_, {}); }

}  // namespace sluice
