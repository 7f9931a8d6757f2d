// What the gateway asks of an MQTT client: intake that hands over batches, and egress that takes them. The drivers
// (wire/, paho/) implement it; nothing else knows which one is in use.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/message/message.h"
#include "server/message/retained.h"

namespace sluice {

// ---------------------------------------------------------------------------------------------- intake

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
  // driver may acknowledge them; on an error it must not, and may offer the same batch again later. Called from the
  // driver's thread, one batch at a time per connection; must not wait for anything but the journal, must not call the
  // driver.
  virtual absl::Status OnMessages(std::span<InboundMessage> batch) = 0;

  // QoS 2 over the end of the process (MQTT 5.0 §4.3.3): a packet id that was given with a message stays taken until
  // it is released; a driver that gives none has these for nothing. From the same thread.
  //
  // PUBREL came for these. On OK PUBCOMP may be sent; on an error the driver may call again later.
  virtual absl::Status OnReleased(std::span<const uint16_t> /*packet_ids*/) { return absl::OkStatus(); }
  // Those that an earlier process took in and did not see released.
  virtual std::vector<uint16_t> UnreleasedPackets() { return {}; }
  // The broker has no session of this client id: what was not released never will be, and no subscription is left.
  virtual absl::Status OnSessionLost() { return absl::OkStatus(); }

  // What the session holds of earlier configurations. From the same thread as the others.
  //
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
  // Of an earlier configuration, and perhaps still in the broker's session: to be left, never asked for. These come
  // after all others.
  bool remainder = false;
  bool shared() const { return filter.starts_with("$share/"); }
};

// For /readyz, metrics and people.
struct ConnectionState {
  std::string name;  // "plant" or "plant (replies)".
  // Connected, and every subscription granted or stayed out of. A pause on purpose is not ready.
  bool ready = false;
  // Why not: "connection refused", "subscription 'a/#' refused: 0x87 not authorized", "paused: …"; when ready, what is
  // stayed out of: "left to others: '$share/g/a'".
  std::string detail;
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
  // From now on stays out of these shared subscriptions (indexes of those it was made with; private ones are passed
  // over), so that other members of their groups get what would come; subscribes again, without retained messages, to
  // those that are not named any more. Holds over reconnects. Idempotent, returns at once. Paho while paused: with the
  // next connection.
  virtual void StayOut(std::vector<size_t> shared_subscriptions) = 0;
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
};

// ---------------------------------------------------------------------------------------------- egress

struct Outgoing {
  uint64_t token = 0;  // The caller's name for it, given back in the outcome.
  std::shared_ptr<const OutboundMessage> message;
  bool wait_for_connection = false;  // QoS 0 only: hold it while disconnected instead of failing it.
};

struct PublishOutcome {
  // kExpired: its expiry was over before it could be published.
  enum class Code : uint8_t { kOk, kNotConnected, kRefused, kTooLarge, kInvalidQos, kExpired };
  uint64_t token = 0;
  Code code = Code::kOk;
  uint8_t mqtt_reason_code = 0;  // With kRefused (MQTT 5.0 §2.4).
  // Given back with a failure, so that the caller need not keep what goes well. Null with kOk.
  std::shared_ptr<const OutboundMessage> message = nullptr;
};

class PublishListener {
 public:
  virtual ~PublishListener() = default;
  // One outcome for each Outgoing, in batches: confirmed (PUBACK, PUBCOMP; QoS 0: written) or failed for good. From a
  // driver's thread; must not block.
  virtual void OnOutcomes(std::span<const PublishOutcome> outcomes) = 0;
};

// One egress connection to a broker. Keeps what is handed over, in order, until the broker has confirmed it, over any
// number of reconnects; publishes within a window below the broker's Receive Maximum. The caller bounds
// how much it hands over. Thread-safe.
class Publisher {
 public:
  virtual ~Publisher() = default;
  virtual void Start() = 0;
  // Returns at once.
  virtual void Publish(std::vector<Outgoing> batch) = 0;
  // What waits and whose expiry is over gets its outcome soon, not only when its turn comes. Returns at once.
  virtual void DropExpired() = 0;
  // Waits until everything handed over has had its outcome, or `deadline`; returns what is still open.
  virtual size_t Flush(SteadyTime deadline) = 0;
  // Disconnects, at the latest at `deadline`; no OnOutcomes follows. Idempotent.
  virtual void Stop(SteadyTime deadline) = 0;
  virtual ConnectionState State() const = 0;
};

// Intake and egress of a connection in one MQTT connection. The two start it together: nothing is connected before the
// intake is started too, if there is one. Stopping the intake leaves replies going on; stopping the publisher
// disconnects.
struct SharedConnection {
  std::unique_ptr<Publisher> publisher;
  // Makes the intake. At most once, before either is started.
  std::function<std::unique_ptr<IntakeConnection>(std::vector<Subscription>, InboundSink&)> intake;
};

// ---------------------------------------------------------------------------------------------- options

struct MqttTls {
  bool enabled = false;
  std::string ca_file;    // Empty: the system's.
  std::string cert_file;  // Both or neither.
  std::string key_file;
  bool verify_hostname = true;
  std::vector<std::string> alpn;  // Protocols to offer, the best first; empty: none. Each 1 … 255 bytes.

  friend bool operator==(const MqttTls&, const MqttTls&) = default;
};

// Which client takes messages in. Replies always go out through wire/.
enum class MqttDriver : uint8_t { kWire, kPaho };

// What tells others whether the gateway is there: published when the connection for replies comes up, and by the
// broker, as its will, when it goes.
struct MqttStatus {
  std::string topic;
  std::string online = "online";
  std::string offline = "offline";  // At most 65,535 bytes.
  Qos qos = Qos::kAtLeastOnce;
  bool retain = true;

  friend bool operator==(const MqttStatus&, const MqttStatus&) = default;
};

// Where and how to connect. Checked when the configuration is read.
struct MqttOptions {
  std::string name;  // Of the connection in the configuration.
  MqttDriver driver = MqttDriver::kWire;
  // tcp:// ssl:// ws:// wss:// HOST:PORT[/PATH]
  std::string uri;
  MqttTls tls;
  std::string username;
  std::string password;       // A secret: never logged.
  std::string password_file;  // Read at each attempt to connect; then `password` is empty.
  std::string client_id;      // Empty: the broker chooses.
  // Of the connection for replies; empty: see RepliesClientId() in client_id.h.
  std::string replies_client_id;
  // Replies go out through the connection that takes in.
  bool share_connection = false;
  std::optional<MqttStatus> status;
  bool mqtt5 = true;
  bool clean_session = false;
  uint32_t session_expiry_s = 86'400;
  uint32_t keep_alive_s = 30;
  Millis connect_timeout{10'000};
  Millis max_reconnect_interval{60'000};
  uint32_t max_packet_bytes = 32u << 20;
  uint16_t receive_maximum = 1'000;  // Intake: how much the broker may send unacknowledged.
  uint16_t publish_window = 100;     // Egress: own bound, further held below the broker's Receive Maximum.

  friend bool operator==(const MqttOptions&, const MqttOptions&) = default;
};

}  // namespace sluice
