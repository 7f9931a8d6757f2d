#include "server/deadletter/publication.h"

#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "server/message/topic.h"
#include "server/telemetry/json_string.h"

namespace sluice {
namespace {

std::string Base64(std::string_view bytes) { return absl::Base64Escape({bytes.data(), bytes.size()}); }

// Writes one JSON object.
class JsonObject {
 public:
  JsonObject& Text(std::string_view name, std::string_view value) {
    AppendJsonString(Name(name), value);
    return *this;
  }
  JsonObject& TextIfAny(std::string_view name, std::string_view value) {
    return value.empty() ? *this : Text(name, value);
  }
  // `json`: a number, true, false, an array.
  JsonObject& Raw(std::string_view name, std::string_view json) {
    Name(name).append(json);
    return *this;
  }
  std::string Take() { return std::move(text_) + "}"; }

 private:
  std::string& Name(std::string_view name) {
    text_ += text_.empty() ? '{' : ',';
    AppendJsonString(text_, name);
    return text_ += ':';
  }

  std::string text_;
};

std::string UserPropertiesAsJson(const UserProperties& properties) {
  std::string json = "[";
  for (const auto& [name, value] : properties) {
    if (json.size() > 1) json += ',';
    json += '[';
    AppendJsonString(json, name);
    json += ',';
    AppendJsonString(json, value);
    json += ']';
  }
  return json + "]";
}

std::string Envelope(const StoredLetter& letter) {
  const Message& message = *letter.message;
  JsonObject json;
  json.Text("messageId", letter.id.ToString()).Text("reason", letter.reason);
  json.Raw("attempts", std::to_string(letter.attempts)).TextIfAny("worker", letter.worker);
  json.Text("chain", letter.chain).Text("route", letter.route).TextIfAny("startNode", letter.start_node);
  json.Text("topic", message.topic).Raw("qos", std::to_string(static_cast<int>(message.qos)));
  json.Raw("retain", message.retain ? "true" : "false");
  json.Raw("receivedUnixMs", std::to_string(message.received_unix_ms));
  json.Raw("diedUnixMs", std::to_string(letter.died_unix_ms));
  if (message.properties != nullptr) {
    const Properties& properties = *message.properties;
    json.TextIfAny("contentType", properties.content_type).TextIfAny("responseTopic", properties.response_topic);
    if (properties.correlation_data) json.Text("correlationData", Base64(*properties.correlation_data));
    if (!properties.user.empty()) json.Raw("userProperties", UserPropertiesAsJson(properties.user));
  }
  return json.Text("payload", Base64(message.payload)).Take();
}

// What a broker may disconnect over must not stand in a dead letter, or all replies would wait for it; a worker's
// reason has a line break now and then.
void Mend(Properties& properties) {
  MendControlCharacters(properties.content_type);
  if (!CheckTopicName(properties.response_topic).ok() || !CheckNoControlCharacters(properties.response_topic).ok()) {
    properties.response_topic.clear();
  }
  for (auto& [name, value] : properties.user) {
    MendControlCharacters(name);
    MendControlCharacters(value);
  }
}

std::unique_ptr<Properties> PropertiesWithReason(const StoredLetter& letter) {
  const Message& message = *letter.message;
  auto properties = std::make_unique<Properties>();
  if (message.properties != nullptr) {
    *properties = *message.properties;
    properties->expiry_s.reset();
    // Whoever reads the first of a name is to find ours, not one that the device has made up.
    std::erase_if(properties->user, [](const auto& property) { return property.first.starts_with("sluice-"); });
  }
  UserProperties& user = properties->user;
  user.emplace_back("sluice-reason", letter.reason);
  user.emplace_back("sluice-attempts", std::to_string(letter.attempts));
  user.emplace_back("sluice-topic", message.topic);
  user.emplace_back("sluice-chain", letter.chain);
  user.emplace_back("sluice-route", letter.route);
  user.emplace_back("sluice-message-id", letter.id.ToString());
  if (!letter.worker.empty()) user.emplace_back("sluice-worker", letter.worker);
  Mend(*properties);
  return properties;
}

}  // namespace

std::shared_ptr<const OutboundMessage> PublicationOf(const StoredLetter& letter, const ChainOptions& options,
                                                     bool mqtt5) {
  auto outbound = std::make_shared<OutboundMessage>();
  outbound->topic = options.dead_letter_topic;
  outbound->qos = options.dead_letter_qos;
  const bool envelope = options.dead_letter_format == DeadLetterFormat::kEnvelope ||
                        (options.dead_letter_format == DeadLetterFormat::kAuto && !mqtt5);
  if (envelope) {
    outbound->payload = Envelope(letter);
    auto properties = std::make_unique<Properties>();
    properties->content_type = "application/json";
    if (mqtt5) outbound->properties = std::move(properties);
    return outbound;
  }
  outbound->payload = std::string(letter.message->payload);
  if (mqtt5) outbound->properties = PropertiesWithReason(letter);
  return outbound;
}

}  // namespace sluice
