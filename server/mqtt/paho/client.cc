#include "server/mqtt/paho/client.h"

#include <cstdlib>
#include <exception>
#include <utility>

#include "server/mqtt/paho/factory.h"
#include "server/mqtt/paho/outbound.h"
#include "server/mqtt/reason_codes.h"
#include "server/telemetry/log.h"

namespace sluice::paho {
namespace {

// Paho's MQTTAsync_destroy walks the queue of commands of all clients without the lock under which they are added.
// So whoever destroys a client, and whoever adds a command from outside a callback, holds this. (Callbacks run under
// Paho's main lock, which keeps destroy out.)
Mutex& CommandGate() {
  static auto* const gate = new Mutex;
  return *gate;
}

// Paho ends its threads with its last client, which takes a second and races with the next client's making. One
// client that never connects and is never destroyed keeps them.
void KeepPahoRunning() {
  [[maybe_unused]] static auto* const anchor =
      new mqtt::async_client("tcp://127.0.0.1:1", "anchor", mqtt::create_options(MQTTVERSION_5, 1));
}

// How long the broker keeps a reply connection's session. Not zero, because of what ~0 makes Paho do: see Deleter.
constexpr int32_t kRepliesSessionExpirySeconds = 5;

// SOCKET_ERROR of Paho C's Socket.h, which is not installed.
constexpr int kSocketError = -1;

// More than a Publisher ever hands over (its window is 16 bits wide).
constexpr int kMaxBuffered = 100'000;

mqtt::ssl_options TlsOptions(const MqttTls& tls) {
  mqtt::ssl_options ssl;
  ssl.set_enable_server_cert_auth(true);
  ssl.set_verify(tls.verify_hostname);
  // Paho takes the system's trust store when it is given none.
  if (!tls.ca_file.empty()) ssl.set_trust_store(tls.ca_file);
  if (!tls.cert_file.empty()) {
    ssl.set_key_store(tls.cert_file);
    ssl.set_private_key(tls.key_file);
  }
  return ssl;
}

template <typename T>
T NumberOr(const mqtt::properties& properties, mqtt::property::code code, T fallback) {
  return properties.contains(code) ? mqtt::get<T>(properties, code) : fallback;
}

BrokerLimits LimitsOf(const mqtt::properties& properties) {
  using mqtt::property;
  BrokerLimits limits;
  limits.receive_maximum = NumberOr<uint16_t>(properties, property::RECEIVE_MAXIMUM, limits.receive_maximum);
  limits.maximum_qos = static_cast<Qos>(NumberOr<uint8_t>(properties, property::MAXIMUM_QOS, 2));
  limits.retain_available = NumberOr<uint8_t>(properties, property::RETAIN_AVAILABLE, 1) != 0;
  if (properties.contains(property::MAXIMUM_PACKET_SIZE)) {
    limits.maximum_packet_bytes = mqtt::get<uint32_t>(properties, property::MAXIMUM_PACKET_SIZE);
  }
  limits.subscription_identifiers = NumberOr<uint8_t>(properties, property::SUBSCRIPTION_IDENTIFIERS_AVAILABLE, 1) != 0;
  return limits;
}

// Paho's own words are few: a refused CONNECT, a timeout, or neither.
void DescribeFailure(const mqtt::exception& failure, const MqttOptions& options, ConnectResult& result) {
  const std::string& message = failure.get_message();
  if (message == "CONNACK return code") {
    result.refused = true;
    auto code = static_cast<uint8_t>(failure.get_return_code());
    result.error =
        "connection refused by the broker: " + (options.mqtt5 ? DescribeReason(code) : DescribeReturnCode(code));
  } else if (message == "TCP connect timeout") {
    result.error = "no answer from " + options.uri + " in time";
  } else if (options.tls.enabled) {
    result.error = "cannot connect to " + options.uri +
                   ": nothing listens there, or TLS failed (check caFile, the host name in the broker's certificate, "
                   "certFile and certKeyFile)";
  } else {
    result.error = "cannot connect to " + options.uri + ": nothing listens there, or it is not an MQTT broker";
  }
}

}  // namespace

void EndProcess(const std::string& connection, std::string_view why) {
  log::Error("ending the process: a message was not taken, and returning would acknowledge it",
             {{"connection", connection}, {"error", why}});
  std::_Exit(kExitNotTaken);
}

// ------------------------------------------------------------------------------------------------ life

Client::Client(const MqttOptions& options, Role role, Receiver& receiver)
    : options_(options), role_(role), receiver_(&receiver) {}

Client::Ptr Client::Create(const MqttOptions& options, Role role, Receiver& receiver) {
  Ptr client(new Client(options, role, receiver));
  Client* self = client.get();
  try {
    KeepPahoRunning();
    int version = options.mqtt5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1;
    std::string id = role == Role::kIntake ? options.client_id : options.client_id + "-replies";
    // Without a persistence argument Paho persists nothing, which is what we want: its file persistence loses an MQTT
    // 5 message with QoS 2 when killed in the callback.
    self->client_ = std::make_unique<mqtt::async_client>(options.uri, id, mqtt::create_options(version, kMaxBuffered));
    // All handlers before CONNECT: what a present session sends first would be lost.
    self->client_->set_message_callback(
        [self](const mqtt::const_message_ptr& message) { self->Tell([&](Receiver& to) { to.OnMessage(message); }); });
    self->client_->set_connection_lost_handler(
        [self](const std::string&) { self->Tell([](Receiver& to) { to.OnConnectionLost(); }); });
    self->client_->set_disconnected_handler([self](const mqtt::properties&, mqtt::ReasonCode code) {
      self->Tell([&](Receiver& to) { to.OnServerDisconnect(static_cast<uint8_t>(code)); });
    });
  } catch (const std::exception& error) {
    self->created_ = absl::InvalidArgumentError(error.what());
  }
  return client;
}

// When a write fails in the middle of a publish with QoS ≥ 1, Paho C 1.3.12 (and later ones: still in 2026) frees topic
// and payload, but leaves pointers to them among its messages in flight. It follows these when it next cleans the
// session, resends after a reconnect, or destroys the client. None of this happens here: a connection of egress is
// never reused, Paho does not clean the session at its end (MQTT 5: the Session Expiry Interval is not 0), and such a
// client is not destroyed but left where it is. The price is its memory, a few kB and what was in flight, once per such
// a break. What remains: with MQTT 3.1.1 a clean session is cleaned at once. Paho's heap tracking, on in every Debian
// build, ignores the second free unless the block was handed out again between the failed write and the closing of the
// connection, which the same thread does next.
void Client::Deleter::operator()(Client* client) const {
  if (client->poisoned_) {
    client->Detach();
    log::Warning("gave up the memory of a broken connection, which Paho would free twice",
                 {{"connection", client->options_.name}});
    return;
  }
  {
    // Not detached: Paho acknowledges each message it has handed over, so up to the end someone must take them.
    MutexLock gate(CommandGate());
    client->client_.reset();
  }
  delete client;
}

void Client::Detach() {
  MutexLock lock(receiver_mutex_);
  receiver_ = nullptr;
}

template <typename Call>
void Client::Tell(Call call) noexcept {
  MutexLock lock(receiver_mutex_);
  if (receiver_ == nullptr) return;
  try {
    call(*receiver_);
  } catch (const std::exception& error) {
    EndProcess(options_.name, error.what());
  }
}

// ------------------------------------------------------------------------------------------------ connection

absl::Status Client::Connect() {
  if (!created_.ok()) return created_;
  bool clean = role_ == Role::kReplies || options_.clean_session;
  mqtt::connect_options connect;
  connect.set_mqtt_version(options_.mqtt5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1);
  if (options_.mqtt5) {
    connect.set_clean_start(clean);
  } else {
    connect.set_clean_session(clean);
  }
  connect.set_keep_alive_interval(std::chrono::seconds(options_.keep_alive_s));
  connect.set_connect_timeout(std::chrono::ceil<std::chrono::seconds>(options_.connect_timeout));
  if (!options_.username.empty()) connect.set_user_name(options_.username);
  if (!options_.password.empty()) connect.set_password(options_.password);
  if (options_.tls.enabled) connect.set_ssl(TlsOptions(options_.tls));

  // Declared out here: Paho takes the options by value, and the copy points into these.
  mqtt::properties properties;
  if (options_.mqtt5) {
    using mqtt::property;
    if (role_ == Role::kReplies) {
      properties.add({property::SESSION_EXPIRY_INTERVAL, kRepliesSessionExpirySeconds});
    } else if (!clean) {
      properties.add({property::SESSION_EXPIRY_INTERVAL, static_cast<int32_t>(options_.session_expiry_s)});
    }
    properties.add({property::RECEIVE_MAXIMUM, options_.receive_maximum});
    properties.add({property::MAXIMUM_PACKET_SIZE, static_cast<int32_t>(options_.max_packet_bytes)});
    // No Topic Alias Maximum: Paho does not resolve aliases.
    //
    // Last, and on the very object that is passed: a copy's pointer goes on pointing to the original's properties.
    connect.set_properties(properties);
  }
  try {
    MutexLock gate(CommandGate());
    connect_token_ = client_->connect(connect, nullptr, request_listener_);
  } catch (const mqtt::exception& error) {
    return absl::UnavailableError(error.what());
  }
  return absl::OkStatus();
}

std::optional<ConnectResult> Client::connect_result() const {
  if (!connect_token_ || !connect_token_->is_complete()) return std::nullopt;
  ConnectResult result;
  try {
    mqtt::connect_response response = connect_token_->get_connect_response();
    result.ok = true;
    result.session_present = response.is_session_present();
    if (options_.mqtt5) result.limits = LimitsOf(response.get_properties());
  } catch (const mqtt::exception& failure) {
    DescribeFailure(failure, options_, result);
  }
  return result;
}

bool Client::Disconnect(Millis timeout) {
  try {
    MutexLock gate(CommandGate());
    client_->disconnect(static_cast<int>(timeout.count()), nullptr, disconnect_listener_);
    return true;
  } catch (const mqtt::exception&) {
    return false;
  }
}

// ------------------------------------------------------------------------------------------------ requests

mqtt::token_ptr Client::Subscribe(const Subscription& subscription, bool with_identifier, bool retained_on_new_only) {
  mqtt::subscribe_options options;
  mqtt::properties properties;
  if (options_.mqtt5) {
    if (retained_on_new_only) options.set_retain_handling(mqtt::subscribe_options::SEND_RETAINED_ON_NEW);
    if (with_identifier && subscription.id != 0) {
      properties.add({mqtt::property::SUBSCRIPTION_IDENTIFIER, static_cast<int32_t>(subscription.id)});
    }
  }
  try {
    MutexLock gate(CommandGate());
    return client_->subscribe(subscription.filter, static_cast<int>(subscription.qos), nullptr, request_listener_,
                              options, properties);
  } catch (const mqtt::exception&) {
    return nullptr;
  }
}

mqtt::token_ptr Client::Unsubscribe(const std::string& filter) {
  try {
    MutexLock gate(CommandGate());
    return client_->unsubscribe(filter, nullptr, request_listener_);
  } catch (const mqtt::exception&) {
    return nullptr;
  }
}

RequestResult Client::ResultOf(const mqtt::token_ptr& token) {
  using State = RequestResult::State;
  if (!token) return {State::kFailed};
  if (!token->is_complete()) return {};
  try {
    token->wait();  // Throws if it failed.
    if (token->get_type() != mqtt::token::SUBSCRIBE) return {State::kGranted};
    mqtt::subscribe_response response = token->get_subscribe_response();
    return {.state = State::kGranted, .code = static_cast<uint8_t>(response.get_reason_codes().at(0))};
  } catch (const mqtt::exception& failure) {
    int code = failure.get_reason_code();
    if (code >= reason::kUnspecifiedError && code <= 0xFF) {
      return {.state = State::kRefused, .code = static_cast<uint8_t>(code)};
    }
    return {State::kFailed};
  }
}

absl::Status Client::Publish(uint64_t sequence, const std::shared_ptr<const OutboundMessage>& message,
                             bool in_callback) {
  mqtt::const_message_ptr outbound = ToPaho(message, options_.mqtt5);
  // Paho hands the listener no name of its own for a message, only this pointer's worth of context.
  // NOLINTNEXTLINE(performance-no-int-to-ptr): never followed, only turned back into the number.
  void* context = reinterpret_cast<void*>(static_cast<uintptr_t>(sequence));
  try {
    if (in_callback) {
      client_->publish(outbound, context, publish_listener_);
    } else {
      MutexLock gate(CommandGate());
      client_->publish(outbound, context, publish_listener_);
    }
    return absl::OkStatus();
  } catch (const mqtt::exception& error) {
    if (error.get_return_code() == MQTTASYNC_BAD_UTF8_STRING) return absl::InvalidArgumentError(error.what());
    return absl::UnavailableError(error.what());
  }
}

// ------------------------------------------------------------------------------------------------ listeners

void Client::RequestListener::on_success(const mqtt::token& /*token*/) {
  client_.Tell([this](Receiver& receiver) { is_disconnect_ ? receiver.OnDisconnected() : receiver.OnProgress(); });
}

void Client::RequestListener::on_failure(const mqtt::token& token) { on_success(token); }

void Client::PublishListener::on_success(const mqtt::token& token) {
  auto sequence = reinterpret_cast<uintptr_t>(token.get_user_context());
  client_.Tell(
      [&](Receiver& receiver) { receiver.OnPublished(client_, sequence, Receiver::Published::kConfirmed, 0); });
}

void Client::PublishListener::on_failure(const mqtt::token& token) {
  auto sequence = reinterpret_cast<uintptr_t>(token.get_user_context());
  int code = token.get_reason_code();
  bool refused = code >= reason::kUnspecifiedError && code < mqtt::MQTTPP_V3_CODE;
  const auto* delivery = dynamic_cast<const mqtt::delivery_token*>(&token);
  if (token.get_return_code() == kSocketError && delivery != nullptr && delivery->get_message()->get_qos() > 0) {
    client_.poisoned_ = true;
  }
  client_.Tell([&](Receiver& receiver) {
    receiver.OnPublished(client_, sequence, refused ? Receiver::Published::kRefused : Receiver::Published::kUnknown,
                         refused ? static_cast<uint8_t>(code) : uint8_t{0});
  });
}

}  // namespace sluice::paho
