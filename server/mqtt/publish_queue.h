// What a Publisher keeps: messages in the order they were handed over, each until its outcome is known. Pure logic:
// which may go out now, what a confirmation or a lost connection means for them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/message/message.h"
#include "server/mqtt/broker_lessons.h"
#include "server/mqtt/publisher.h"

namespace sluice {

// Not thread-safe. A message is waiting, then sent (given out by Take), then settled; a lost connection makes
// sent ones waiting again, in their old order and before all that came later. One whose expiry is over before it was
// sent for the first time is settled as kExpired.
//
// Some brokers answer a message they do not take by closing the connection; sent again first thing, it would
// do so for ever and hold up all others. So a message that two connections broke over is a suspect. Others go first
// from then on; then suspects are tried one by one, each alone, with a pause before it is tried again. One that breaks
// three connections so is settled as kRefused, sooner where the DISCONNECT says what is wrong with it.
//   - A connection breaks over all that was sent and not confirmed; if something of QoS 1 or 2 was confirmed on it,
//   over
//     the first of these only: brokers work in order.
//   - What is written at QoS 0 says nothing about the broker. Before a suspect is tried the broker is to answer a ping,
//     so that no earlier message of QoS 0 can be what the connection breaks over.
//   - Messages of the topic and QoS of a suspect wait for it, so that their order holds, until it has broken a
//     connection alone.
class PublishQueue {
 public:
  struct Sent {
    uint64_t sequence = 0;  // Names it in Settle() and Written().
    std::shared_ptr<const OutboundMessage> message;
    std::optional<uint32_t> expiry_s;  // What is left of it.
  };

  // At most `window` messages of QoS 1 and 2 are sent and not settled, and not more than the broker's Receive Maximum;
  // of all together at most `window_bytes` (one larger message may be alone).
  PublishQueue(size_t window, size_t window_bytes, bool mqtt5);

  // Without a connection, QoS 0 that does not wait for one is settled at once as kNotConnected.
  void Add(std::vector<Outgoing> batch, std::vector<PublishOutcome>& outcomes);
  // From now on messages may be taken. What the broker cannot take is settled as its turn comes.
  void Connected(const BrokerLimits& limits, SteadyTime now);
  // Nothing goes out any more. QoS 0 that does not wait for a connection is settled as kNotConnected. `reason`: of the
  // broker's DISCONNECT, 0 without one.
  void Disconnected(uint8_t reason, SteadyTime now, std::vector<PublishOutcome>& outcomes);

  // Appends to `sent` what may go out now; to `outcomes` what never will.
  void Take(SteadyTime now, std::vector<Sent>& sent, std::vector<PublishOutcome>& outcomes);
  // What was taken could not be sent: waits again.
  void Return(uint64_t sequence);
  // The broker has answered a taken message of QoS 1 or 2. Without effect when it is settled already.
  void Settle(uint64_t sequence, PublishOutcome::Code code, uint8_t reason, std::vector<PublishOutcome>& outcomes);
  // A taken message of QoS 0 has been written.
  void Written(uint64_t sequence, std::vector<PublishOutcome>& outcomes);
  // Settles what waits and whose expiry is over.
  void DropExpired(SteadyTime now, std::vector<PublishOutcome>& outcomes);

  // A ping is to be sent, and its answer told by Pong(). Told once.
  bool TakePingWish() { return std::exchange(ping_wanted_, false); }
  void Pong() { proven_ = true; }
  // When Take() may give more without anything else happening; kNever: it will not.
  SteadyTime due(SteadyTime now) const;

  // Neither settled nor given up.
  size_t open() const { return open_; }
  // Taken and not settled.
  size_t sent() const { return sent_; }
  size_t suspects() const { return suspects_.size(); }
  // Settled while the broker may know them as under way: each keeps a packet id until the session ends.
  size_t abandoned() const { return abandoned_; }
  // What was learnt about the broker since the last call, for people; empty: nothing.
  std::string TakeNews() { return lessons_.TakeNews(); }

 private:
  enum class State : uint8_t { kWaiting, kSent, kSettled };
  struct Entry {
    Outgoing outgoing;
    State state = State::kWaiting;
    uint8_t strikes = 0;     // Connections that broke over it.
    bool sent_once = false;  // On an earlier connection.
  };
  struct Suspect {
    Entry entry;
    uint8_t alone = 0;  // Connections that broke while it alone was sent.
    SteadyTime not_before{};
    bool stuck = false;  // The broker did not answer in time: it stays sent, and others go on.
  };
  using Suspects = std::map<uint64_t, Suspect>;  // By sequence.
  using TopicAndQos = std::pair<std::string_view, Qos>;

  // Takes messages before `end` (a sequence), but those that wait for a suspect. True: there is none left that waits.
  bool TakeOthers(uint64_t end, SteadyTime now, std::vector<Sent>& sent, std::vector<PublishOutcome>& outcomes);
  // Tries the suspect whose turn it is, or asks for the ping before it.
  void TakeSuspect(SteadyTime now, std::vector<Sent>& sent, std::vector<PublishOutcome>& outcomes);
  Suspects::iterator NextSuspect(SteadyTime now);
  // Settles what this broker cannot take, and what is too old; then true.
  bool SettleUnfit(Entry& entry, SteadyTime now, std::vector<PublishOutcome>& outcomes);
  bool HasRoomFor(const OutboundMessage& message) const;
  void Send(uint64_t sequence, Entry& entry, SteadyTime now, std::vector<Sent>& sent);
  void Unsend(Entry& entry);
  void SettleEntry(Entry& entry, PublishOutcome::Code code, uint8_t reason, std::vector<PublishOutcome>& outcomes);
  // Null when it is settled or unknown.
  Entry* Find(uint64_t sequence);
  // After SettleEntry of what Find() gave.
  void Forget(uint64_t sequence);
  void DropSettledFront();
  void ClearSuspect(Suspects::iterator suspect);
  // Nothing is to wait for the answer to the suspect that is tried any more.
  void GiveUpWaiting();
  void UnsendStuck(SteadyTime now);
  // A connection broke: over what?
  void Strike(uint8_t reason, SteadyTime now, std::vector<PublishOutcome>& outcomes);
  void StrikeAlone(uint8_t reason, SteadyTime now, std::vector<PublishOutcome>& outcomes);
  void HoldTopics();

  const size_t window_;
  const size_t window_bytes_;
  const bool mqtt5_;

  bool connected_ = false;
  BrokerLimits announced_;
  BrokerLimits limits_;
  BrokerLessons lessons_;
  size_t acknowledged_window_ = 0;  // For QoS 1 and 2.
  bool confirmed_any_ = false;      // QoS 1 or 2, on this connection.

  Suspects suspects_;
  std::set<TopicAndQos> held_topics_;  // Of suspects that have not broken a connection alone.
  std::optional<uint64_t> trial_;      // The suspect that is sent, alone,
  SteadyTime trial_until_ = kNever;    // until then.
  size_t stuck_ = 0;                   // Suspects that are.
  bool others_turn_ = true;            // Before the next trial others have a turn: those that are there by then,
  uint64_t others_end_ = 0;            // which are those before this sequence.
  bool proven_ = false;                // The broker has answered a ping since the last QoS 0 was written.
  bool ping_wanted_ = false;
  SteadyTime ping_patience_ = kNever;  // A ping was wished for; from then on a suspect is tried without its answer.

  std::deque<Entry> entries_;
  uint64_t first_sequence_ = 0;  // Of entries_.front().
  size_t next_ = 0;              // Index of the first entry that may be waiting.
  size_t open_ = 0;
  size_t sent_ = 0;
  size_t sent_acknowledged_ = 0;  // Of these with QoS 1 and 2.
  size_t sent_bytes_ = 0;
  size_t abandoned_ = 0;
};

}  // namespace sluice
