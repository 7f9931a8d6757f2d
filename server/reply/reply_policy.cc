#include "server/reply/reply_policy.h"

#include <charconv>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/message/topic.h"
#include "server/message/user_properties.h"
#include "server/route/reply_keys.h"

namespace sluice {
namespace {

const std::string* FindMetadata(const WorkerReply& reply, std::string_view key) {
  for (const auto& [name, value] : reply.metadata) {
    if (EqualsIgnoreCase(name, key)) return &value;
  }
  return nullptr;
}

// Not a number counts as 0, as in RuleGo; a number out of range is the worker's error.
int64_t MetadataQos(const WorkerReply& reply) {
  const std::string* text = FindMetadata(reply, kReplyQosKey);
  if (text == nullptr) return 0;
  int64_t value = 0;
  const char* end = text->data() + text->size();
  auto [rest, error] = std::from_chars(text->data(), end, value);
  if (error == std::errc::result_out_of_range) return std::numeric_limits<int64_t>::max();
  return error == std::errc() && rest == end ? value : 0;
}

// Why a string of MQTT cannot be sent; empty: it can.
class StringCheck {
 public:
  explicit StringCheck(const ReplyRules& rules) : allow_control_characters_(rules.allow_control_characters) {}

  absl::Status Text(std::string_view text) const { return Further(CheckMqttString(text), text); }
  absl::Status TopicName(std::string_view topic) const { return Further(CheckTopicName(topic), topic); }

 private:
  absl::Status Further(absl::Status status, std::string_view text) const {
    if (!status.ok() || allow_control_characters_) return status;
    status = CheckNoControlCharacters(text);
    if (status.ok()) return status;
    return absl::InvalidArgumentError(absl::StrCat(
        status.message(), ", over which a broker may disconnect; replies.allowControlCharacters allows it"));
  }

  const bool allow_control_characters_;
};

std::optional<std::string> Invalid(std::string_view what, const absl::Status& status) {
  if (status.ok()) return std::nullopt;
  return std::string(what) + " " + std::string(status.message());
}

std::optional<std::string> InvalidProperty(const Properties& properties, const StringCheck& check) {
  if (auto why = Invalid("content_type", check.Text(properties.content_type))) return why;
  if (properties.user.size() > kMaxUserProperties) {
    return absl::StrCat("more than ", kMaxUserProperties, " user properties, counted with its metadata");
  }
  for (const auto& [name, value] : properties.user) {
    if (auto why = Invalid("a user property's name", check.Text(name))) return why;
    if (auto why = Invalid("a user property's value", check.Text(value))) return why;
  }
  // Binary data (MQTT 5.0 §1.5.6): any bytes, as many as a string may have.
  if (properties.correlation_data && properties.correlation_data->size() > kMaxMqttStringBytes) {
    return absl::StrCat("correlation_data has ", properties.correlation_data->size(), " bytes; MQTT allows 65,535");
  }
  if (properties.response_topic.empty()) return std::nullopt;
  return Invalid("response_topic", check.TopicName(properties.response_topic));
}

void AddMetadataAsUserProperties(WorkerReply& reply) {
  if (!reply.properties) reply.properties = std::make_unique<Properties>();
  for (auto& [name, value] : reply.metadata) {
    // Names with "_" steer RuleGo's engine and are nobody else's business.
    if (name.starts_with('_') || IsReplyKey(name)) continue;
    reply.properties->user.emplace_back(std::move(name), std::move(value));
  }
}

}  // namespace

ReplyDecision DecideReply(WorkerReply& reply, const Message& message, const Route& route, const ReplyRules& rules) {
  std::string_view request_topic;
  if (message.properties != nullptr) request_topic = message.properties->response_topic;

  std::string topic = std::move(reply.topic);
  if (topic.empty()) {
    if (const std::string* named = FindMetadata(reply, kReplyTopicKey)) topic = *named;
  }
  if (topic.empty()) topic = request_topic;
  if (topic.empty()) return NothingToPublish{};

  const int64_t qos = reply.qos ? static_cast<int64_t>(*reply.qos) : MetadataQos(reply);
  if (route.metadata_to_headers && !reply.metadata.empty()) AddMetadataAsUserProperties(reply);
  if (topic == request_topic && message.properties->correlation_data &&
      !(reply.properties && reply.properties->correlation_data)) {
    if (!reply.properties) reply.properties = std::make_unique<Properties>();
    reply.properties->correlation_data = message.properties->correlation_data;
  }

  auto outbound = std::make_unique<OutboundMessage>();
  outbound->topic = std::move(topic);
  outbound->payload = std::move(reply.payload);
  outbound->qos = qos < 0 || qos > 2 ? Qos::kExactlyOnce : static_cast<Qos>(qos);
  outbound->retain = reply.retain;
  outbound->properties = std::move(reply.properties);
  std::optional<ReplyRefused> refused = CheckReply(*outbound, route, rules);
  if ((!refused || refused->code != ItemResult::Code::kInvalidTopic) && (qos < 0 || qos > 2)) {
    refused = ReplyRefused{ItemResult::Code::kInvalidQos, absl::StrCat("QoS ", qos, " is not 0, 1 or 2"), nullptr};
  }
  if (!refused) return outbound;
  refused->reply = std::move(outbound);
  return *std::move(refused);
}

std::optional<ReplyRefused> CheckReply(const OutboundMessage& reply, const Route& route, const ReplyRules& rules) {
  const StringCheck check(rules);
  if (auto why = Invalid("the topic", check.TopicName(reply.topic))) {
    return ReplyRefused{ItemResult::Code::kInvalidTopic, *std::move(why), nullptr};
  }
  if (reply.payload.size() > rules.max_payload_bytes) {
    return ReplyRefused{
        ItemResult::Code::kTooLarge,
        absl::StrCat("payload of ", reply.payload.size(), " bytes; ", rules.max_payload_bytes, " are allowed"),
        nullptr};
  }
  std::string why;
  if (!rules.permits(route, reply.topic, why)) return ReplyRefused{ItemResult::Code::kDenied, std::move(why), nullptr};
  if (reply.properties == nullptr) return std::nullopt;
  if (auto invalid = InvalidProperty(*reply.properties, check)) {
    return ReplyRefused{ItemResult::Code::kInvalid, *std::move(invalid), nullptr};
  }
  return std::nullopt;
}

}  // namespace sluice
