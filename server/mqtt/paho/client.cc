#include "server/mqtt/paho/client.h"

#include <cstdlib>
#include <cstring>
#include <exception>
#include <utility>

#include "server/certificates/ciphers.h"
#include "server/certificates/pem.h"
#include "server/mqtt/connection_life.h"
#include "server/mqtt/packet_size.h"
#include "server/mqtt/paho/factory.h"
#include "server/mqtt/password_file.h"
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

// `key_password` is that of the key file; empty: it needs none.
mqtt::ssl_options TlsOptions(const MqttTls& tls, const std::string& key_password) {
  mqtt::ssl_options ssl;
  ssl.set_enable_server_cert_auth(true);
  ssl.set_verify(tls.verify_hostname);
  // Paho takes the system's trust store when it is given none.
  if (!tls.ca_file.empty()) ssl.set_trust_store(tls.ca_file);
  if (!tls.cert_file.empty()) {
    ssl.set_key_store(tls.cert_file);
    ssl.set_private_key(tls.key_file);
    if (!key_password.empty()) ssl.set_private_key_password(key_password);
  }
  ssl.set_enabled_cipher_suites(CipherListsOf(tls.ciphers).tls12);
  if (!tls.alpn.empty()) ssl.set_alpn_protos(tls.alpn);
  return ssl;
}

// What a CONNACK says of MQTT 5.
void ReadProperties(const mqtt::properties& properties, ConnectResult& result) {
  using mqtt::property;
  result.subscription_identifiers = !properties.contains(property::SUBSCRIPTION_IDENTIFIERS_AVAILABLE) ||
                                    mqtt::get<uint8_t>(properties, property::SUBSCRIPTION_IDENTIFIERS_AVAILABLE) != 0;
  if (properties.contains(property::SESSION_EXPIRY_INTERVAL)) {
    result.session_expiry_s = mqtt::get<uint32_t>(properties, property::SESSION_EXPIRY_INTERVAL);
  }
  // MQTT 5.0 §3.2.2.3.7. Paho's name for it lacked a letter until 1.4.
  constexpr auto kAssignedClientIdentifier = static_cast<property::code>(0x12);
  if (properties.contains(kAssignedClientIdentifier)) {
    result.assigned_client_id = mqtt::get<std::string>(properties, kAssignedClientIdentifier);
  }
}

// Where TLS compares the host's name with the broker's certificate, without the '.' that may end it.
std::string UriFor(const MqttOptions& options) {
  std::string uri = options.uri;
  if (const size_t dot = uri.rfind(".:"); options.tls.enabled && dot != std::string::npos) uri.erase(dot, 1);
  return uri;
}

// Paho's own words are few: a refused CONNECT, a timeout, or neither.
void DescribeFailure(const mqtt::exception& failure, const MqttOptions& options, ConnectResult& result) {
  const std::string& message = failure.get_message();
  if (message == "CONNACK return code") {
    result.refused = true;
    auto code = static_cast<uint8_t>(failure.get_return_code());
    // A broker that knows no MQTT 5 answers with the return code of 3.1.1 for that.
    if (options.mqtt5 && code == 1) code = reason::kUnsupportedProtocolVersion;
    result.error =
        "connection refused by the broker: " + (options.mqtt5 ? DescribeReason(code) : DescribeReturnCode(code));
  } else if (message == "TCP connect timeout") {
    result.error = "no answer from " + options.uri + " in time" + VersionHint(options);
  } else if (options.tls.enabled) {
    result.error = "cannot connect to " + options.uri +
                   ": nothing listens there, or TLS failed (check caFile, the host name in the broker's certificate, "
                   "certFile and certKeyFile)";
  } else {
    result.error = "cannot connect to " + options.uri + ": nothing listens there, or it is not an MQTT broker" +
                   VersionHint(options);
  }
}

}  // namespace

void EndProcess(const std::string& connection, std::string_view why) {
  log::Error("ending the process: a message was not taken, and returning would acknowledge it",
             {{"connection", connection}, {"error", why}});
  std::_Exit(kExitNotTaken);
}

// ------------------------------------------------------------------------------------------------ life

Client::Client(const MqttOptions& options, Receiver& receiver) : options_(options), receiver_(&receiver) {}

Client::Ptr Client::Create(const MqttOptions& options, Receiver& receiver) {
  Ptr client(new Client(options, receiver));
  Client* self = client.get();
  try {
    KeepPahoRunning();
    int version = options.mqtt5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1;
    // Without a persistence argument Paho persists nothing, which is what we want: its file persistence loses an MQTT
    // 5 message with QoS 2 when killed in the callback.
    self->client_ =
        std::make_unique<mqtt::async_client>(UriFor(options), options.client_id, mqtt::create_options(version));
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

void Client::Deleter::operator()(Client* client) const {
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
  const bool clean = options_.clean_session;
  mqtt::connect_options connect;
  connect.set_mqtt_version(options_.mqtt5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1);
  if (options_.mqtt5) {
    connect.set_clean_start(clean);
  } else {
    connect.set_clean_session(clean);
  }
  std::string password = options_.password;
  if (!options_.password_file.empty()) {
    absl::StatusOr<std::string> read = ReadPasswordFile(options_.password_file);
    if (!read.ok()) return read.status();
    password = *std::move(read);
  }
  connect.set_keep_alive_interval(std::chrono::seconds(options_.keep_alive_s));
  connect.set_connect_timeout(std::chrono::ceil<std::chrono::seconds>(options_.connect_timeout));
  if (!options_.username.empty()) connect.set_user_name(options_.username);
  if (!password.empty()) connect.set_password(password);
  if (options_.tls.enabled) {
    absl::StatusOr<std::string> key_password = "";
    if (!options_.tls.key_password_file.empty()) key_password = ReadKeyPassword(options_.tls.key_password_file);
    if (!key_password.ok()) {
      const std::string where = "tls.keyPasswordFile '" + options_.tls.key_password_file + "': ";
      return absl::InvalidArgumentError(where + std::string(key_password.status().message()));
    }
    connect.set_ssl(TlsOptions(options_.tls, *key_password));
  }

  // Declared out here: Paho takes the options by value, and the copy points into these.
  mqtt::properties properties;
  if (options_.mqtt5) {
    using mqtt::property;
    if (!clean) {
      properties.add({property::SESSION_EXPIRY_INTERVAL, static_cast<int32_t>(options_.session_expiry_s)});
    }
    properties.add({property::RECEIVE_MAXIMUM, options_.receive_maximum});
    // The most there is, is no limit to speak of, and some brokers take it amiss.
    if (options_.max_packet_bytes < kNoPacketLimit) {
      properties.add({property::MAXIMUM_PACKET_SIZE, static_cast<int32_t>(options_.max_packet_bytes)});
    }
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
    if (options_.mqtt5) ReadProperties(response.get_properties(), result);
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

mqtt::token_ptr Client::Subscribe(const Subscription& subscription, bool with_identifier, uint8_t retain_handling) {
  mqtt::subscribe_options options;
  mqtt::properties properties;
  if (options_.mqtt5) {
    options.set_retain_handling(static_cast<mqtt::subscribe_options::RetainHandling>(retain_handling));
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
    // To a SUBACK that is none Paho gives whatever lay in its memory: not a value of the enumeration.
    uint32_t code = 0;
    static_assert(sizeof code == sizeof(mqtt::ReasonCode));
    std::memcpy(&code, &response.get_reason_codes().at(0), sizeof code);
    if (code > static_cast<uint32_t>(Qos::kExactlyOnce)) return {State::kFailed};
    return {.state = State::kGranted, .code = static_cast<uint8_t>(code)};
  } catch (const mqtt::exception& failure) {
    int code = failure.get_reason_code();
    // Which is what was asked for; Paho takes all but 0 for a failure.
    if (code == reason::kNoSubscriptionExisted && token->get_type() == mqtt::token::UNSUBSCRIBE) {
      return {.state = State::kGranted, .code = static_cast<uint8_t>(code)};
    }
    if (code >= reason::kUnspecifiedError && code <= 0xFF) {
      return {.state = State::kRefused, .code = static_cast<uint8_t>(code)};
    }
    return {State::kFailed};
  }
}

// ------------------------------------------------------------------------------------------------ listeners

void Client::RequestListener::on_success(const mqtt::token& /*token*/) {
  client_.Tell([this](Receiver& receiver) { is_disconnect_ ? receiver.OnDisconnected() : receiver.OnProgress(); });
}

void Client::RequestListener::on_failure(const mqtt::token& token) { on_success(token); }

}  // namespace sluice::paho
