#include "server/worker/frame_encoder.h"

#include <memory>

#include "server/message/wire_writer.h"
#include "server/route/processors.h"
#include "sluice/v1/worker.pb.h"

namespace sluice {
namespace {

// Numbers from the generated code, so that they are worker.proto's.
using D = v1::Delivery;
using R = v1::Result;
using G = v1::GatewayFrame;

constexpr uint32_t kMapKey = 1;
constexpr uint32_t kMapValue = 2;

// What a delivery's encoding depends on besides the delivery.
struct Moment {
  uint64_t age_ms = 0;
  uint64_t lease_ms = 0;
  uint32_t expiry_s = 0;
};

uint64_t MillisBetween(SteadyTime from, SteadyTime to) {
  return to <= from ? 0 : static_cast<uint64_t>(std::chrono::duration_cast<Millis>(to - from).count());
}

Moment MomentOf(const PendingDelivery& pending, SteadyTime now) {
  const Message& message = *pending.delivery.message;
  Moment moment;
  moment.age_ms = MillisBetween(message.received, now);
  moment.lease_ms = MillisBetween(now, pending.lease_ends);
  if (message.properties != nullptr && message.properties->expiry_s) {
    uint64_t waited_s = moment.age_ms / 1'000;
    uint32_t expiry_s = *message.properties->expiry_s;
    moment.expiry_s = waited_s >= expiry_s ? 0 : expiry_s - static_cast<uint32_t>(waited_s);
  }
  return moment;
}

template <typename Out>
void DescribePair(Out& out, uint32_t field, uint32_t first, uint32_t second, std::string_view a, std::string_view b) {
  out.Message(field, [&](auto& inside) {
    inside.String(first, a);
    inside.String(second, b);
  });
}

template <typename Out>
void DescribeProperties(Out& out, const Properties& properties, const Route& route, uint32_t expiry_s) {
  out.String(D::kContentTypeFieldNumber, properties.content_type);
  out.String(D::kResponseTopicFieldNumber, properties.response_topic);
  if (properties.correlation_data) out.Bytes(D::kCorrelationDataFieldNumber, *properties.correlation_data);
  for (const auto& [name, value] : properties.user) {
    DescribePair(out, D::kUserPropertiesFieldNumber, v1::UserProperty::kNameFieldNumber,
                 v1::UserProperty::kValueFieldNumber, name, value);
  }
  if (properties.expiry_s) out.VarintAlways(D::kExpirySFieldNumber, expiry_s);
  if (!route.headers_to_metadata) return;
  for (const auto& [name, value] : properties.user) {
    if (BecomesMetadata(route, name)) DescribePair(out, D::kMetadataFieldNumber, kMapKey, kMapValue, name, value);
  }
}

// The payload comes last, so that a large one can be a slice behind the rest.
template <typename Out>
void DescribeDelivery(Out& out, const Delivery& delivery, const Moment& moment) {
  const Message& message = *delivery.message;
  out.Varint(D::kDeliveryIdFieldNumber, delivery.id);
  out.Id(D::kMessageIdFieldNumber, delivery.message_id);
  out.String(D::kRouteFieldNumber, delivery.route->id);
  out.String(D::kChainFieldNumber, delivery.chain->name);
  out.String(D::kStartNodeFieldNumber, delivery.start_node);
  out.String(D::kTopicFieldNumber, message.topic);
  out.Varint(D::kQosFieldNumber, static_cast<uint64_t>(message.qos));
  out.Varint(D::kRetainFieldNumber, message.retain ? 1 : 0);
  out.Varint(D::kDupFieldNumber, message.dup ? 1 : 0);
  out.Varint(D::kDataTypeFieldNumber, static_cast<uint64_t>(delivery.route->data_type));
  out.Varint(D::kReceivedUnixMsFieldNumber, static_cast<uint64_t>(message.received_unix_ms));
  out.Varint(D::kAgeMsFieldNumber, moment.age_ms);
  out.Varint(D::kLeaseMsFieldNumber, moment.lease_ms);
  out.Varint(D::kAttemptFieldNumber, delivery.attempt);
  out.String(D::kOrderingKeyFieldNumber, delivery.ordering_key);
  if (message.properties != nullptr) {
    DescribeProperties(out, *message.properties, *delivery.route, moment.expiry_s);
  }
  if (message.payload.size() >= kSharedPayloadBytes) {
    out.External(D::kPayloadFieldNumber, message.payload);
  } else {
    out.Bytes(D::kPayloadFieldNumber, message.payload);
  }
}

template <typename Out>
void DescribeResult(Out& out, const ItemResult& result) {
  out.Varint(R::kReplyIdFieldNumber, result.reply_id);
  out.Varint(R::kDeliveryIdFieldNumber, result.delivery_id);
  out.Varint(R::kCodeFieldNumber, static_cast<uint64_t>(result.code));
  out.Varint(R::kMqttReasonCodeFieldNumber, result.mqtt_reason_code);
  out.String(R::kMessageFieldNumber, result.message);
  out.Varint(R::kLeaseMsFieldNumber, result.lease_ms);
}

// Everything but the deliveries.
template <typename Out>
void DescribeRest(Out& out, const OutgoingFrame& frame) {
  if (!frame.welcome.empty()) out.Bytes(G::kWelcomeFieldNumber, frame.welcome);
  for (const ItemResult& result : frame.results) {
    out.Message(G::kResultsFieldNumber, [&](auto& inside) { DescribeResult(inside, result); });
  }
  for (const Revocation& revoke : frame.revokes) {
    out.Message(G::kRevokesFieldNumber, [&](auto& inside) {
      inside.Varint(v1::Revoke::kDeliveryIdFieldNumber, revoke.delivery_id);
      inside.Varint(v1::Revoke::kReasonFieldNumber, static_cast<uint64_t>(revoke.reason));
    });
  }
  if (frame.ping) {
    out.Message(G::kPingFieldNumber, [&](auto& inside) { inside.Varint(v1::Ping::kNonceFieldNumber, *frame.ping); });
  }
  if (frame.pong) {
    out.Message(G::kPongFieldNumber, [&](auto& inside) { inside.Varint(v1::Pong::kNonceFieldNumber, *frame.pong); });
  }
  if (frame.drain) {
    out.Message(G::kDrainFieldNumber, [&](auto& inside) {
      inside.Varint(v1::Drain::kDeadlineMsFieldNumber, static_cast<uint64_t>(frame.drain->deadline.count()));
      inside.String(v1::Drain::kReasonFieldNumber, frame.drain->reason);
    });
  }
}

}  // namespace

void OutgoingFrame::Clear() {
  welcome.clear();
  deliveries.clear();
  results.clear();
  revokes.clear();
  ping.reset();
  pong.reset();
  drain.reset();
}

size_t DeliverySizeBound(const Delivery& delivery) {
  // The tags, lengths and numbers of all fields at their largest come to less.
  constexpr size_t kFixed = 256;
  constexpr size_t kPerUserProperty = 24;
  const Message& message = *delivery.message;
  size_t bytes = kFixed + message.topic.size() + message.payload.size() + delivery.route->id.size() +
                 delivery.chain->name.size() + delivery.start_node.size() + delivery.ordering_key.size();
  if (const Properties* properties = message.properties.get()) {
    bytes += properties->content_type.size() + properties->response_topic.size();
    if (properties->correlation_data) bytes += properties->correlation_data->size();
    size_t copies = delivery.route->headers_to_metadata ? 2 : 1;
    for (const auto& [name, value] : properties->user)
      bytes += copies * (kPerUserProperty + name.size() + value.size());
  }
  return bytes;
}

size_t ResultSizeBound(const ItemResult& result) {
  WireSizer sizer;
  sizer.Message(G::kResultsFieldNumber, [&](auto& inside) { DescribeResult(inside, result); });
  return sizer.size();
}

rpc::Payload FrameEncoder::Encode(const OutgoingFrame& frame, SteadyTime now) {
  sizes_.clear();
  cuts_.clear();
  WireSizer rest;
  DescribeRest(rest, frame);
  size_t inline_bytes = rest.size();
  for (const PendingDelivery& pending : frame.deliveries) {
    WireSizer sizer;
    DescribeDelivery(sizer, pending.delivery, MomentOf(pending, now));
    sizes_.push_back(sizer.size());
    inline_bytes += WireSizer::TagSize(G::kDeliveriesFieldNumber) + VarintSize(sizer.size()) + sizer.inline_size();
  }

  const std::shared_ptr<char[]> whole = std::make_shared_for_overwrite<char[]>(inline_bytes);
  auto* const begin = reinterpret_cast<uint8_t*>(whole.get());
  WireWriter writer(begin);
  for (size_t i = 0; i < frame.deliveries.size(); ++i) {
    const PendingDelivery& pending = frame.deliveries[i];
    writer.Length(G::kDeliveriesFieldNumber, sizes_[i]);
    DescribeDelivery(writer, pending.delivery, MomentOf(pending, now));
    const MessagePtr& message = pending.delivery.message;
    if (message->payload.size() >= kSharedPayloadBytes) {
      cuts_.push_back({static_cast<size_t>(writer.position() - begin), &message});
    }
  }
  DescribeRest(writer, frame);

  rpc::Payload out;
  size_t from = 0;
  for (const Cut& cut : cuts_) {
    out.AppendShared({whole.get() + from, cut.offset - from}, whole);
    out.AppendShared((*cut.message)->payload, *cut.message);
    from = cut.offset;
  }
  if (from < inline_bytes) out.AppendShared({whole.get() + from, inline_bytes - from}, whole);
  return out;
}

}  // namespace sluice
