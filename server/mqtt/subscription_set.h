// The subscriptions of one intake connection: which are granted, which are asked for, which are to be asked for again.
// Pure logic: a driver sends what it is told to and hands back the broker's answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "server/mqtt/backoff.h"
#include "server/mqtt/intake.h"
#include "server/mqtt/options.h"
#include "server/runtime/clock.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// Not thread-safe. Subscriptions are named by their index, which is one's own until it is left for good.
class SubscriptionSet {
 public:
  // `options` and `clock` must outlive it.
  SubscriptionSet(std::vector<Subscription> subscriptions, const MqttOptions& options, const Clock& clock,
                  MetricsRegistry& metrics);

  const Subscription& at(size_t index) const { return items_[index].subscription; }
  size_t size() const { return items_.size(); }

  // A connection is up. Everything is to be asked for again unless the broker has the session that granted it
  // (`session_kept`). In any case: the first time, because an older process may have subscribed to other things, and
  // what is shared, because mosquitto forgets that part of a session when it restarts. Remainders are to be left where
  // there is a session at all (`session_present`), whoever began it.
  void OnUp(bool session_kept, bool session_present);
  void OnUp(bool session_kept) { OnUp(session_kept, session_kept); }
  void OnDown();

  // From now on it is these; those that it has no more are remainders, and left once the new ones are answered. One that
  // stays is asked for again only if it differs in more than its text. StayOut() counts in `wanted`.
  void Replace(std::vector<Subscription> wanted);

  // The session was found to hold this, too; without effect when it is known.
  void AddRemainder(const std::string& filter);

  // While up: appends to `ask` and `leave` what to SUBSCRIBE and to UNSUBSCRIBE now; each then waits for its answer.
  // Returns when to come again at the latest; at once where there are more than are good for one turn of a loop.
  SteadyTime TakeDue(std::vector<size_t>& ask, std::vector<size_t>& leave);
  // The broker's answer to a SUBSCRIBE: granted QoS, or ≥ 0x80. Without effect on what is not asked for any more.
  void Answered(size_t index, uint8_t code);
  // The broker has answered to an UNSUBSCRIBE; MQTT 5: with this code. True: a remainder is gone now.
  bool Left(size_t index, uint8_t code = 0);
  // It could not be asked for or left, or the answer will not come: to be tried again.
  void Failed(size_t index);
  // Answers cannot be heard for now (nobody reads): none is late.
  void CannotHear();
  // An answer came, and nobody can tell to what: until the connection ends, what is not answered in time was answered so.
  void AnswerAstray() { astray_ = true; }
  // Its answer is waited for.
  bool Pending(size_t index) const { return Waits(items_[index]); }

  // From now on these are stayed out of, those not named any more are subscribed to again. Indexes of private
  // subscriptions, and those there are not, are passed over: a private one's messages are nobody else's.
  void StayOut(std::span<const size_t> indexes);
  // The retained messages of this subscription have come already, before it was left.
  bool HadRetained(size_t index) const { return items_[index].was_granted && items_[index].was_left; }

  // For the end: leaves all shared subscriptions, and asks for none of them again.
  void LeaveShared();
  // LeaveShared() was called, and all of it is answered, or cannot be because the connection is gone.
  bool left_shared() const;

  // All are granted, or stayed out of on purpose; remainders are left, or the broker does not let them be left.
  bool ready() const;
  // Of the first that is not granted, for people; empty when all are.
  std::string Detail() const;
  // The broker did not answer a request in time: the connection is of no use.
  bool unresponsive() const { return unresponsive_; }

 private:
  // One request of a subscription at a time: what is wanted meanwhile has to wait for its answer.
  //
  //   kWanted ──▶ kAsked ──▶ kGranted, kRefused
  //      ▲                          │ out
  //      │ in          kLeaving ◀── kUnwanted
  //      └── kLeft ◀──────┘
  enum class State : uint8_t { kWanted, kAsked, kGranted, kRefused, kUnwanted, kLeaving, kLeft };
  struct Item {
    Subscription subscription;
    Backoff backoff;
    State state = State::kWanted;
    bool out = false;  // To be stayed out of; a remainder always is.
    bool was_granted = false;
    bool was_left = false;
    bool stale = false;   // kAsked, for what it was before Replace().
    bool behind = false;  // A remainder, to be left once no other is asked for.
    uint8_t code = 0;     // kRefused: the reason. Of a remainder: why it cannot be left.
    // kWanted, kUnwanted: when to ask; kAsked, kLeaving: when to give up; kRefused: when to ask again.
    SteadyTime due{};
  };

  static bool Waits(const Item& item) { return item.state == State::kAsked || item.state == State::kLeaving; }
  static bool Remains(const Item& item) { return item.subscription.remainder && item.state != State::kLeft; }
  void SetOut(Item& item, bool out);
  // An answer to it will not be heard.
  void Unheard(Item& item);
  // Returns its index. No place before `look_from` is free.
  size_t Add(Subscription subscription, size_t look_from = 0);
  void Retire(Item& item);
  // It has become this one.
  void Update(Item& item, Subscription subscription);
  // What is to be left behind the others, now that they are answered.
  void ReleaseBehind();
  void Refused(Item& item, uint8_t code);
  void CannotLeave(Item& item, uint8_t code);
  void CountRefused();
  std::string Describe(uint8_t code) const;

  const MqttOptions& options_;
  const Clock& clock_;
  Gauge& refused_gauge_;

  std::vector<Item> items_;
  std::vector<size_t> given_;  // Index of each that StayOut() counts.
  bool up_ = false;
  bool subscribed_before_ = false;
  bool leave_shared_ = false;
  bool unresponsive_ = false;
  bool astray_ = false;
};

}  // namespace sluice
