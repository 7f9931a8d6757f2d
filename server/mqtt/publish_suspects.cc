// The part of PublishQueue that finds the message over which a broker closes connections.
#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "server/mqtt/publish_queue.h"
#include "server/mqtt/reason_codes.h"

namespace sluice {
namespace {

// Connections that broke over a message before it is tried alone, and that did alone before it is given up.
constexpr uint8_t kAlone = 2;
constexpr uint8_t kGivenUp = 3;
// Before a suspect that broke a connection alone is tried again; doubles.
constexpr Millis kFirstPause{1'000};
// For the answer to suspects that are tried, while nothing else is published; and to one that has not had its in the
// shorter time on an earlier connection, so that a broker that takes its time over a connection's end is understood.
constexpr Millis kTrialPatience{1'000};
constexpr Millis kSlowTrialPatience{5'000};
// After a message broke a connection alone: there may be more like it.
constexpr Millis kVigilance{60'000};
// Connections in a row that broke in the turn of others, after which suspects have theirs first.
constexpr int kMostOthersBroke = 2;
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

// What says that no packet is to blame.
bool Exonerates(uint8_t reason) {
  constexpr std::array<uint8_t, 7> kReasons = {
      reason::kServerBusy,       reason::kServerShuttingDown, reason::kKeepAliveTimeout,  reason::kSessionTakenOver,
      reason::kUseAnotherServer, reason::kServerMoved,        reason::kMaximumConnectTime};
  return std::ranges::find(kReasons, reason) != kReasons.end();
}

}  // namespace

void PublishQueue::Strike(uint8_t reason, SteadyTime now, std::vector<PublishOutcome>& outcomes) {
  const bool others_turn = on_trial_ == 0 && others_sent_ && !suspects_.empty();
  others_broke_ = others_turn ? others_broke_ + 1 : 0;
  // Suspects first for once, or others that break each connection would keep them for ever.
  others_turn_ = others_broke_ < kMostOthersBroke;
  if (!others_turn_) {
    others_left_ = 0;
    others_broke_ = 0;
  }
  if (Exonerates(reason)) return;
  // With one that the broker has not answered under way, too, it may have been that one.
  if (alone_ && stuck_ == 0) return StrikeAlone(reason, now, outcomes);
  // Brokers mostly work in order: if they have confirmed something, over the first that they have not.
  uint8_t strikes = now < vigilant_until_ ? kAlone : 1;
  const auto strike = [&](Entry& entry) {
    entry.strikes = std::min<uint8_t>(kAlone, entry.strikes + strikes);
    entry.sent_once = true;
    if (confirmed_any_) strikes = 0;
  };
  for (auto& [sequence, suspect] : suspects_) {
    if (suspect.on_trial || suspect.stuck) strike(suspect.entry);
  }
  for (size_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = entries_[i];
    if (entry.state != State::kSent || !Waits(entry.outgoing)) continue;
    Unsend(entry);
    strike(entry);
    suspects_[first_sequence_ + i].entry = std::move(entry);
    entries_[i].state = State::kSettled;
  }
  HoldTopics();
}

void PublishQueue::StrikeAlone(uint8_t reason, SteadyTime now, std::vector<PublishOutcome>& outcomes) {
  const auto found = suspects_.find(*alone_);
  Suspect& suspect = found->second;
  Unsend(suspect.entry);
  EndTrial(suspect);
  suspect.entry.sent_once = true;
  vigilant_until_ = now + kVigilance;
  lessons_.Broke(found->first, *suspect.entry.outgoing.message, reason, now);
  if (++suspect.alone >= kGivenUp || Condemns(reason)) {
    SettleEntry(suspect.entry, PublishOutcome::Code::kRefused, reason == 0 ? reason::kUnspecifiedError : reason,
                outcomes);
    ClearSuspect(found);
    return;
  }
  suspect.not_before = now + kFirstPause * (1 << (suspect.alone - 1));
  HoldTopics();
}

bool PublishQueue::AnyDue(SteadyTime now) const {
  return std::ranges::any_of(suspects_, [now](const auto& item) {
    const Suspect& suspect = item.second;
    return !suspect.stuck && suspect.not_before <= now;
  });
}

void PublishQueue::TakeSuspects(SteadyTime now, std::vector<Sent>& sent, std::vector<PublishOutcome>& outcomes) {
  if (!TakeTogether(now, sent, outcomes)) TakeAlone(now, sent, outcomes);
}

bool PublishQueue::TakeTogether(SteadyTime now, std::vector<Sent>& sent, std::vector<PublishOutcome>& outcomes) {
  confirmed_any_ = false;
  std::set<TopicAndQos> held;  // By those that are tried alone.
  for (auto suspect = suspects_.begin(); suspect != suspects_.end();) {
    const auto it = suspect++;
    const OutboundMessage& message = *it->second.entry.outgoing.message;
    const TopicAndQos topic(message.topic, message.qos);
    if (it->second.entry.strikes >= kAlone) {
      if (it->second.alone == 0) held.insert(topic);
    } else if (it->second.stuck || it->second.not_before > now) {
      held.insert(topic);
    } else if (!held.contains(topic)) {
      if (SettleUnfit(it->second.entry, now, outcomes)) {
        ClearSuspect(it);
      } else if (!HasRoomFor(message)) {
        break;
      } else {
        Try(it, now, sent);
      }
    }
  }
  return on_trial_ > 0;
}

void PublishQueue::Try(Suspects::iterator suspect, SteadyTime now, std::vector<Sent>& sent) {
  suspect->second.on_trial = true;
  ++on_trial_;
  others_sent_ = false;
  trial_until_ = now + (suspect->second.slow ? kSlowTrialPatience : kTrialPatience);
  Send(suspect->first, suspect->second.entry, now, sent);
}

PublishQueue::Suspects::iterator PublishQueue::NextAlone(SteadyTime now) {
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

void PublishQueue::TakeAlone(SteadyTime now, std::vector<Sent>& sent, std::vector<PublishOutcome>& outcomes) {
  while (true) {
    const auto next = NextAlone(now);
    if (next == suspects_.end()) return;
    if (SettleUnfit(next->second.entry, now, outcomes)) {
      ClearSuspect(next);
      continue;
    }
    if (!proven_ && !silent_ && AwaitPong(now)) return;
    alone_ = next->first;
    return Try(next, now, sent);
  }
}

bool PublishQueue::AwaitPong(SteadyTime now) {
  if (ping_patience_ == kNever) {
    ping_wanted_ = true;
    ping_patience_ = now + kPingPatience;
  }
  if (now < ping_patience_) return true;
  ping_patience_ = kNever;
  return false;
}

SteadyTime PublishQueue::due(SteadyTime now) const {
  if (!connected_) return kNever;
  if (on_trial_ > 0) return trial_until_;
  SteadyTime due = ping_patience_;
  for (const auto& [sequence, suspect] : suspects_) {
    if (suspect.not_before > now) due = std::min(due, suspect.not_before);
  }
  // What is due and still waits, waits for an answer.
  return std::max(due, now + kShortestWait);
}

void PublishQueue::ClearSuspect(Suspects::iterator suspect) {
  EndTrial(suspect->second);
  if (suspect->second.stuck) --stuck_;
  suspects_.erase(suspect);
  HoldTopics();
}

void PublishQueue::Pong() {
  proven_ = answered_ = true;
  ping_patience_ = kNever;
}

void PublishQueue::EndTrial(Suspect& suspect) {
  if (!std::exchange(suspect.on_trial, false)) return;
  --on_trial_;
  alone_.reset();
  others_turn_ = true;
}

void PublishQueue::GiveUpWaiting() {
  for (auto& [sequence, suspect] : suspects_) {
    if (!suspect.on_trial) continue;
    EndTrial(suspect);
    suspect.stuck = true;
    ++stuck_;
  }
}

void PublishQueue::UnsendSuspects(SteadyTime now) {
  for (auto& [sequence, suspect] : suspects_) {
    if (!suspect.on_trial && !suspect.stuck) continue;
    Unsend(suspect.entry);
    suspect.entry.sent_once = true;
    if (std::exchange(suspect.stuck, false)) {
      suspect.slow = true;
      suspect.not_before = now + kFirstPause;
    }
    suspect.on_trial = false;
  }
  on_trial_ = stuck_ = 0;
  alone_.reset();
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
