// What the gateway asks of the side of an MQTT client that takes in: batches of messages for a sink. The drivers (wire/,
// paho/) implement it; nothing else knows which one is in use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/message/message.h"
#include "server/message/retained.h"
#include "server/mqtt/connection_state.h"
#include "server/runtime/clock.h"

namespace sluice {

struct InboundMessage {
  MessagePtr message;
  // MQTT 5 subscription identifiers it was sent for, 0 … n; empty with 3.1.1 and with brokers that have none: match the
  // topic instead. A persistent session may still hold a subscription of an earlier process, with that one's
  // identifier: what came for it is nobody's, whatever its topic is.
  std::vector<uint32_t> subscription_ids;
  // Of QoS 2, where the driver leaves it to the sink to remember it: see InboundSink::OnReleased(). Else 0.
  uint16_t packet_id = 0;
  // Why no route is to get it, for people; empty: the routes decide. At QoS 1 and 2 it becomes a dead letter with this
  // reason before it is acknowledged, whatever its topic is; at QoS 0 it is counted. With an empty topic, and the bytes
  // of a packet that means nothing as payload, it is one that cannot be replayed.
  std::string undeliverable{};
};

// Consumer of what a connection takes in.
class InboundSink {
 public:
  virtual ~InboundSink() = default;
  // What one read of the socket brought (with Paho: one message). On OK the gateway answers for the messages and the
  // driver may acknowledge them; on an error it must not, and may offer the same batch again later. Called from one
  // thread at a time per connection; must not wait for anything but the journal, must not call the driver.
  virtual absl::Status OnMessages(std::span<InboundMessage> batch) = 0;
  // Not null: calls of this wait for a disk. So a driver that has other things to do makes them from a thread of their own,
  // and hands messages of QoS 0 to this other sink, whose OnMessages and TakeRemainders wait for nothing, from its own
  // thread and beside them. Lives as long.
  virtual InboundSink* AtMostOnce() { return nullptr; }

  // QoS 2 over the end of the process (MQTT 5.0 §4.3.3): a packet id that was given with a message stays taken until
  // it is released; a driver that gives none has these for nothing. From the same thread.
  //
  // PUBREL came for these. On OK PUBCOMP may be sent; on an error the driver may call again later.
  virtual absl::Status OnReleased(std::span<const uint16_t> /*packet_ids*/) { return absl::OkStatus(); }
  // Those that an earlier process took in and did not see released.
  virtual std::vector<uint16_t> UnreleasedPackets() { return {}; }
  // The broker has no session of this client id: what was not released never will be, and no subscription is left.
  virtual absl::Status OnSessionLost() { return absl::OkStatus(); }
  // The broker has one, and it may be another server's: nothing that is remembered of packet ids holds, but subscriptions of earlier
  // configurations may be in it.
  virtual absl::Status OnSessionForeign() { return OnSessionLost(); }

  // What the session holds, and what it holds of earlier configurations. From the same thread as the others.
  //
  // This Subscription is in the session.
  virtual void OnGranted(const std::string& /*filter*/) {}
  // This Subscription with `remainder` is not in the session any more.
  virtual void OnRemainderLeft(const std::string& /*filter*/) {}
  // Filters that messages have given away since the last call: the session holds them, and nobody had remembered. They
  // are to be left.
  virtual std::vector<std::string> TakeRemainders() { return {}; }
};

struct Subscription {
  std::string filter;  // As sent: with $share/GROUP/ where shared.
  Qos qos = Qos::kAtMostOnce;
  uint32_t id = 0;  // MQTT 5 subscription identifier, 1 … 268,435,455.
  Retained retained = Retained::kNew;
  // A session of an earlier process has it, or that is not known.
  bool held = true;
  // Of an earlier configuration, and perhaps still in the broker's session: to be left, never asked for. These come
  // after all others.
  bool remainder = false;
  bool shared() const { return filter.starts_with("$share/"); }
};

// One intake connection to a broker, with its subscriptions. Thread-safe.
class IntakeConnection {
 public:
  virtual ~IntakeConnection() = default;
  // Connects in the background and keeps trying; subscribes whenever the session is not present.
  virtual void Start() = 0;
  // Intake rests until Resume: acknowledgements are withheld, so that the broker sends no more than its window of QoS 1
  // and 2 (Paho: disconnects; the broker keeps the session's messages). Idempotent, return at once. `reason` is shown
  // to people.
  virtual void Pause(std::string reason) = 0;
  virtual void Resume() = 0;
  // From now on stays out of these shared subscriptions (indexes of those it was last given; private ones are passed
  // over), so that other members of their groups get what would come; subscribes again, without retained messages, to
  // those that are not named any more. Holds over reconnects. Idempotent, returns at once. Paho while paused: with the
  // next connection.
  virtual void StayOut(std::vector<size_t> shared_subscriptions) = 0;
  // From now on these are its subscriptions, and StayOut() counts in them. What is new is asked for before what it has no
  // more is left (as a remainder); what stays is not touched, unless it differs in more than its text. Returns at once.
  // Not with MQTT 3.1.1, where retained messages are told apart by what was asked for at the start.
  virtual void Resubscribe(std::vector<Subscription> subscriptions) = 0;
  // Shutdown, first step: leaves shared subscriptions, so that other replicas take over. Waits for the broker's answer
  // until `deadline`; then true if it came. Private subscriptions hold in the broker's session.
  virtual bool UnsubscribeShared(SteadyTime deadline) = 0;
  // Disconnects, at the latest at `deadline`; no OnMessages runs or follows after it returns. Idempotent.
  virtual void Stop(SteadyTime deadline) = 0;
  virtual ConnectionState State() const = 0;
};

// Ends a session that no configuration uses any more, once the broker is there. Thread-safe.
class SessionFarewell {
 public:
  virtual ~SessionFarewell() = default;
  virtual void Start() = 0;
  // Gives up, at the latest at `deadline`, what has not been done. Idempotent.
  virtual void Stop(SteadyTime deadline) = 0;
  // Why it has not been done, for people.
  virtual std::string Detail() const = 0;
};

}  // namespace sluice
