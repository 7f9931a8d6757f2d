// What a Publisher keeps: messages in the order they were handed over, each until its outcome is known. Pure logic:
// which may go out now, what a confirmation or a lost connection means for them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "server/message/message.h"
#include "server/mqtt/driver.h"

namespace sluice {

// What a broker takes, from its CONNACK (MQTT 5.0 §3.2.2.3). The defaults are those of an absent property; MQTT 3.1.1
// has none of them.
struct BrokerLimits {
  uint16_t receive_maximum = 65'535;
  Qos maximum_qos = Qos::kExactlyOnce;
  bool retain_available = true;
  uint64_t maximum_packet_bytes = UINT64_MAX;
};

// Not thread-safe. A message is waiting, then sent (given out by Take), then settled; a lost connection makes
// sent ones waiting again, in their old order and before all that came later.
//
// Some brokers answer a message they do not take by closing the connection; sent again first thing, it would
// do so for ever and hold up all others. So when two connections in a row broke with messages sent and none confirmed,
// these go out one at a time, and one that is alone when a connection breaks for the fifth time is settled as kRefused.
class PublishQueue {
 public:
  struct Sent {
    uint64_t sequence = 0;  // Names it in Settle().
    std::shared_ptr<const OutboundMessage> message;
  };

  // At most `window` messages of QoS 1 and 2 are sent and not settled, and not more than the broker's Receive Maximum;
  // of all together at most `window_bytes` (one larger message may be alone).
  PublishQueue(size_t window, size_t window_bytes, bool mqtt5);

  // Without a connection, QoS 0 that does not wait for one is settled at once as kNotConnected.
  void Add(std::vector<Outgoing> batch, std::vector<PublishOutcome>& outcomes);
  // From now on messages may be taken. What the broker cannot take is settled as its turn comes.
  void Connected(const BrokerLimits& limits);
  // Nothing goes out any more. QoS 0 that does not wait for a connection is settled as kNotConnected. `reason`: of the
  // broker's DISCONNECT, 0 without one.
  void Disconnected(uint8_t reason, std::vector<PublishOutcome>& outcomes);

  // Appends to `sent` what may go out now; to `outcomes` what never will.
  void Take(std::vector<Sent>& sent, std::vector<PublishOutcome>& outcomes);
  // What was taken could not be sent: waits again.
  void Return(uint64_t sequence);
  // A taken message has its outcome. Without effect when it is settled already.
  void Settle(uint64_t sequence, PublishOutcome::Code code, uint8_t reason, std::vector<PublishOutcome>& outcomes);

  // Neither settled nor given up.
  size_t open() const { return open_; }
  // Taken and not settled.
  size_t sent() const { return sent_; }

 private:
  enum class State : uint8_t { kWaiting, kSent, kSettled };
  struct Entry {
    Outgoing outgoing;
    State state = State::kWaiting;
    uint8_t strikes = 0;  // Connections that broke while it alone was sent.
  };

  bool HasRoomFor(const OutboundMessage& message) const;
  void Unsend(Entry& entry);
  void SettleEntry(Entry& entry, PublishOutcome::Code code, uint8_t reason, std::vector<PublishOutcome>& outcomes);
  void DropSettledFront();
  // A connection broke: looks for a message that may have been the cause.
  void Suspect(uint8_t reason, std::vector<PublishOutcome>& outcomes);

  const size_t window_;
  const size_t window_bytes_;
  const bool mqtt5_;

  bool connected_ = false;
  BrokerLimits limits_;
  size_t acknowledged_window_ = 0;  // For QoS 1 and 2.
  bool confirmed_any_ = false;      // On this connection.
  int fruitless_connections_ = 0;   // In a row: broken with messages sent and none confirmed.
  uint64_t suspects_end_ = 0;       // Messages before this sequence go out one at a time.

  std::deque<Entry> entries_;
  uint64_t first_sequence_ = 0;  // Of entries_.front().
  size_t next_ = 0;              // Index of the first entry that may be waiting.
  size_t open_ = 0;
  size_t sent_ = 0;
  size_t sent_acknowledged_ = 0;  // Of these with QoS 1 and 2.
  size_t sent_bytes_ = 0;
};

}  // namespace sluice
