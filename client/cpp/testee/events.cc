#include "client/cpp/testee/events.h"

#include <cstdio>
#include <mutex>
#include <string>

#include "absl/strings/escaping.h"

namespace sluice::testee {
namespace {

const char* Name(client::Event::Kind kind) {
  using Kind = client::Event::Kind;
  switch (kind) {
    case Kind::kConnected:
      return "connected";
    case Kind::kDisconnected:
      return "disconnected";
    case Kind::kConnectFailed:
      return "connect_failed";
    case Kind::kChainRefused:
      return "chain_refused";
    case Kind::kDraining:
      return "draining";
    case Kind::kResolveFailed:
      return "resolve_failed";
    case Kind::kItemRefused:
      return "item_refused";
  }
  return "unknown";
}

const char* Name(client::ItemResult::Code code) {
  using Code = client::ItemResult::Code;
  switch (code) {
    case Code::kOk:
      return "OK";
    case Code::kStale:
      return "STALE";
    case Code::kInvalid:
      return "INVALID";
    case Code::kInvalidTopic:
      return "INVALID_TOPIC";
    case Code::kInvalidQos:
      return "INVALID_QOS";
    case Code::kDenied:
      return "DENIED";
    case Code::kTooLarge:
      return "TOO_LARGE";
    case Code::kTimeout:
      return "TIMEOUT";
    case Code::kRefused:
      return "REFUSED";
    case Code::kNotConnected:
      return "NOT_CONNECTED";
    case Code::kNotPublished:
      return "NOT_PUBLISHED";
    case Code::kClipped:
      return "CLIPPED";
    case Code::kExpired:
      return "EXPIRED";
    case Code::kUnknown:
      break;
  }
  return "UNKNOWN";
}

const char* Name(client::DataType type) {
  using Type = client::DataType;
  switch (type) {
    case Type::kUnspecified:
      break;
    case Type::kJson:
      return "json";
    case Type::kText:
      return "text";
    case Type::kBinary:
      return "binary";
  }
  return "unspecified";
}

std::string Base64(std::string_view bytes) { return absl::Base64Escape(absl::string_view(bytes.data(), bytes.size())); }

}  // namespace

void Say(std::string_view event, Json members) {
  static std::mutex mutex;
  members["event"] = event;
  // What is no UTF-8 is replaced: the SDK hands texts over as they came.
  const std::string line = members.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  const std::lock_guard lock(mutex);
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
}

void SayEvent(const client::Event& event) {
  Say(Name(event.kind), {{"address", event.address},
                         {"status", client::StatusCodeName(event.status.code())},
                         {"retry_in_ms", event.retry_in.count()},
                         {"text", event.text}});
}

void SayResult(const client::ItemResult& result) {
  Say("result", {{"reply_id", result.reply_id},
                 {"delivery_id", result.delivery_id},
                 {"code", Name(result.code)},
                 {"mqtt_reason_code", result.mqtt_reason_code},
                 {"message", result.message}});
}

void SayMessage(const client::Message& message) {
  Json properties = Json::array();
  for (const auto& [name, value] : message.user_properties) properties.push_back({name, value});
  Json metadata = Json::object();
  for (const auto& [key, value] : message.metadata) metadata[std::string(key)] = value;
  Say("message", {{"delivery_id", message.delivery_id},
                  {"message_id", message.message_id},
                  {"route", message.route},
                  {"chain", message.chain},
                  {"start_node", message.start_node},
                  {"topic", message.topic},
                  {"payload_base64", Base64(message.payload)},
                  {"qos", message.qos},
                  {"retain", message.retain},
                  {"dup", message.dup},
                  {"data_type", Name(message.data_type)},
                  {"received_unix_ms", message.received_unix_ms},
                  {"age_ms", message.age.count()},
                  {"lease_ms", message.lease.count()},
                  {"attempt", message.attempt},
                  {"ordering_key", message.ordering_key},
                  {"content_type", message.content_type},
                  {"response_topic", message.response_topic},
                  {"correlation_data_base64", Base64(message.correlation_data)},
                  {"user_properties", properties},
                  {"expiry_s", message.expiry_s ? Json(*message.expiry_s) : Json()},
                  {"metadata", metadata}});
}

}  // namespace sluice::testee
