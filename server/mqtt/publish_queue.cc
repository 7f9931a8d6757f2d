#include "server/mqtt/publish_queue.h"

#include <algorithm>
#include <utility>

#include "server/mqtt/packet_size.h"
#include "server/mqtt/reason_codes.h"

namespace sluice {
namespace {

// MQTT 3.1.1 has no Receive Maximum, but brokers have a bound all the same (mosquitto: 20).
constexpr size_t kUnannouncedReceiveMaximum = 20;

// See the class: fruitless connections before messages go out one at a time, and after that before one is given up.
constexpr int kFruitlessConnections = 2;
constexpr uint8_t kStrikes = 5;

// Whether it is kept while there is no connection.
bool Waits(const Outgoing& outgoing) {
  return outgoing.message->qos != Qos::kAtMostOnce || outgoing.wait_for_connection;
}

PublishOutcome Failed(Outgoing& outgoing, PublishOutcome::Code code, uint8_t reason) {
  return {.token = outgoing.token, .code = code, .mqtt_reason_code = reason, .message = std::move(outgoing.message)};
}

}  // namespace

PublishQueue::PublishQueue(size_t window, size_t window_bytes, bool mqtt5)
    : window_(std::max<size_t>(1, window)), window_bytes_(window_bytes), mqtt5_(mqtt5) {}

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

void PublishQueue::Connected(const BrokerLimits& limits) {
  connected_ = true;
  confirmed_any_ = false;
  limits_ = limits;
  acknowledged_window_ = std::min<size_t>(window_, mqtt5_ ? limits.receive_maximum : kUnannouncedReceiveMaximum);
}

void PublishQueue::Disconnected(uint8_t reason, std::vector<PublishOutcome>& outcomes) {
  if (connected_) Suspect(reason, outcomes);
  connected_ = false;
  for (Entry& entry : entries_) {
    if (entry.state == State::kSettled) continue;
    if (entry.state == State::kSent) Unsend(entry);
    if (!Waits(entry.outgoing)) {
      SettleEntry(entry, PublishOutcome::Code::kNotConnected, 0, outcomes);
    }
  }
  next_ = 0;
  DropSettledFront();
}

void PublishQueue::Suspect(uint8_t reason, std::vector<PublishOutcome>& outcomes) {
  if (confirmed_any_) fruitless_connections_ = 0;
  if (sent_ == 0) return;
  if (sent_ == 1) {
    auto alone = std::find_if(entries_.begin(), entries_.end(), [](const Entry& e) { return e.state == State::kSent; });
    if (++alone->strikes >= kStrikes) {
      Unsend(*alone);
      SettleEntry(*alone, PublishOutcome::Code::kRefused, reason == 0 ? reason::kUnspecifiedError : reason, outcomes);
      return;
    }
  }
  if (!confirmed_any_ && ++fruitless_connections_ >= kFruitlessConnections) {
    suspects_end_ = std::max(suspects_end_, first_sequence_ + next_);
  }
}

bool PublishQueue::HasRoomFor(const OutboundMessage& message) const {
  // While suspects are under way nothing else is.
  if (first_sequence_ < suspects_end_ && sent_ > 0) return false;
  if (message.qos != Qos::kAtMostOnce && sent_acknowledged_ >= acknowledged_window_) return false;
  return sent_ == 0 || sent_bytes_ + message.bytes() <= window_bytes_;
}

void PublishQueue::Take(std::vector<Sent>& sent, std::vector<PublishOutcome>& outcomes) {
  if (!connected_) return;
  for (; next_ < entries_.size(); ++next_) {
    Entry& entry = entries_[next_];
    if (entry.state != State::kWaiting) continue;
    const OutboundMessage& message = *entry.outgoing.message;
    if (message.qos > limits_.maximum_qos) {
      SettleEntry(entry, PublishOutcome::Code::kInvalidQos, reason::kQosNotSupported, outcomes);
      continue;
    }
    if (message.retain && !limits_.retain_available) {
      SettleEntry(entry, PublishOutcome::Code::kRefused, reason::kRetainNotSupported, outcomes);
      continue;
    }
    if (PublishPacketBytes(message, mqtt5_) > std::min(limits_.maximum_packet_bytes, kLargestPacketBytes)) {
      SettleEntry(entry, PublishOutcome::Code::kTooLarge, reason::kPacketTooLarge, outcomes);
      continue;
    }
    if (!HasRoomFor(message)) break;
    entry.state = State::kSent;
    ++sent_;
    sent_bytes_ += message.bytes();
    if (message.qos != Qos::kAtMostOnce) ++sent_acknowledged_;
    sent.push_back(Sent{first_sequence_ + next_, entry.outgoing.message});
  }
  DropSettledFront();
}

void PublishQueue::Return(uint64_t sequence) {
  if (sequence < first_sequence_ || sequence - first_sequence_ >= entries_.size()) return;
  size_t index = sequence - first_sequence_;
  if (entries_[index].state != State::kSent) return;
  Unsend(entries_[index]);
  next_ = std::min(next_, index);
}

void PublishQueue::Settle(uint64_t sequence, PublishOutcome::Code code, uint8_t reason,
                          std::vector<PublishOutcome>& outcomes) {
  if (sequence < first_sequence_ || sequence - first_sequence_ >= entries_.size()) return;
  Entry& entry = entries_[sequence - first_sequence_];
  if (entry.state == State::kSettled) return;
  if (entry.state == State::kSent) Unsend(entry);
  confirmed_any_ = true;
  SettleEntry(entry, code, reason, outcomes);
  DropSettledFront();
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
  if (code == PublishOutcome::Code::kOk) {
    outcomes.push_back({.token = entry.outgoing.token});
    entry.outgoing.message.reset();
  } else {
    outcomes.push_back(Failed(entry.outgoing, code, reason));
  }
}

void PublishQueue::DropSettledFront() {
  while (!entries_.empty() && entries_.front().state == State::kSettled) {
    entries_.pop_front();
    ++first_sequence_;
    if (next_ > 0) --next_;
  }
}

}  // namespace sluice
