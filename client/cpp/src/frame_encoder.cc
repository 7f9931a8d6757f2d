#include "client/cpp/src/frame_encoder.h"

#include <algorithm>
#include <string>
#include <utility>

#include "client/cpp/src/wire.h"

namespace sluice::client {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

constexpr size_t kMaxReasonBytes = 1024;

size_t PairSize(const std::pair<std::string, std::string>& pair) {
  return wire::BytesFieldSize(1, pair.first.size()) + wire::BytesFieldSize(2, pair.second.size());
}

size_t PairsSize(uint32_t number, const Pairs& pairs) {
  size_t size = 0;
  for (const auto& pair : pairs) size += wire::BytesFieldSize(number, PairSize(pair), true);
  return size;
}

// Written as UserProperty and as an entry of map<string, string> alike.
void WritePairs(wire::Writer& writer, uint32_t number, const Pairs& pairs) {
  for (const auto& pair : pairs) {
    writer.BytesHead(number, PairSize(pair));
    writer.BytesField(1, pair.first);
    writer.BytesField(2, pair.second);
  }
}

// An `optional` number: written also when 0.
size_t OptionalSize(uint32_t number, const std::optional<uint32_t>& value) {
  return value ? wire::VarintSize(uint64_t{number} << 3) + wire::VarintSize(*value) : 0;
}

size_t ReplySize(const Reply& reply, uint64_t delivery_id) {
  using R = v1::Reply;
  return wire::VarintFieldSize(R::kDeliveryIdFieldNumber, delivery_id) +
         wire::VarintFieldSize(R::kReplyIdFieldNumber, reply.reply_id) +
         wire::BytesFieldSize(R::kTopicFieldNumber, reply.topic.size()) + OptionalSize(R::kQosFieldNumber, reply.qos) +
         wire::VarintFieldSize(R::kRetainFieldNumber, reply.retain ? 1 : 0) +
         wire::BytesFieldSize(R::kPayloadFieldNumber, reply.payload.size()) +
         wire::BytesFieldSize(R::kContentTypeFieldNumber, reply.content_type.size()) +
         wire::BytesFieldSize(R::kResponseTopicFieldNumber, reply.response_topic.size()) +
         (reply.correlation_data
              ? wire::BytesFieldSize(R::kCorrelationDataFieldNumber, reply.correlation_data->size(), true)
              : 0) +
         PairsSize(R::kUserPropertiesFieldNumber, reply.user_properties) +
         OptionalSize(R::kExpirySFieldNumber, reply.expiry_s) + PairsSize(R::kMetadataFieldNumber, reply.metadata);
}

void WriteReply(wire::Writer& writer, const Reply& reply, uint64_t delivery_id) {
  using R = v1::Reply;
  writer.VarintField(R::kDeliveryIdFieldNumber, delivery_id);
  writer.VarintField(R::kReplyIdFieldNumber, reply.reply_id);
  writer.BytesField(R::kTopicFieldNumber, reply.topic);
  if (reply.qos) writer.VarintField(R::kQosFieldNumber, *reply.qos, true);
  writer.VarintField(R::kRetainFieldNumber, reply.retain ? 1 : 0);
  writer.BytesField(R::kPayloadFieldNumber, reply.payload);
  writer.BytesField(R::kContentTypeFieldNumber, reply.content_type);
  writer.BytesField(R::kResponseTopicFieldNumber, reply.response_topic);
  if (reply.correlation_data) writer.BytesField(R::kCorrelationDataFieldNumber, *reply.correlation_data, true);
  WritePairs(writer, R::kUserPropertiesFieldNumber, reply.user_properties);
  if (reply.expiry_s) writer.VarintField(R::kExpirySFieldNumber, *reply.expiry_s, true);
  WritePairs(writer, R::kMetadataFieldNumber, reply.metadata);
}

// A string field must stay valid UTF-8: what is no character is replaced, and the cut falls between two.
std::string CleanReason(std::string_view reason) {
  std::string clean;
  clean.reserve(std::min(reason.size(), kMaxReasonBytes));
  for (size_t at = 0; at < reason.size();) {
    const auto lead = static_cast<unsigned char>(reason[at]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
    bool valid = length > 0 && at + length <= reason.size();
    for (size_t i = 1; valid && i < length; ++i) {
      const auto byte = static_cast<unsigned char>(reason[at + i]);
      const unsigned lowest = i > 1 ? 0x80 : lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
      const unsigned highest = i > 1 ? 0xBF : lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
      valid = byte >= lowest && byte <= highest;
    }
    const std::string_view character = valid ? reason.substr(at, length) : std::string_view("?");
    if (clean.size() + character.size() > kMaxReasonBytes) break;
    clean += character;
    at += valid ? length : 1;
  }
  return clean;
}

}  // namespace

size_t CountItems(const Reply& reply) { return 1 + reply.user_properties.size() + reply.metadata.size(); }

size_t CountItems(std::span<const Reply> replies) {
  size_t items = 1;
  for (const Reply& reply : replies) items += CountItems(reply);
  return items;
}

bool EncodeSettle(const SettleParts& settle, size_t limit, Bytes& out) {
  using S = v1::Settle;
  const std::string reason = settle.reason.empty() ? std::string() : CleanReason(settle.reason);
  const auto retry_ms = static_cast<uint64_t>(std::clamp<int64_t>(settle.retry_after.count(), 0, 3'600'000));
  size_t size = wire::VarintFieldSize(S::kDeliveryIdFieldNumber, settle.delivery_id) +
                wire::VarintFieldSize(S::kOutcomeFieldNumber, static_cast<uint64_t>(settle.outcome)) +
                wire::BytesFieldSize(S::kReasonFieldNumber, reason.size()) +
                wire::VarintFieldSize(S::kRetryAfterMsFieldNumber, retry_ms);
  for (const Reply& reply : settle.replies) {
    size += wire::BytesFieldSize(S::kRepliesFieldNumber, ReplySize(reply, 0), true);
  }
  const size_t whole = wire::BytesFieldSize(v1::WorkerFrame::kSettlesFieldNumber, size, true);
  if (whole > limit) return false;

  wire::Writer writer(out.Extend(whole));
  writer.BytesHead(v1::WorkerFrame::kSettlesFieldNumber, size);
  writer.VarintField(S::kDeliveryIdFieldNumber, settle.delivery_id);
  writer.VarintField(S::kOutcomeFieldNumber, static_cast<uint64_t>(settle.outcome));
  writer.BytesField(S::kReasonFieldNumber, reason);
  writer.VarintField(S::kRetryAfterMsFieldNumber, retry_ms);
  for (const Reply& reply : settle.replies) {
    writer.BytesHead(S::kRepliesFieldNumber, ReplySize(reply, 0));
    WriteReply(writer, reply, 0);
  }
  return true;
}

bool EncodeEarlyReply(const Reply& reply, uint64_t delivery_id, size_t limit, Bytes& out) {
  const size_t size = ReplySize(reply, delivery_id);
  const size_t whole = wire::BytesFieldSize(v1::WorkerFrame::kRepliesFieldNumber, size, true);
  if (whole > limit) return false;
  wire::Writer writer(out.Extend(whole));
  writer.BytesHead(v1::WorkerFrame::kRepliesFieldNumber, size);
  WriteReply(writer, reply, delivery_id);
  return true;
}

void EncodeBegan(std::span<const uint64_t> delivery_ids, Bytes& out) {
  size_t size = 0;
  for (const uint64_t id : delivery_ids) size += wire::VarintSize(id);
  wire::Writer writer(out.Extend(wire::BytesFieldSize(v1::WorkerFrame::kBeganFieldNumber, size)));
  writer.BytesHead(v1::WorkerFrame::kBeganFieldNumber, size);
  for (const uint64_t id : delivery_ids) writer.Varint(id);
}

void EncodeExtends(std::span<const LeaseKeeper::Extension> extensions, Bytes& out) {
  using E = v1::Extend;
  for (const auto& extension : extensions) {
    const auto lease_ms = static_cast<uint64_t>(extension.lease.count());
    const size_t size = wire::VarintFieldSize(E::kDeliveryIdFieldNumber, extension.delivery_id) +
                        wire::VarintFieldSize(E::kLeaseMsFieldNumber, lease_ms);
    wire::Writer writer(out.Extend(wire::BytesFieldSize(v1::WorkerFrame::kExtendsFieldNumber, size, true)));
    writer.BytesHead(v1::WorkerFrame::kExtendsFieldNumber, size);
    writer.VarintField(E::kDeliveryIdFieldNumber, extension.delivery_id);
    writer.VarintField(E::kLeaseMsFieldNumber, lease_ms);
  }
}

void EncodeFrame(const v1::WorkerFrame& frame, Bytes& out) {
  const size_t size = frame.ByteSizeLong();
  frame.SerializeToArray(out.Extend(size), static_cast<int>(size));
}

}  // namespace sluice::client
