#include "server/journal/record.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "server/journal/crc32c.h"

namespace sluice {
namespace {

constexpr size_t kKeptCapacity = 4u << 20;

enum MessageBits : uint8_t { kQosMask = 3, kRetain = 4, kDup = 8, kHasProperties = 16, kMade = 32, kRefused = 64 };
enum PropertyBits : uint8_t { kContentType = 1, kResponseTopic = 2, kCorrelationData = 4, kExpiry = 8 };

char* PutBytes(char* out, std::string_view bytes) {
  if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
  return out + bytes.size();
}

char* PutText(char* out, std::string_view text) { return PutBytes(PutVarint(out, text.size()), text); }

size_t MostOf(const Properties* properties) {
  if (properties == nullptr) return 0;
  size_t most = 6 * kMaxVarintSize + properties->content_type.size() + properties->response_topic.size();
  if (properties->correlation_data) most += properties->correlation_data->size();
  for (const auto& [name, value] : properties->user) most += 2 * kMaxVarintSize + name.size() + value.size();
  return most;
}

char* PutProperties(char* out, const Properties* properties) {
  if (properties == nullptr) return out;
  const Properties& from = *properties;
  *out++ = static_cast<char>((from.content_type.empty() ? 0 : kContentType) |
                             (from.response_topic.empty() ? 0 : kResponseTopic) |
                             (from.correlation_data ? kCorrelationData : 0) | (from.expiry_s ? kExpiry : 0));
  if (!from.content_type.empty()) out = PutText(out, from.content_type);
  if (!from.response_topic.empty()) out = PutText(out, from.response_topic);
  if (from.correlation_data) out = PutText(out, *from.correlation_data);
  if (from.expiry_s) out = PutVarint(out, *from.expiry_s);
  out = PutVarint(out, from.user.size());
  for (const auto& [name, value] : from.user) out = PutText(PutText(out, name), value);
  return out;
}

std::unique_ptr<const Properties> GetProperties(BodyReader& body) {
  auto properties = std::make_unique<Properties>();
  const uint8_t bits = body.Byte();
  if ((bits & kContentType) != 0) properties->content_type = body.Text();
  if ((bits & kResponseTopic) != 0) properties->response_topic = body.Text();
  if ((bits & kCorrelationData) != 0) properties->correlation_data = std::string(body.Text());
  if ((bits & kExpiry) != 0) {
    const uint64_t expiry = body.Varint();
    if (expiry > std::numeric_limits<uint32_t>::max()) body.Fail();
    properties->expiry_s = static_cast<uint32_t>(expiry);
  }
  for (uint64_t count = body.Varint(); count > 0 && body.ok(); --count) {
    std::string name(body.Text());
    std::string value(body.Text());
    properties->user.emplace_back(std::move(name), std::move(value));
  }
  return properties;
}

size_t MostOf(const ReplyRefusal* refusal) {
  if (refusal == nullptr) return 0;
  return 16 + 4 * kMaxVarintSize + refusal->reason.size() + refusal->route.size() + refusal->chain.size() +
         refusal->worker.size();
}

char* PutRefusal(char* out, const ReplyRefusal* refusal) {
  if (refusal == nullptr) return out;
  PutFixed<uint64_t>(out, refusal->message_id.high);
  PutFixed<uint64_t>(out + 8, refusal->message_id.low);
  out = PutText(PutText(out + 16, refusal->reason), refusal->route);
  return PutText(PutText(out, refusal->chain), refusal->worker);
}

ReplyRefusal GetRefusal(BodyReader& body) {
  ReplyRefusal refusal;
  refusal.message_id.high = body.Fixed64();
  refusal.message_id.low = body.Fixed64();
  refusal.reason = body.Text();
  refusal.route = body.Text();
  refusal.chain = body.Text();
  refusal.worker = body.Text();
  return refusal;
}

uint8_t BitsOf(Qos qos, bool retain, bool dup, bool properties) {
  return static_cast<uint8_t>(static_cast<uint8_t>(qos) | (retain ? kRetain : 0) | (dup ? kDup : 0) |
                              (properties ? kHasProperties : 0));
}

Qos GetQos(uint8_t bits, BodyReader& body) {
  if ((bits & kQosMask) > 2) body.Fail();
  return static_cast<Qos>(bits & kQosMask);
}

// Wraps, as any bytes may stand in a file.
int64_t Minus(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}

// Version 7 ids begin with the time.
int64_t MillisOf(const MessageId& id) { return static_cast<int64_t>(id.high >> 16); }

}  // namespace

void BatchEncoder::Clear() {
  frames_.clear();
  size_ = 0;
  if (capacity_ > kKeptCapacity) {
    buffer_.reset();
    capacity_ = 0;
  }
}

char* BatchEncoder::Begin(size_t most) {
  const size_t wanted = size_ + kFrameHeaderSize + most;
  if (wanted > capacity_) {
    const size_t capacity = std::max<size_t>({wanted, 2 * capacity_, 16u << 10});
    std::unique_ptr<char[]> larger(new char[capacity]);
    if (size_ > 0) std::memcpy(larger.get(), buffer_.get(), size_);
    buffer_ = std::move(larger);
    capacity_ = capacity;
  }
  return buffer_.get() + size_ + kFrameHeaderSize;
}

void BatchEncoder::End(RecordKind kind, RecordId record, const char* end) {
  char* const begin = buffer_.get() + size_;
  const auto size = static_cast<uint32_t>(end - begin);
  frames_.push_back({kind, record, static_cast<uint32_t>(size_), size});
  // The rest of the header follows with the place.
  const std::string_view body(begin + kFrameHeaderSize, size - kFrameHeaderSize);
  PutFixed<uint32_t>(begin + 8, Crc32c(body));
  size_ += size;
}

void BatchEncoder::AddMessage(RecordId record, const RoutedMessage& routed) {
  const Message& message = *routed.message;
  const Properties* properties = message.properties.get();
  const std::string_view connection = routed.route != nullptr ? routed.route->connection : std::string_view();
  const std::string_view route = routed.route != nullptr ? routed.route->id : std::string_view();
  const std::string_view chain = routed.chain != nullptr ? routed.chain->name : std::string_view();
  char* out = Begin(9 * kMaxVarintSize + 17 + connection.size() + route.size() + chain.size() +
                    routed.start_node.size() + message.topic.size() + MostOf(properties) + message.payload.size());
  out = PutVarint(out, record);
  PutFixed<uint64_t>(out, routed.id.high);
  PutFixed<uint64_t>(out + 8, routed.id.low);
  out[16] = static_cast<char>(BitsOf(message.qos, message.retain, message.dup, properties != nullptr));
  out = PutVarint(out + 17, ZigZag(Minus(message.received_unix_ms, MillisOf(routed.id))));
  out = PutText(PutText(PutText(out, connection), route), chain);
  out = PutText(PutText(out, routed.start_node), message.topic);
  out = PutBytes(PutProperties(out, properties), message.payload);
  End(RecordKind::kMessage, record, out);
  if (routed.attempts > 0) AddAttempts(record, routed.attempts);
}

void BatchEncoder::AddReply(RecordId record, const OutboxEntry& entry) {
  const OutboundMessage& message = *entry.message;
  const Properties* properties = message.properties.get();
  // Counted from when it was made, over a restart, too.
  const bool expires = properties != nullptr && properties->expiry_s;
  char* out = Begin(4 * kMaxVarintSize + 1 + MostOf(entry.refusal) + entry.connection.size() + message.topic.size() +
                    MostOf(properties) + message.payload.size());
  out = PutVarint(out, record);
  *out++ = static_cast<char>(BitsOf(message.qos, message.retain, false, properties != nullptr) | (expires ? kMade : 0) |
                             (entry.refusal != nullptr ? kRefused : 0));
  if (expires) out = PutVarint(out, ZigZag(message.made_unix_ms));
  out = PutRefusal(out, entry.refusal);
  out = PutText(PutText(out, entry.connection), message.topic);
  out = PutBytes(PutProperties(out, properties), message.payload);
  End(RecordKind::kReply, record, out);
}

void BatchEncoder::AddIds(RecordKind kind, std::span<const RecordId> records) {
  char* const begin = Begin(records.size() * kMaxVarintSize);
  char* out = begin;
  RecordId before = 0;
  for (RecordId record : records) {
    if (record == 0) continue;
    out = PutVarint(out, ZigZag(static_cast<int64_t>(record - before)));
    before = record;
  }
  if (out != begin) End(kind, 0, out);
}

void BatchEncoder::AddAttempts(RecordId record, uint32_t attempts) {
  char* out = Begin(2 * kMaxVarintSize);
  End(RecordKind::kAttempts, 0, PutVarint(PutVarint(out, record), attempts));
}

void BatchEncoder::AddDead(const DeadLetterNote& note) {
  char* out = Begin(4 * kMaxVarintSize + note.worker.size() + note.reason.size());
  out = PutVarint(PutVarint(out, note.record), note.attempts);
  out = PutVarint(out, ZigZag(note.unix_ms));
  End(RecordKind::kDead, note.record, PutBytes(PutText(out, note.worker), note.reason));
}

void BatchEncoder::AddPacket(RecordKind kind, const ReceivedPacket& packet) {
  char* out = Begin(kMaxVarintSize + packet.session.size());
  End(kind, 0, PutBytes(PutVarint(out, packet.packet_id), packet.session));
}

void BatchEncoder::AddSynced(uint32_t sequence, uint64_t offset) {
  char* out = Begin(2 * kMaxVarintSize);
  End(RecordKind::kSynced, 0, PutVarint(PutVarint(out, sequence), offset));
}

void BatchEncoder::AddCopy(RecordKind kind, RecordId record, std::string_view body) {
  End(kind, record, PutBytes(Begin(body.size()), body));
}

std::string_view BatchEncoder::Finish(uint32_t seed, uint64_t offset) {
  for (const Frame& frame : frames_) {
    char* at = buffer_.get() + frame.offset;
    FrameHeader header;
    header.kind = static_cast<uint8_t>(frame.kind);
    header.flags = static_cast<uint8_t>((&frame == &frames_.front() ? kBatchBegins : 0) |
                                        (&frame == &frames_.back() ? kBatchEnds : 0));
    header.body_size = static_cast<uint32_t>(frame.size - kFrameHeaderSize);
    header.body_crc = GetFixed<uint32_t>(at + 8);
    EncodeFrameHeader(header, seed, offset + frame.offset, at);
  }
  return {buffer_.get(), size_};
}

bool DecodeMessage(std::string_view bytes, RecoveredMessage& out) {
  BodyReader body(bytes);
  out.record = body.Varint();
  out.id.high = body.Fixed64();
  out.id.low = body.Fixed64();
  const uint8_t bits = body.Byte();
  const int64_t received = Minus(UnZigZag(body.Varint()), -MillisOf(out.id));
  out.connection = body.Text();
  out.route = body.Text();
  out.chain = body.Text();
  out.start_node = body.Text();
  const std::string_view topic = body.Text();
  std::unique_ptr<const Properties> properties;
  if ((bits & kHasProperties) != 0) properties = GetProperties(body);
  const Qos qos = GetQos(bits, body);
  const std::string_view payload = body.Rest();
  if (!body.ok() || out.record == 0) return false;
  out.message = MakeMessage(topic, payload);
  out.message->qos = qos;
  out.message->retain = (bits & kRetain) != 0;
  out.message->dup = (bits & kDup) != 0;
  out.message->properties = std::move(properties);
  out.message->received_unix_ms = received;
  return true;
}

bool DecodeReply(std::string_view bytes, RecoveredReply& out) {
  BodyReader body(bytes);
  out.record = body.Varint();
  const uint8_t bits = body.Byte();
  out.message = std::make_shared<OutboundMessage>();
  if ((bits & kMade) != 0) out.message->made_unix_ms = UnZigZag(body.Varint());
  if ((bits & kRefused) != 0) out.refusal = GetRefusal(body);
  out.connection = body.Text();
  out.message->topic = body.Text();
  if ((bits & kHasProperties) != 0) out.message->properties = GetProperties(body);
  out.message->qos = GetQos(bits, body);
  out.message->retain = (bits & kRetain) != 0;
  out.message->payload = body.Rest();
  return body.ok() && out.record != 0;
}

bool DecodeDead(std::string_view bytes, DecodedDead& out) {
  BodyReader body(bytes);
  out.record = body.Varint();
  out.attempts = static_cast<uint32_t>(body.Varint());
  out.unix_ms = UnZigZag(body.Varint());
  out.worker = body.Text();
  out.reason = body.Rest();
  return body.ok() && out.record != 0;
}

bool DecodeIds(std::string_view bytes, std::vector<RecordId>& out) {
  BodyReader body(bytes);
  RecordId record = 0;
  while (!body.empty()) {
    record += static_cast<RecordId>(UnZigZag(body.Varint()));
    if (body.ok()) out.push_back(record);
  }
  return body.ok();
}

bool DecodeAttempts(std::string_view bytes, AttemptsNote& out) {
  BodyReader body(bytes);
  out.record = body.Varint();
  out.attempts = static_cast<uint32_t>(body.Varint());
  return body.ok() && body.empty();
}

bool DecodePacket(std::string_view bytes, ReceivedPacket& out) {
  BodyReader body(bytes);
  const uint64_t packet_id = body.Varint();
  out.session = body.Rest();
  out.packet_id = static_cast<uint16_t>(packet_id);
  return body.ok() && packet_id <= std::numeric_limits<uint16_t>::max();
}

bool DecodeSynced(std::string_view bytes, uint32_t& sequence, uint64_t& offset) {
  BodyReader body(bytes);
  sequence = static_cast<uint32_t>(body.Varint());
  offset = body.Varint();
  return body.ok() && body.empty();
}

RecordId DecodeRecordId(std::string_view bytes) { return BodyReader(bytes).Varint(); }

}  // namespace sluice
