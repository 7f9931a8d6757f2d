#include "server/mqtt/publish_queue.h"

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>
#include <utility>

#include "server/mqtt/packet_size.h"
#include "server/mqtt/reason_codes.h"

namespace sluice {
namespace {

// MQTT 3.1.1 has no Receive Maximum, but brokers have a bound all the same (mosquitto: 20).
constexpr size_t kUnannouncedReceiveMaximum = 20;

PublishOutcome Failed(Outgoing& outgoing, PublishOutcome::Code code, uint8_t reason) {
  return {.token = outgoing.token, .code = code, .mqtt_reason_code = reason, .message = std::move(outgoing.message)};
}

}  // namespace

PublishQueue::PublishQueue(size_t window, size_t window_bytes, bool mqtt5)
    : window_(std::max<size_t>(1, window)), window_bytes_(window_bytes), mqtt5_(mqtt5) {}

bool PublishQueue::Waits(const Outgoing& outgoing) {
  return outgoing.message->qos != Qos::kAtMostOnce || outgoing.wait_for_connection;
}

void PublishQueue::Add(std::vector<Outgoing> batch, std::vector<PublishOutcome>& outcomes) {
  for (Outgoing& outgoing : batch) {
    if (!connected_ && !Waits(outgoing)) {
      outcomes.push_back(Failed(outgoing, PublishOutcome::Code::kNotConnected, 0));
      continue;
    }
    ++open_;
    entries_.push_back(Entry{.outgoing = std::move(outgoing)});
  }
}

void PublishQueue::Connected(const BrokerLimits& limits, SteadyTime now) {
  connected_ = true;
  proven_ = answered_ = silent_ = others_sent_ = confirmed_any_ = false;
  announced_ = limits;
  limits_ = lessons_.Apply(announced_, now);
  acknowledged_window_ = std::min<size_t>(window_, mqtt5_ ? limits.receive_maximum : kUnannouncedReceiveMaximum);
}

void PublishQueue::Disconnected(uint8_t reason, SteadyTime now, std::vector<PublishOutcome>& outcomes) {
  if (connected_) Strike(reason, now, outcomes);
  UnsendSuspects(now);
  connected_ = false;
  ping_wanted_ = false;
  ping_patience_ = kNever;
  for (Entry& entry : entries_) {
    if (entry.state == State::kSettled) continue;
    if (entry.state == State::kSent) {
      Unsend(entry);
      entry.sent_once = true;
    }
    if (!Waits(entry.outgoing)) {
      SettleEntry(entry, PublishOutcome::Code::kNotConnected, 0, outcomes);
    }
  }
  next_ = 0;
  DropSettledFront();
}

bool PublishQueue::HasRoomFor(const OutboundMessage& message) const {
  if (message.qos != Qos::kAtMostOnce && sent_acknowledged_ >= acknowledged_window_) return false;
  return sent_ == 0 || sent_bytes_ + message.bytes() <= window_bytes_;
}

void PublishQueue::Take(SteadyTime now, std::vector<Sent>& sent, std::vector<PublishOutcome>& outcomes) {
  if (!connected_) return;
  if (on_trial_ > 0 && now >= trial_until_) GiveUpWaiting();
  if (on_trial_ > 0) return;
  if (!suspects_.empty() && !answered_ && !silent_) {
    if (AwaitPong(now)) return;
    silent_ = true;
  }
  if (!AnyDue(now)) {
    size_t all = SIZE_MAX;
    TakeOthers(all, now, sent, outcomes);
    return;
  }
  if (std::exchange(others_turn_, false)) others_left_ = window_;
  if (TakeOthers(others_left_, now, sent, outcomes) && sent_ == stuck_) TakeSuspects(now, sent, outcomes);
}

bool PublishQueue::TakeOthers(size_t& most, SteadyTime now, std::vector<Sent>& sent,
                              std::vector<PublishOutcome>& outcomes) {
  bool over = true;
  bool passed_over = false;  // Something that waits stays behind: next_ must not pass it.
  for (size_t i = next_; i < entries_.size() && most > 0; ++i) {
    Entry& entry = entries_[i];
    if (entry.state == State::kWaiting && !SettleUnfit(entry, now, outcomes)) {
      const OutboundMessage& message = *entry.outgoing.message;
      if (!held_topics_.empty() && held_topics_.contains({message.topic, message.qos})) {
        passed_over = true;
        continue;
      }
      if (!HasRoomFor(message)) {
        over = false;
        break;
      }
      Send(first_sequence_ + i, entry, now, sent);
      --most;
      others_sent_ = true;
    }
    if (!passed_over) next_ = i + 1;
  }
  DropSettledFront();
  return over;
}

bool PublishQueue::SettleUnfit(Entry& entry, SteadyTime now, std::vector<PublishOutcome>& outcomes) {
  const OutboundMessage& message = *entry.outgoing.message;
  if (message.qos > limits_.maximum_qos) {
    SettleEntry(entry, PublishOutcome::Code::kInvalidQos, reason::kQosNotSupported, outcomes);
  } else if (message.retain && !limits_.retain_available) {
    SettleEntry(entry, PublishOutcome::Code::kRefused, reason::kRetainNotSupported, outcomes);
  } else if (PublishPacketBytes(message, mqtt5_) > std::min(limits_.maximum_packet_bytes, kLargestPacketBytes)) {
    SettleEntry(entry, PublishOutcome::Code::kTooLarge, reason::kPacketTooLarge, outcomes);
  } else if (message.properties != nullptr && message.expires() <= now) {
    SettleEntry(entry, PublishOutcome::Code::kExpired, 0, outcomes);
  } else {
    return false;
  }
  return true;
}

void PublishQueue::Send(uint64_t sequence, Entry& entry, SteadyTime now, std::vector<Sent>& sent) {
  const OutboundMessage& message = *entry.outgoing.message;
  entry.state = State::kSent;
  ++sent_;
  sent_bytes_ += message.bytes();
  if (message.qos == Qos::kAtMostOnce) {
    proven_ = false;
  } else {
    ++sent_acknowledged_;
  }
  sent.push_back(Sent{sequence, entry.outgoing.message, message.ExpiryLeft(now)});
}

void PublishQueue::Return(uint64_t sequence) {
  Entry* entry = Find(sequence);
  if (entry == nullptr || entry->state != State::kSent) return;
  Unsend(*entry);
  if (const auto suspect = suspects_.find(sequence); suspect != suspects_.end()) {
    EndTrial(suspect->second);
  } else {
    next_ = std::min<size_t>(next_, sequence - first_sequence_);
  }
}

void PublishQueue::Settle(uint64_t sequence, PublishOutcome::Code code, uint8_t reason,
                          std::vector<PublishOutcome>& outcomes) {
  Entry* entry = Find(sequence);
  if (entry == nullptr) return;
  if (entry->state == State::kSent) Unsend(*entry);
  answered_ = confirmed_any_ = true;
  lessons_.Confirmed(*entry->outgoing.message);
  entry->sent_once = false;  // The broker has no more of it.
  SettleEntry(*entry, code, reason, outcomes);
  Forget(sequence);
}

void PublishQueue::Written(uint64_t sequence, std::vector<PublishOutcome>& outcomes) {
  Entry* entry = Find(sequence);
  if (entry == nullptr) return;
  if (entry->state == State::kSent) Unsend(*entry);
  SettleEntry(*entry, PublishOutcome::Code::kOk, 0, outcomes);
  Forget(sequence);
}

void PublishQueue::DropExpired(SteadyTime now, std::vector<PublishOutcome>& outcomes) {
  const auto expire = [&](Entry& entry) {
    if (entry.state != State::kWaiting || entry.outgoing.message->expires() > now) return false;
    SettleEntry(entry, PublishOutcome::Code::kExpired, 0, outcomes);
    return true;
  };
  for (Entry& entry : entries_) expire(entry);
  DropSettledFront();
  for (auto suspect = suspects_.begin(); suspect != suspects_.end();) {
    const auto next = std::next(suspect);
    if (expire(suspect->second.entry)) ClearSuspect(suspect);
    suspect = next;
  }
}

void PublishQueue::Unsend(Entry& entry) {
  const OutboundMessage& message = *entry.outgoing.message;
  entry.state = State::kWaiting;
  --sent_;
  sent_bytes_ -= message.bytes();
  if (message.qos != Qos::kAtMostOnce) --sent_acknowledged_;
}

void PublishQueue::SettleEntry(Entry& entry, PublishOutcome::Code code, uint8_t reason,
                               std::vector<PublishOutcome>& outcomes) {
  entry.state = State::kSettled;
  --open_;
  if (entry.sent_once && entry.outgoing.message->qos != Qos::kAtMostOnce) ++abandoned_;
  if (code == PublishOutcome::Code::kOk) {
    outcomes.push_back({.token = entry.outgoing.token});
    entry.outgoing.message.reset();
  } else {
    outcomes.push_back(Failed(entry.outgoing, code, reason));
  }
}

std::vector<Outgoing> PublishQueue::TakeOpen() {
  std::map<uint64_t, Outgoing> open;  // By sequence: suspects have left their places.
  for (auto& [sequence, suspect] : suspects_) open.emplace(sequence, std::move(suspect.entry.outgoing));
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].state != State::kSettled) open.emplace(first_sequence_ + i, std::move(entries_[i].outgoing));
  }
  std::vector<Outgoing> taken;
  taken.reserve(open.size());
  for (auto& [sequence, outgoing] : open) taken.push_back(std::move(outgoing));
  return taken;
}

std::vector<uint64_t> PublishQueue::Unconfirmed() const {
  const auto awaited = [](const Entry& entry) {
    return entry.state == State::kSent && entry.outgoing.message->qos != Qos::kAtMostOnce;
  };
  std::vector<uint64_t> sequences;
  for (const auto& [sequence, suspect] : suspects_) {
    if (awaited(suspect.entry)) sequences.push_back(sequence);
  }
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (awaited(entries_[i])) sequences.push_back(first_sequence_ + i);
  }
  return sequences;
}

PublishQueue::Entry* PublishQueue::Find(uint64_t sequence) {
  if (!suspects_.empty()) {
    if (const auto suspect = suspects_.find(sequence); suspect != suspects_.end()) return &suspect->second.entry;
  }
  if (sequence < first_sequence_ || sequence - first_sequence_ >= entries_.size()) return nullptr;
  Entry& entry = entries_[sequence - first_sequence_];
  return entry.state == State::kSettled ? nullptr : &entry;
}

void PublishQueue::Forget(uint64_t sequence) {
  if (!suspects_.empty()) {
    if (const auto suspect = suspects_.find(sequence); suspect != suspects_.end()) return ClearSuspect(suspect);
  }
  DropSettledFront();
}

void PublishQueue::DropSettledFront() {
  while (!entries_.empty() && entries_.front().state == State::kSettled) {
    entries_.pop_front();
    ++first_sequence_;
    if (next_ > 0) --next_;
  }
}

}  // namespace sluice
