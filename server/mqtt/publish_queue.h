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
// Some brokers answer a message they do not take by closing the connection; sent again first thing, it
// would do so for ever and hold up all others. So what was sent and not confirmed when a connection broke is suspected.
// The next one begins with a ping, so that it is known to work; then others go first, a window of them; then
//   - what no two connections broke over is sent again together, in its old order, and nothing beside it. A connection
//     broke over all of them, but when some were confirmed: brokers mostly work in order, so over the first that was not;
//   - what two broke over is tried alone, one after the other, and others have a turn after each;
//   - what three broke over alone is settled as kRefused, with pauses between these; sooner where the DISCONNECT says
//     what is wrong with it.
//   - A DISCONNECT that speaks of something else (the server shuts down) casts no suspicion.
//   - In the minute after a message broke a connection alone, what the next one breaks over is tried alone at once.
//   - What is written at QoS 0 says nothing about the broker. Before a suspect is tried alone the broker is to answer a
//     ping again, so that no earlier message of QoS 0 can be what the connection breaks over.
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
  void Pong();
  // When Take() may give more without anything else happening; kNever: it will not.
  SteadyTime due(SteadyTime now) const;

  // Messages of QoS 1 and 2 that are sent and not settled.
  std::vector<uint64_t> Unconfirmed() const;

  // Without a connection: all that is not settled, in order. The queue is of no use after it.
  std::vector<Outgoing> TakeOpen();

  // Neither settled nor given up.
  size_t open() const { return open_; }
  // Taken and not settled.
  size_t sent() const { return sent_; }
  size_t suspects() const { return suspects_.size(); }
  // The broker is there, and some message is known or suspected to make it close connections: if this one breaks now,
  // there is no reason to wait before the next.
  bool expects_breaks(SteadyTime now) const { return answered_ && (!suspects_.empty() || now < vigilant_until_); }
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
    bool on_trial = false;  // It is sent, and others wait for the answer.
    bool stuck = false;     // The broker did not answer in time: it stays sent, and others go on.
    bool slow = false;      // So it was on an earlier connection.
  };
  using Suspects = std::map<uint64_t, Suspect>;  // By sequence.
  using TopicAndQos = std::pair<std::string_view, Qos>;

  // Whether it is kept while there is no connection.
  static bool Waits(const Outgoing& outgoing);
  // Takes at most `most` messages, but those that wait for a suspect. True: no other waits, or that many were taken.
  bool TakeOthers(size_t& most, SteadyTime now, std::vector<Sent>& sent, std::vector<PublishOutcome>& outcomes);
  void TakeSuspects(SteadyTime now, std::vector<Sent>& sent, std::vector<PublishOutcome>& outcomes);
  // Those that no two connections broke over. False: there are none that may go out.
  bool TakeTogether(SteadyTime now, std::vector<Sent>& sent, std::vector<PublishOutcome>& outcomes);
  // Tries the one whose turn it is, or asks for the ping before it.
  void TakeAlone(SteadyTime now, std::vector<Sent>& sent, std::vector<PublishOutcome>& outcomes);
  // Asks for a ping; true: its answer is to be waited for.
  bool AwaitPong(SteadyTime now);
  void Try(Suspects::iterator suspect, SteadyTime now, std::vector<Sent>& sent);
  bool AnyDue(SteadyTime now) const;
  Suspects::iterator NextAlone(SteadyTime now);
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
  void EndTrial(Suspect& suspect);
  // Nothing is to wait for the answer to the suspects that are tried any more.
  void GiveUpWaiting();
  void UnsendSuspects(SteadyTime now);
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

  Suspects suspects_;
  std::set<TopicAndQos> held_topics_;  // Of suspects that have not broken a connection alone.
  size_t on_trial_ = 0;                // Suspects that are.
  std::optional<uint64_t> alone_;      // The only one of these, tried alone.
  SteadyTime trial_until_ = kNever;
  SteadyTime vigilant_until_{};  // A message broke a connection alone a short while ago.
  size_t stuck_ = 0;             // Suspects that are.
  bool others_turn_ = true;      // Before the next trial others have a turn,
  size_t others_left_ = 0;       // in which so many more may go out.
  bool others_sent_ = false;     // On this connection, since the last trial.
  int others_broke_ = 0;         // Connections in a row that broke in it.
  bool confirmed_any_ = false;   // On this connection, or of the suspects that are sent together.
  bool answered_ = false;        // The broker has, to anything on this connection.
  bool silent_ = false;          // Or was waited for in vain.
  bool proven_ = false;          // The broker has answered a ping since the last QoS 0 was written.
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
