#include "client/cpp/src/frame_decoder.h"

#include <algorithm>
#include <string>
#include <utility>

#include "client/cpp/src/wire.h"

namespace sluice::client {
namespace {

Status Malformed(const char* what) {
  return {StatusCode::kInvalidArgument, std::string("the gateway sent a malformed ") + what};
}

// UserProperty and the entries of map<string, string> have the same two fields.
bool DecodePair(std::string_view bytes, std::vector<std::pair<std::string_view, std::string_view>>& pairs) {
  static_assert(v1::UserProperty::kNameFieldNumber == 1 && v1::UserProperty::kValueFieldNumber == 2);
  auto& [name, value] = pairs.emplace_back();
  wire::Reader reader(bytes);
  wire::Field field;
  while (reader.Next(field)) {
    if (field.number == 1) name = field.bytes;
    if (field.number == 2) value = field.bytes;
  }
  return reader.ok();
}

bool DecodeDelivery(std::string_view bytes, Message& message) {
  using D = v1::Delivery;
  wire::Reader reader(bytes);
  wire::Field field;
  while (reader.Next(field)) {
    if (field.type == wire::Type::kBytes) {
      switch (field.number) {
        case D::kMessageIdFieldNumber:
          message.message_id = field.bytes;
          break;
        case D::kRouteFieldNumber:
          message.route = field.bytes;
          break;
        case D::kChainFieldNumber:
          message.chain = field.bytes;
          break;
        case D::kStartNodeFieldNumber:
          message.start_node = field.bytes;
          break;
        case D::kTopicFieldNumber:
          message.topic = field.bytes;
          break;
        case D::kPayloadFieldNumber:
          message.payload = field.bytes;
          break;
        case D::kOrderingKeyFieldNumber:
          message.ordering_key = field.bytes;
          break;
        case D::kContentTypeFieldNumber:
          message.content_type = field.bytes;
          break;
        case D::kResponseTopicFieldNumber:
          message.response_topic = field.bytes;
          break;
        case D::kCorrelationDataFieldNumber:
          message.correlation_data = field.bytes;
          break;
        case D::kUserPropertiesFieldNumber:
          if (!DecodePair(field.bytes, message.user_properties)) return false;
          break;
        case D::kMetadataFieldNumber:
          if (!DecodePair(field.bytes, message.metadata)) return false;
          break;
        default:
          break;
      }
    } else if (field.type == wire::Type::kVarint) {
      switch (field.number) {
        case D::kDeliveryIdFieldNumber:
          message.delivery_id = field.value;
          break;
        case D::kQosFieldNumber:
          message.qos = static_cast<uint32_t>(field.value);
          break;
        case D::kRetainFieldNumber:
          message.retain = field.value != 0;
          break;
        case D::kDupFieldNumber:
          message.dup = field.value != 0;
          break;
        case D::kDataTypeFieldNumber:
          message.data_type = field.value <= 3 ? static_cast<DataType>(field.value) : DataType::kUnspecified;
          break;
        case D::kReceivedUnixMsFieldNumber:
          message.received_unix_ms = static_cast<int64_t>(field.value);
          break;
        case D::kAgeMsFieldNumber:
          message.age = std::chrono::milliseconds(static_cast<int64_t>(field.value));
          break;
        case D::kLeaseMsFieldNumber:
          message.lease = std::chrono::milliseconds(static_cast<uint32_t>(field.value));
          break;
        case D::kAttemptFieldNumber:
          message.attempt = static_cast<uint32_t>(field.value);
          break;
        case D::kExpirySFieldNumber:
          message.expiry_s = static_cast<uint32_t>(field.value);
          break;
        default:
          break;
      }
    }
  }
  return reader.ok() && message.delivery_id != 0;
}

bool DecodeResult(std::string_view bytes, ItemResult& result) {
  v1::Result decoded;
  if (!decoded.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return false;
  result.reply_id = decoded.reply_id();
  result.delivery_id = decoded.delivery_id();
  result.code = v1::Result::Code_IsValid(decoded.code()) ? static_cast<ItemResult::Code>(decoded.code())
                                                         : ItemResult::Code::kUnknown;
  result.mqtt_reason_code = decoded.mqtt_reason_code();
  result.message = std::move(*decoded.mutable_message());
  return true;
}

bool DecodeNonce(std::string_view bytes, std::optional<uint64_t>& nonce) {
  static_assert(v1::Ping::kNonceFieldNumber == 1 && v1::Pong::kNonceFieldNumber == 1);
  nonce = 0;
  wire::Reader reader(bytes);
  wire::Field field;
  while (reader.Next(field)) {
    if (field.number == 1 && field.type == wire::Type::kVarint) nonce = field.value;
  }
  return reader.ok();
}

template <typename Proto>
bool DecodeProto(std::string_view bytes, std::optional<Proto>& proto) {
  return proto.emplace().ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace

Status DecodeFrame(std::string_view frame, GatewayParts& parts) {
  using F = v1::GatewayFrame;
  wire::Reader reader(frame);
  wire::Field field;
  while (reader.Next(field)) {
    if (field.type != wire::Type::kBytes) continue;  // Unknown: every field of today's frame is a message.
    switch (field.number) {
      case F::kWelcomeFieldNumber:
        if (!DecodeProto(field.bytes, parts.welcome)) return Malformed("Welcome");
        break;
      case F::kDeliveriesFieldNumber:
        if (parts.deliveries.empty()) {
          // Most frames hold deliveries alike in size.
          constexpr size_t kMostAtFirst = 1024;
          parts.deliveries.reserve(std::min(frame.size() / (field.bytes.size() + 2) + 1, kMostAtFirst));
        }
        if (!DecodeDelivery(field.bytes, parts.deliveries.emplace_back())) return Malformed("Delivery");
        break;
      case F::kResultsFieldNumber:
        if (!DecodeResult(field.bytes, parts.results.emplace_back())) return Malformed("Result");
        break;
      case F::kRevokesFieldNumber: {
        v1::Revoke revoke;
        if (!revoke.ParseFromArray(field.bytes.data(), static_cast<int>(field.bytes.size())))
          return Malformed("Revoke");
        parts.revokes.push_back(revoke.delivery_id());
        break;
      }
      case F::kPingFieldNumber:
        if (!DecodeNonce(field.bytes, parts.ping)) return Malformed("Ping");
        break;
      case F::kPongFieldNumber:
        if (!DecodeNonce(field.bytes, parts.pong)) return Malformed("Pong");
        break;
      case F::kDrainFieldNumber:
        if (!DecodeProto(field.bytes, parts.drain)) return Malformed("Drain");
        break;
      default:
        break;
    }
  }
  return reader.ok() ? Status() : Malformed("frame");
}

uint64_t WindowBytes(const Message& message) {
  uint64_t bytes = message.payload.size() + message.topic.size() + message.content_type.size() +
                   message.response_topic.size() + message.correlation_data.size();
  for (const auto& [name, value] : message.user_properties) bytes += name.size() + value.size();
  return bytes;
}

}  // namespace sluice::client
