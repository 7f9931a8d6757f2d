// One Eclipse Paho client (C++ 1.2.0 over C 1.3.12), with the library's traps closed off: what its users may call from
// where, and how it ends. Used by intake only.
#pragma once

#include <mqtt/async_client.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "server/mqtt/intake.h"
#include "server/mqtt/options.h"
#include "server/runtime/mutex.h"

namespace sluice::paho {

// How a CONNECT ended.
struct ConnectResult {
  bool ok = false;
  bool session_present = false;
  bool subscription_identifiers = true;      // The broker takes them.
  std::optional<uint32_t> session_expiry_s;  // What the broker grants, where that is not what was asked for.
  std::string assigned_client_id;            // Empty: none.
  bool refused = false;                      // The broker said no (CONNACK), rather than there being no broker.
  std::string error;                         // Why not, for people.
};

// How a SUBSCRIBE or UNSUBSCRIBE ended.
struct RequestResult {
  enum class State : uint8_t { kPending, kGranted, kRefused, kFailed };
  State state = State::kPending;
  uint8_t code = 0;  // The granted QoS; with kRefused why not (0x80 with MQTT 3.1.1).
};

class Client;

// Paho's calls back. They come from Paho's threads (one receives, one sends, for all clients of the process) with
// Paho's own lock held: no waiting in them, and none of the client's methods may be called.
class Receiver {
 public:
  virtual ~Receiver() = default;
  virtual void OnMessage(const mqtt::const_message_ptr& message) = 0;
  // Look at connect_result(), at the results of requests.
  virtual void OnProgress() = 0;
  // The broker sent DISCONNECT (MQTT 5); OnConnectionLost does not follow.
  virtual void OnServerDisconnect(uint8_t reason) = 0;
  virtual void OnConnectionLost() = 0;
  virtual void OnDisconnected() = 0;
};

// Methods: one thread, the owner's control thread. Each may wait for Paho's lock, which Paho holds
// while it looks up a host name.
class Client {
 public:
  // Ends the connection if there still is one; no callback runs after it.
  struct Deleter {
    void operator()(Client* client) const;
  };
  using Ptr = std::unique_ptr<Client, Deleter>;
  // A client that Paho refuses to make (a malformed URI) says so in Connect().
  static Ptr Create(const MqttOptions& options, Receiver& receiver);

  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Starts to connect; then OnProgress. The previous attempt must have ended.
  absl::Status Connect();
  // nullopt: still under way.
  std::optional<ConnectResult> connect_result() const;
  // Sends DISCONNECT once nothing is in flight, at the latest after `timeout`; then OnDisconnected. False: there is
  // nothing to disconnect.
  bool Disconnect(Millis timeout);

  // `retain_handling`: MQTT 5.0 §3.8.3.1. A request under way, to be asked how it ended. Null: could not be sent, the
  // connection is going.
  mqtt::token_ptr Subscribe(const Subscription& subscription, bool with_identifier, uint8_t retain_handling);
  mqtt::token_ptr Unsubscribe(const std::string& filter);
  static RequestResult ResultOf(const mqtt::token_ptr& token);

 private:
  // Paho's listeners have one virtual pair for all requests; these two tell them apart.
  class RequestListener final : public mqtt::iaction_listener {
   public:
    RequestListener(Client& client, bool is_disconnect) : client_(client), is_disconnect_(is_disconnect) {}
    void on_success(const mqtt::token& token) override;
    void on_failure(const mqtt::token& token) override;

   private:
    Client& client_;
    const bool is_disconnect_;
  };

  Client(const MqttOptions& options, Receiver& receiver);
  ~Client() = default;

  // From now on no callback reaches the receiver; waits for one that runs.
  void Detach();
  // Calls the receiver unless detached. An exception ends the process: see EndProcess().
  template <typename Call>
  void Tell(Call call) noexcept;

  const MqttOptions& options_;
  absl::Status created_;  // Set by Create().

  // Held while the receiver is called, so that Detach() can wait for that.
  Mutex receiver_mutex_;
  Receiver* receiver_ ABSL_GUARDED_BY(receiver_mutex_);

  RequestListener request_listener_{*this, false};
  RequestListener disconnect_listener_{*this, true};

  mqtt::token_ptr connect_token_;
  std::unique_ptr<mqtt::async_client> client_;
};

// Logs why and ends the process at once, with kExitNotTaken: for a callback that must not return, because Paho
// acknowledges the message when it does.
[[noreturn]] void EndProcess(const std::string& connection, std::string_view why);

}  // namespace sluice::paho
