#include "client/cpp/testee/script.h"

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "client/cpp/testee/events.h"

namespace sluice::testee {
namespace {

constexpr std::chrono::milliseconds kLookEvery{2};

// What comes from the suite is valid.
std::string Bytes(const Json& base64) {
  std::string bytes;
  absl::Base64Unescape(base64.get<std::string>(), &bytes);
  return bytes;
}

client::Reply ToReply(const Json& json) {
  client::Reply reply;
  reply.topic = json.value("topic", "");
  reply.payload = json.value("payload", "");
  if (json.contains("payload_base64")) reply.payload = Bytes(json["payload_base64"]);
  if (json.contains("payload_bytes")) reply.payload.assign(json["payload_bytes"].get<size_t>(), 'x');
  if (json.contains("qos")) reply.qos = json["qos"].get<uint32_t>();
  reply.retain = json.value("retain", false);
  reply.reply_id = json.value("reply_id", uint64_t{0});
  reply.content_type = json.value("content_type", "");
  reply.response_topic = json.value("response_topic", "");
  if (json.contains("correlation_data_base64")) reply.correlation_data = Bytes(json["correlation_data_base64"]);
  const Json properties = json.value("user_properties", Json::array());
  for (const Json& pair : properties) {
    reply.user_properties.emplace_back(pair.at(0).get<std::string>(), pair.at(1).get<std::string>());
  }
  if (json.contains("expiry_s")) reply.expiry_s = json["expiry_s"].get<uint32_t>();
  const Json metadata = json.value("metadata", Json::object());
  for (const auto& [key, value] : metadata.items()) {
    reply.metadata.emplace_back(key, value.get<std::string>());
  }
  return reply;
}

std::vector<client::Reply> ToReplies(const Json& json) {
  std::vector<client::Reply> replies;
  if (json.is_array()) {
    replies.reserve(json.size());
    for (const Json& one : json) replies.push_back(ToReply(one));
  } else {
    replies.push_back(ToReply(json));
  }
  return replies;
}

client::Settlement ToSettlement(const Json& json) {
  client::Settlement settlement;
  const std::string outcome = json.value("outcome", "ack");
  if (outcome == "retry") settlement.outcome = client::Outcome::kRetry;
  if (outcome == "reject") settlement.outcome = client::Outcome::kReject;
  if (outcome == "drop") settlement.outcome = client::Outcome::kDrop;
  settlement.reason = json.value("reason", "");
  settlement.retry_after = std::chrono::milliseconds(json.value("retry_after_ms", int64_t{0}));
  settlement.replies = ToReplies(json.value("replies", Json::array()));
  return settlement;
}

// True: the handler ends with `settlement`.
bool Do(const Json& step, const client::Message& message, client::Context& context, Gates& gates,
        client::Settlement& settlement) {
  const uint64_t id = message.delivery_id;
  if (step.contains("describe")) {
    SayMessage(message);
  } else if (step.contains("say")) {
    Say("said", {{"text", step["say"]}, {"delivery_id", id}});
  } else if (step.contains("sleep_ms")) {
    std::this_thread::sleep_for(std::chrono::milliseconds(step["sleep_ms"].get<int64_t>()));
  } else if (step.contains("gate")) {
    gates.Wait(step["gate"].get<std::string>());
  } else if (step.contains("until_abandoned")) {
    while (!context.Abandoned()) std::this_thread::sleep_for(kLookEvery);
    Say("abandoned", {{"delivery_id", id}});
  } else if (step.contains("send")) {
    const client::Status status = context.Send(ToReply(step["send"]));
    Say("sent", {{"delivery_id", id}, {"status", client::StatusCodeName(status.code())}});
  } else if (step.contains("throw")) {
    throw std::runtime_error(step["throw"].get<std::string>());
  } else if (step.contains("settle")) {
    settlement = ToSettlement(step["settle"]);
    return true;
  } else if (step.contains("return")) {
    settlement = client::Settlement::Ack(ToReplies(step["return"]));
    return true;
  }
  return false;
}

}  // namespace

void Gates::Wait(const std::string& name) {
  std::unique_lock lock(mutex_);
  released_.wait(lock, [&] { return open_.contains(name); });
}

void Gates::Release(const std::string& name) {
  {
    const std::lock_guard lock(mutex_);
    open_.insert(name);
  }
  released_.notify_all();
}

client::Settlement RunScript(const client::Message& message, client::Context& context, Gates& gates) {
  client::Settlement settlement;
  const Json script = Json::parse(message.payload, nullptr, false);
  if (!script.is_object() || !script.contains("steps")) return settlement;
  for (const Json& step : script["steps"]) {
    if (Do(step, message, context, gates, settlement)) break;
  }
  return settlement;
}

}  // namespace sluice::testee
