#include "bench/mqtt_codec.h"

namespace sluice::bench {
namespace {

// MQTT 5.0 §2.2.2.2.
enum PropertyId : uint8_t { kSubscriptionId = 0x0B, kReceiveMaximum = 0x21 };

// Reads the fields of a packet one after the other; after a read beyond the end everything is zero and ok() false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  bool empty() const { return bytes_.empty(); }
  std::string_view Rest() { return Take(bytes_.size()); }
  uint8_t U8() {
    const std::string_view taken = Take(1);
    return taken.empty() ? uint8_t{0} : static_cast<uint8_t>(taken[0]);
  }
  uint16_t U16() {
    const unsigned high = U8();
    return static_cast<uint16_t>(high << 8 | U8());
  }
  std::string_view String() { return Take(U16()); }
  std::string_view Take(size_t size) {
    if (size > bytes_.size()) {
      ok_ = false;
      bytes_ = {};
      return {};
    }
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }
  // MQTT 5.0 §1.5.5.
  uint32_t Varint() {
    uint32_t value = 0;
    for (unsigned shift = 0; shift < 28; shift += 7) {
      const uint8_t byte = U8();
      value |= static_cast<uint32_t>(byte & 0x7F) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    ok_ = false;
    return 0;
  }
  // The property list at the front: calls numeric(id, value) for those with an integer value, skips the others.
  template <typename Numeric>
  void Properties(Numeric numeric) {
    Reader list(Take(Varint()));
    while (list.ok() && !list.empty()) {
      const uint8_t id = list.U8();
      switch (id) {
        case 0x01:
        case 0x17:
        case 0x19:
        case 0x24:
        case 0x25:
        case 0x28:
        case 0x29:
        case 0x2A:
          numeric(id, uint32_t{list.U8()});
          break;
        case 0x13:
        case kReceiveMaximum:
        case 0x22:
        case 0x23:
          numeric(id, uint32_t{list.U16()});
          break;
        case kSubscriptionId:
          numeric(id, list.Varint());
          break;
        case 0x02:
        case 0x11:
        case 0x18:
        case 0x27: {
          const uint32_t high = list.U16();
          numeric(id, high << 16 | list.U16());
          break;
        }
        case 0x26:
          list.String();
          [[fallthrough]];
        case 0x03:
        case 0x08:
        case 0x09:
        case 0x12:
        case 0x15:
        case 0x16:
        case 0x1A:
        case 0x1C:
        case 0x1F:
          list.String();
          break;
        default:
          ok_ = false;
          return;
      }
    }
    ok_ = ok_ && list.ok();
  }
  void SkipProperties() {
    Properties([](uint8_t, uint32_t) {});
  }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

size_t VarintSize(size_t value) { return value < 128 ? 1 : value < 16'384 ? 2 : value < 2'097'152 ? 3 : 4; }

void AppendVarint(std::string& out, size_t value) {
  while (value >= 128) {
    out.push_back(static_cast<char>(value % 128 | 0x80));
    value /= 128;
  }
  out.push_back(static_cast<char>(value));
}

void AppendU16(std::string& out, size_t value) {
  out.push_back(static_cast<char>(value >> 8 & 0xFF));
  out.push_back(static_cast<char>(value & 0xFF));
}

void AppendString(std::string& out, std::string_view text) {
  AppendU16(out, text.size());
  out.append(text);
}

void AppendHeader(std::string& out, PacketType type, uint8_t flags, size_t body_size) {
  out.push_back(static_cast<char>(static_cast<uint8_t>(type) << 4 | flags));
  AppendVarint(out, body_size);
}

}  // namespace

Framing NextFrame(std::string_view bytes, Frame& frame) {
  if (bytes.size() < 2) return Framing::kIncomplete;
  size_t length = 0;
  size_t header = 1;
  for (unsigned shift = 0;; shift += 7) {
    if (shift > 21) return Framing::kMalformed;
    if (header == bytes.size()) return Framing::kIncomplete;
    const auto byte = static_cast<uint8_t>(bytes[header++]);
    length |= static_cast<size_t>(byte & 0x7F) << shift;
    if ((byte & 0x80) == 0) break;
  }
  const auto first = static_cast<uint8_t>(bytes[0]);
  if (first >> 4 == 0) return Framing::kMalformed;
  if (bytes.size() - header < length) return Framing::kIncomplete;
  frame.type = static_cast<PacketType>(first >> 4);
  frame.flags = first & 0x0F;
  frame.body = bytes.substr(header, length);
  frame.size = header + length;
  return Framing::kFrame;
}

std::optional<ConnectPacket> DecodeConnect(const Frame& frame) {
  Reader reader(frame.body);
  ConnectPacket packet;
  if (reader.String() != "MQTT") return std::nullopt;
  const uint8_t level = reader.U8();
  if (level != 4 && level != 5) return std::nullopt;
  packet.mqtt5 = level == 5;
  const uint8_t flags = reader.U8();
  packet.clean_start = (flags & 0x02) != 0;
  packet.keep_alive_s = reader.U16();
  if (packet.mqtt5) {
    reader.Properties([&](uint8_t id, uint32_t value) {
      if (id == kReceiveMaximum) packet.receive_maximum = static_cast<uint16_t>(value);
    });
  }
  packet.client_id = reader.String();
  // The will, user name and password are of no interest.
  if (!reader.ok() || packet.receive_maximum == 0) return std::nullopt;
  return packet;
}

std::optional<ConnackPacket> DecodeConnack(const Frame& frame, bool mqtt5) {
  Reader reader(frame.body);
  ConnackPacket packet;
  packet.session_present = (reader.U8() & 1) != 0;
  packet.reason_code = reader.U8();
  if (mqtt5 && !reader.empty()) {
    reader.Properties([&](uint8_t id, uint32_t value) {
      if (id == kReceiveMaximum) packet.receive_maximum = static_cast<uint16_t>(value);
    });
  }
  if (!reader.ok()) return std::nullopt;
  return packet;
}

bool DecodePublish(const Frame& frame, bool mqtt5, PublishPacket& packet) {
  Reader reader(frame.body);
  packet.dup = (frame.flags & 0x08) != 0;
  packet.retain = (frame.flags & 0x01) != 0;
  packet.qos = frame.flags >> 1 & 3;
  packet.topic = reader.String();
  packet.packet_id = packet.qos == 0 ? uint16_t{0} : reader.U16();
  packet.subscription_ids.clear();
  if (mqtt5) {
    reader.Properties([&](uint8_t id, uint32_t value) {
      if (id == kSubscriptionId) packet.subscription_ids.push_back(value);
    });
  }
  packet.payload = reader.Rest();
  return reader.ok() && packet.qos != 3 && !packet.topic.empty() && (packet.qos == 0 || packet.packet_id != 0);
}

std::optional<AckPacket> DecodeAck(const Frame& frame) {
  if (frame.type == PacketType::kPubrel && frame.flags != 2) return std::nullopt;
  Reader reader(frame.body);
  AckPacket packet;
  packet.packet_id = reader.U16();
  if (!reader.empty()) packet.reason_code = reader.U8();
  if (!reader.ok() || packet.packet_id == 0) return std::nullopt;
  return packet;
}

std::optional<FiltersPacket> DecodeFilters(const Frame& frame, bool mqtt5) {
  if (frame.flags != 2) return std::nullopt;
  Reader reader(frame.body);
  FiltersPacket packet;
  packet.packet_id = reader.U16();
  if (mqtt5) {
    reader.Properties([&](uint8_t id, uint32_t value) {
      if (id == kSubscriptionId) packet.subscription_id = value;
    });
  }
  while (reader.ok() && !reader.empty()) {
    TopicFilter filter;
    filter.filter = reader.String();
    if (frame.type == PacketType::kSubscribe) filter.qos = reader.U8() & 3;
    packet.filters.push_back(std::move(filter));
  }
  if (!reader.ok() || packet.packet_id == 0 || packet.filters.empty()) return std::nullopt;
  return packet;
}

std::optional<GrantPacket> DecodeSuback(const Frame& frame, bool mqtt5) {
  Reader reader(frame.body);
  GrantPacket packet;
  packet.packet_id = reader.U16();
  if (mqtt5) reader.SkipProperties();
  packet.reason_codes = reader.Rest();
  if (!reader.ok()) return std::nullopt;
  return packet;
}

void AppendConnect(std::string& out, const ConnectOptions& options) {
  std::string body;
  AppendString(body, "MQTT");
  body.push_back(options.mqtt5 ? 5 : 4);
  body.push_back(0x02);  // Clean start; no will, no credentials.
  AppendU16(body, options.keep_alive_s);
  if (options.mqtt5) {
    body.push_back(3);
    body.push_back(kReceiveMaximum);
    AppendU16(body, options.receive_maximum);
  }
  AppendString(body, options.client_id);
  AppendHeader(out, PacketType::kConnect, 0, body.size());
  out.append(body);
}

void AppendConnack(std::string& out, bool mqtt5, uint8_t reason_code, uint16_t receive_maximum) {
  AppendHeader(out, PacketType::kConnack, 0, mqtt5 ? 6 : 2);
  out.push_back(0);  // No session present.
  out.push_back(static_cast<char>(reason_code));
  if (!mqtt5) return;
  out.push_back(3);
  out.push_back(kReceiveMaximum);
  AppendU16(out, receive_maximum);
}

PublishLayout AppendPublish(std::string& out, const PublishPacket& packet, bool mqtt5) {
  size_t properties = 0;
  for (uint32_t id : packet.subscription_ids) properties += 1 + VarintSize(id);
  const size_t body_size = 2 + packet.topic.size() + (packet.qos > 0 ? 2 : 0) +
                           (mqtt5 ? VarintSize(properties) + properties : 0) + packet.payload.size();
  const size_t start = out.size();
  const auto flags = static_cast<uint8_t>((packet.dup ? 8 : 0) | packet.qos << 1 | (packet.retain ? 1 : 0));
  AppendHeader(out, PacketType::kPublish, flags, body_size);
  AppendString(out, packet.topic);
  PublishLayout layout;
  if (packet.qos > 0) {
    layout.packet_id = out.size() - start;
    AppendU16(out, packet.packet_id);
  }
  if (mqtt5) {
    AppendVarint(out, properties);
    for (uint32_t id : packet.subscription_ids) {
      out.push_back(kSubscriptionId);
      AppendVarint(out, id);
    }
  }
  layout.payload = out.size() - start;
  out.append(packet.payload);
  return layout;
}

void AppendAck(std::string& out, PacketType type, uint16_t packet_id) {
  const uint8_t flags = type == PacketType::kPubrel ? 2 : 0;
  char bytes[4] = {static_cast<char>(static_cast<uint8_t>(type) << 4 | flags), 2, 0, 0};
  StoreU16(bytes + 2, packet_id);
  out.append(bytes, sizeof bytes);
}

void AppendSubscribe(std::string& out, const FiltersPacket& packet, bool mqtt5) {
  std::string body;
  AppendU16(body, packet.packet_id);
  if (mqtt5) {
    body.push_back(static_cast<char>(packet.subscription_id == 0 ? 0 : 1 + VarintSize(packet.subscription_id)));
    if (packet.subscription_id != 0) {
      body.push_back(kSubscriptionId);
      AppendVarint(body, packet.subscription_id);
    }
  }
  for (const TopicFilter& filter : packet.filters) {
    AppendString(body, filter.filter);
    body.push_back(static_cast<char>(filter.qos));
  }
  AppendHeader(out, PacketType::kSubscribe, 2, body.size());
  out.append(body);
}

void AppendSuback(std::string& out, uint16_t packet_id, std::string_view reason_codes, bool mqtt5) {
  AppendHeader(out, PacketType::kSuback, 0, (mqtt5 ? 3 : 2) + reason_codes.size());
  AppendU16(out, packet_id);
  if (mqtt5) out.push_back(0);
  out.append(reason_codes);
}

void AppendUnsuback(std::string& out, uint16_t packet_id, std::string_view reason_codes, bool mqtt5) {
  AppendHeader(out, PacketType::kUnsuback, 0, mqtt5 ? 3 + reason_codes.size() : 2);
  AppendU16(out, packet_id);
  if (!mqtt5) return;
  out.push_back(0);
  out.append(reason_codes);
}

void AppendEmpty(std::string& out, PacketType type) { AppendHeader(out, type, 0, 0); }

void AppendDisconnect(std::string& out, uint8_t reason_code) {
  AppendHeader(out, PacketType::kDisconnect, 0, 1);
  out.push_back(static_cast<char>(reason_code));
}

std::string_view WithoutShare(std::string_view filter) {
  constexpr std::string_view kPrefix = "$share/";
  if (!filter.starts_with(kPrefix)) return filter;
  const size_t slash = filter.find('/', kPrefix.size());
  return slash == std::string_view::npos ? filter : filter.substr(slash + 1);
}

bool Matches(std::string_view filter, std::string_view topic) {
  if (topic.starts_with('$') && (filter.starts_with('+') || filter.starts_with('#'))) return false;
  while (true) {
    if (filter == "#") return true;
    const size_t filter_end = filter.find('/');
    const size_t topic_end = topic.find('/');
    const std::string_view level = filter.substr(0, filter_end);
    if (level != "+" && level != topic.substr(0, topic_end)) return false;
    if (filter_end == std::string_view::npos) return topic_end == std::string_view::npos;
    filter.remove_prefix(filter_end + 1);
    if (topic_end == std::string_view::npos) return filter == "#";  // "a/#" takes "a" too.
    topic.remove_prefix(topic_end + 1);
  }
}

}  // namespace sluice::bench
