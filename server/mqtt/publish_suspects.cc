// The part of PublishQueue that finds the message over which a broker closes connections.
#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "server/mqtt/publish_queue.h"
#include "server/mqtt/reason_codes.h"

namespace sluice {
namespace {

// Connections that break over a message before it is a suspect, and in all before it is given up.
constexpr uint8_t kSuspect = 2;
constexpr uint8_t kGivenUp = 5;
// Before a suspect that broke a connection alone is tried again; doubles.
constexpr Millis kFirstPause{1'000};
// For the answer to a suspect that is tried, while nothing else is published.
constexpr Millis kTrialPatience{5'000};
constexpr Millis kShortestWait{10};
// For the answer to a ping: most take milliseconds, and who does not answer at all may not keep a suspect for ever.
constexpr Millis kPingPatience{1'000};

// What a DISCONNECT says of the one packet that was under way: it would be the same again.
bool Condemns(uint8_t reason) {
  constexpr std::array<uint8_t, 7> kReasons = {
      reason::kMalformedPacket, reason::kProtocolError,      reason::kTopicNameInvalid, reason::kPacketTooLarge,
      reason::kPayloadFormat,   reason::kRetainNotSupported, reason::kQosNotSupported};
  return std::ranges::find(kReasons, reason) != kReasons.end();
}

}  // namespace

void PublishQueue::Strike(uint8_t reason, SteadyTime now, std::vector<PublishOutcome>& outcomes) {
  if (trial_) return StrikeAlone(reason, now, outcomes);
  for (size_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = entries_[i];
    if (entry.state != State::kSent) continue;
    if (++entry.strikes >= kSuspect) {
      Unsend(entry);
      Suspect& suspect = suspects_[first_sequence_ + i];
      suspect.entry = std::move(entry);
      suspect.entry.sent_once = true;
      entries_[i].state = State::kSettled;
    }
    if (confirmed_any_) break;  // Brokers work in order: over the first that was not confirmed.
  }
  HoldTopics();
}

void PublishQueue::StrikeAlone(uint8_t reason, SteadyTime now, std::vector<PublishOutcome>& outcomes) {
  const auto found = suspects_.find(*trial_);
  trial_.reset();
  Suspect& suspect = found->second;
  Unsend(suspect.entry);
  suspect.entry.sent_once = true;
  lessons_.Broke(found->first, *suspect.entry.outgoing.message, reason, now);
  ++suspect.alone;
  if (++suspect.entry.strikes >= kGivenUp || Condemns(reason)) {
    SettleEntry(suspect.entry, PublishOutcome::Code::kRefused, reason == 0 ? reason::kUnspecifiedError : reason,
                outcomes);
    ClearSuspect(found);
    return;
  }
  suspect.not_before = now + kFirstPause * (1 << (suspect.alone - 1));
  HoldTopics();
}

PublishQueue::Suspects::iterator PublishQueue::NextSuspect(SteadyTime now) {
  // First those of which there is least reason to think that it is them. QoS 2 goes last as long as nobody knows
  // whether the broker takes it. Then the last, since what stood before the culprit has mostly been confirmed; but of
  // one topic and QoS the first.
  using Rank = std::tuple<uint8_t, bool, uint64_t>;
  auto next = suspects_.end();
  Rank best;
  std::set<TopicAndQos> seen;
  for (auto it = suspects_.begin(); it != suspects_.end(); ++it) {
    const auto& [sequence, suspect] = *it;
    const OutboundMessage& message = *suspect.entry.outgoing.message;
    if (suspect.alone == 0 && !seen.emplace(message.topic, message.qos).second) continue;
    if (suspect.not_before > now || suspect.stuck) continue;
    const bool doubted = message.qos == Qos::kExactlyOnce && !lessons_.exactly_once_proven();
    const Rank rank(suspect.alone, doubted, UINT64_MAX - sequence);
    if (next != suspects_.end() && rank > best) continue;
    next = it;
    best = rank;
  }
  return next;
}

void PublishQueue::TakeSuspect(SteadyTime now, std::vector<Sent>& sent, std::vector<PublishOutcome>& outcomes) {
  while (true) {
    const auto next = NextSuspect(now);
    if (next == suspects_.end()) return;
    if (SettleUnfit(next->second.entry, now, outcomes)) {
      ClearSuspect(next);
      continue;
    }
    if (!proven_ && ping_patience_ == kNever) {
      ping_wanted_ = true;
      ping_patience_ = now + kPingPatience;
    }
    if (!proven_ && now < ping_patience_) return;
    ping_patience_ = kNever;
    trial_ = next->first;
    trial_until_ = now + kTrialPatience;
    Send(next->first, next->second.entry, now, sent);
    return;
  }
}

SteadyTime PublishQueue::due(SteadyTime now) const {
  if (!connected_) return kNever;
  if (trial_) return trial_until_;
  SteadyTime due = ping_patience_;
  for (const auto& [sequence, suspect] : suspects_) {
    if (suspect.not_before > now) due = std::min(due, suspect.not_before);
  }
  // What is due and still waits, waits for an answer.
  return std::max(due, now + kShortestWait);
}

void PublishQueue::ClearSuspect(Suspects::iterator suspect) {
  if (trial_ == suspect->first) trial_.reset();
  if (suspect->second.stuck) --stuck_;
  suspects_.erase(suspect);
  HoldTopics();
  others_turn_ = true;
}

void PublishQueue::GiveUpWaiting() {
  suspects_.at(*trial_).stuck = true;
  ++stuck_;
  trial_.reset();
  others_turn_ = true;
}

void PublishQueue::UnsendStuck(SteadyTime now) {
  if (stuck_ == 0) return;
  for (auto& [sequence, suspect] : suspects_) {
    if (!std::exchange(suspect.stuck, false)) continue;
    Unsend(suspect.entry);
    suspect.entry.sent_once = true;
    suspect.not_before = now + kFirstPause;
  }
  stuck_ = 0;
}

void PublishQueue::HoldTopics() {
  held_topics_.clear();
  for (const auto& [sequence, suspect] : suspects_) {
    if (suspect.alone > 0) continue;
    const OutboundMessage& message = *suspect.entry.outgoing.message;
    held_topics_.emplace(message.topic, message.qos);
  }
}

}  // namespace sluice
