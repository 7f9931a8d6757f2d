#include "tests/fuzz/protocol_harness.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "bench/mqtt_codec.h"
#include "server/mqtt/protocol/client.h"
#include "tests/fuzz/harness.h"
#include "tests/unit/mqtt/protocol/bytes.h"

namespace sluice::wire {
namespace {

enum Option : uint8_t {
  kMqtt5 = 1,
  kCleanStart = 2,
  kSmallLimits = 4,
  kAcceptedAtOnce = 8,     // Each connection begins with a good CONNACK ...
  kSessionPresent = 0x10,  // ... that has the session.
};

enum Step : uint8_t {
  kChunk,  // A length, and as many bytes from the broker.
  kAccept,
  kAcknowledge,
  kPublish,  // The QoS and, with QoS 1 and 2, a token.
  kSubscribe,
  kUnsubscribe,
  kPing,
  kDisconnect,  // A reason.
  kReconnect,
  kSteps,
};

// Reads every byte that an event shows, into a log that can be compared, and keeps count.
class Events final : public ClientEvents {
 public:
  void OnConnack(const Connack& connack) override {
    Add("connack", connack.code, connack.session_present);
    log_ += connack.reason_string + connack.server_reference + connack.response_information;
    REQUIRE(connack.receive_maximum > 0);
    if (connack.code == 0 && !connack.session_present) open.clear();
  }
  void OnPublish(const Publish& publish) override {
    Add("publish", publish.packet_id, static_cast<uint64_t>(publish.qos));
    REQUIRE(!publish.topic.empty() && publish.topic.find_first_of("+#") == std::string_view::npos);
    REQUIRE((publish.qos == Qos::kAtMostOnce) == (publish.packet_id == 0));
    for (std::string_view text : {publish.topic, publish.payload, publish.content_type, publish.response_topic}) {
      log_ += text;
    }
    if (publish.correlation_data) log_ += *publish.correlation_data;
    for (const auto& [name, value] : publish.user) log_.append(name).append(value);
    for (uint32_t id : publish.subscription_ids) REQUIRE(id > 0);
  }
  void OnBadPacket(const BadPacket& packet) override {
    Add("bad", packet.packet_id, static_cast<uint64_t>(packet.kind));
    log_.append(packet.name).append(packet.text).append(packet.topic).append(packet.bytes);
    REQUIRE(packet.bytes.size() <= packet.size);
    REQUIRE(packet.is_publish || packet.packet_id == 0);
    REQUIRE(packet.qos != Qos::kAtMostOnce || packet.packet_id == 0);
  }
  void OnPublished(uint64_t token, uint8_t reason) override {
    Add("published", token, reason);
    REQUIRE(reason == 0 || reason >= 0x80);
    REQUIRE(open.erase(token) == 1);
  }
  void OnSuback(uint16_t packet_id, std::span<const uint8_t> codes, std::string_view reason_string) override {
    Add("suback", packet_id, codes.size());
    REQUIRE(packet_id != 0 && codes.size() == 2);
    for (uint8_t code : codes) REQUIRE(code <= 2 || code >= 0x80);
    log_ += reason_string;
  }
  void OnUnsuback(uint16_t packet_id, std::span<const uint8_t> codes) override {
    Add("unsuback", packet_id, codes.size());
    REQUIRE(packet_id != 0 && codes.size() <= 1);
  }
  void OnPingresp() override { Add("pingresp", 0, 0); }
  void OnDisconnect(const Disconnected& disconnected) override {
    Add("disconnect", disconnected.reason, 0);
    log_.append(disconnected.reason_string).append(disconnected.server_reference);
  }

  std::string TakeLog() { return std::exchange(log_, {}); }

  // Tokens of QoS 1 and 2 that were published and not confirmed.
  std::set<uint64_t> open;

 private:
  void Add(std::string_view what, uint64_t a, uint64_t b) {
    log_.append("\n").append(what) += ' ' + std::to_string(a) + ' ' + std::to_string(b) + ' ';
  }

  std::string log_;
};

ConnectOptions OptionsOf(uint8_t bits) {
  ConnectOptions options;
  options.mqtt5 = (bits & kMqtt5) != 0;
  options.client_id = "fuzz";
  options.clean_start = (bits & kCleanStart) != 0;
  options.session_expiry_s = options.clean_start ? 0 : 60;
  if ((bits & kSmallLimits) != 0) {
    options.receive_maximum = 2;
    options.max_packet_bytes = 100;
  }
  options.topic_alias_maximum = 3;
  return options;
}

// A client, the bytes it has not taken in yet, and what it says.
class Subject {
 public:
  // `piecewise`: its bytes come one by one.
  Subject(uint8_t bits, bool piecewise)
      : mqtt5_((bits & kMqtt5) != 0), piecewise_(piecewise), client_(OptionsOf(bits)) {}

  void Connect(uint8_t bits) {
    client_.ConnectionLost();
    REQUIRE(client_.output().empty() && !client_.connected() && client_.unacknowledged() == 0);
    buffer_.clear();
    sent_connect_ = false;
    sent_disconnect_ = false;
    client_.Connect();
    if ((bits & kCleanStart) != 0) events_.open.clear();
    if ((bits & kAcceptedAtOnce) != 0) Receive(ConnackPacket(mqtt5_, (bits & kSessionPresent) != 0));
  }

  void Receive(std::string_view bytes) {
    if (!piecewise_) return ReceivePiece(bytes);
    for (size_t i = 0; i < bytes.size(); ++i) ReceivePiece(bytes.substr(i, 1));
  }

  void Publish(int qos, uint64_t token) {
    OutboundMessage message;
    message.topic = "t";
    message.qos = static_cast<Qos>(qos);
    if (qos != 0 && events_.open.contains(token) && !resumable_.contains(token)) return;  // It names a message already.
    resumable_.erase(token);
    if (client_.Publish(token, message) && qos != 0) events_.open.insert(token);
  }

  void Command(Step step, uint8_t argument) {
    const SubscribeRequest requests[] = {{.filter = "a/#", .id = 5}, {.filter = "+"}};
    const std::string_view filter = "a/#";
    switch (step) {
      case kAccept:
        return client_.AcceptAll();
      case kAcknowledge:
        return Acknowledge();
      case kSubscribe:
        REQUIRE((client_.Subscribe(requests) != 0) == client_.connected());
        return;
      case kUnsubscribe:
        REQUIRE((client_.Unsubscribe({&filter, 1}) != 0) == client_.connected());
        return;
      case kPing:
        client_.Ping();
        REQUIRE(!client_.connected() || client_.ping_outstanding());
        return;
      case kDisconnect:
        client_.Disconnect(argument);
        REQUIRE(!client_.connected());
        return;
      default:
        return;
    }
  }

  // What holds between any two steps; what it said since the last time.
  std::string Check() {
    REQUIRE(client_.unconfirmed() == events_.open.size());
    std::string out = std::exchange(client_.output(), {});
    CheckOutput(out);
    return events_.TakeLog() + "\n" + out;
  }
  // The caller may send again what the last connection left.
  void RememberResumable() { resumable_ = events_.open; }

 private:
  void ReceivePiece(std::string_view bytes) {
    buffer_ += bytes;
    // A copy of exactly this size, so that a sanitizer sees a read beyond its end; for each byte it would take too
    // long.
    const size_t exact_size = piecewise_ ? 0 : buffer_.size();
    const auto exact = std::make_unique<char[]>(exact_size);
    std::copy_n(buffer_.begin(), exact_size, exact.get());
    const std::string_view view = piecewise_ ? std::string_view(buffer_) : std::string_view(exact.get(), exact_size);
    const Client::Progress progress = client_.Receive(view, events_);
    REQUIRE(progress.consumed <= buffer_.size());
    REQUIRE(progress.wanted > buffer_.size() - progress.consumed);
    REQUIRE(!progress.error || (!client_.connected() && progress.consumed == buffer_.size()));
    if (progress.error) client_.EndAfterError();
    buffer_.erase(0, progress.consumed);
  }

  void Acknowledge() {
    const size_t before = client_.unacknowledged();
    const size_t output = client_.output().size();
    client_.AcknowledgeAccepted();
    // Each in its short form, of four bytes.
    REQUIRE(client_.output().size() - output == 4 * (before - client_.unacknowledged()));
  }

  // Whole packets that a client may send, CONNECT first and DISCONNECT last.
  void CheckOutput(std::string_view out) {
    using bench::PacketType;
    while (!out.empty()) {
      bench::Frame frame;
      REQUIRE(bench::NextFrame(out, frame) == bench::Framing::kFrame);
      out.remove_prefix(frame.size);
      REQUIRE(!sent_disconnect_);
      REQUIRE((frame.type == PacketType::kConnect) == !sent_connect_);
      sent_connect_ = true;
      bench::PublishPacket publish;
      switch (frame.type) {
        case PacketType::kConnect:
          REQUIRE(bench::DecodeConnect(frame).has_value());
          break;
        case PacketType::kPublish:
          REQUIRE(bench::DecodePublish(frame, mqtt5_, publish));
          break;
        case PacketType::kPuback:
        case PacketType::kPubrec:
        case PacketType::kPubrel:
        case PacketType::kPubcomp:
          REQUIRE(bench::DecodeAck(frame).has_value());
          break;
        case PacketType::kSubscribe:
        case PacketType::kUnsubscribe:
          REQUIRE(bench::DecodeFilters(frame, mqtt5_).has_value());
          break;
        case PacketType::kPingreq:
          REQUIRE(frame.flags == 0 && frame.body.empty());
          break;
        case PacketType::kDisconnect:
          REQUIRE(frame.flags == 0 && (mqtt5_ || frame.body.empty()));
          sent_disconnect_ = true;
          break;
        default:
          REQUIRE(false);
      }
    }
  }

  const bool mqtt5_;
  const bool piecewise_;
  Client client_;
  Events events_;
  std::string buffer_;
  std::set<uint64_t> resumable_;
  bool sent_connect_ = false;
  bool sent_disconnect_ = false;
};

}  // namespace

void RunProtocolInput(std::string_view bytes) {
  Input input(bytes);
  const uint8_t bits = input.Byte();
  // Two of the same, but that one gets its bytes at once and the other one by one: they must not differ.
  Subject subjects[] = {Subject(bits, false), Subject(bits, true)};
  for (Subject& subject : subjects) subject.Connect(bits);
  REQUIRE(subjects[0].Check() == subjects[1].Check());
  while (!input.empty()) {
    const auto step = static_cast<Step>(input.Byte() % kSteps);
    const bool has_argument = step == kChunk || step == kPublish || step == kDisconnect || step == kReconnect;
    const uint8_t argument = has_argument ? input.Byte() : uint8_t{0};
    const std::string_view chunk = step == kChunk ? input.Take(argument) : std::string_view();
    for (Subject& subject : subjects) {
      if (step == kChunk) {
        subject.Receive(chunk);
      } else if (step == kPublish) {
        subject.Publish(argument % 3, argument / 3);
      } else if (step == kReconnect) {
        subject.RememberResumable();
        subject.Connect(static_cast<uint8_t>((bits & ~kSessionPresent) | (argument & kSessionPresent)));
      } else {
        subject.Command(step, argument);
      }
    }
    REQUIRE(subjects[0].Check() == subjects[1].Check());
  }
}

// ---------------------------------------------------------------------------------------------- seeds

namespace {

std::string Begin(uint8_t bits) { return U8(bits); }
std::string Chunk(const std::string& bytes) {
  std::string steps;
  for (size_t at = 0; at < bytes.size(); at += 255) {
    const std::string piece = bytes.substr(at, 255);
    steps += U8(kChunk) + U8(static_cast<unsigned>(piece.size())) + piece;
  }
  return steps;
}
std::string PublishStep(unsigned qos, unsigned token) { return U8(kPublish) + U8(token * 3 + qos); }
std::string Reconnect(bool session_present) {
  return U8(kReconnect) + U8(session_present ? unsigned{kSessionPresent} : 0u);
}

}  // namespace

std::vector<std::string> ProtocolSeeds() {
  std::vector<std::string> seeds;
  for (const bool mqtt5 : {false, true}) {
    const uint8_t version = mqtt5 ? uint8_t{kMqtt5} : uint8_t{0};
    const auto accepted = static_cast<uint8_t>(version | kAcceptedAtOnce);
    const std::string none = mqtt5 ? U8(0) : "";
    const std::string why = mqtt5 ? Props("\x1f" + Str("why") + "\x26" + Str("k") + Str("v")) : "";
    const std::string list = "\x01" + U8(1) + "\x02" + U32(9) + "\x03" + Str("c") + "\x08" + Str("r") + "\x09" +
                             Str("d") + "\x0b" + Varint(300) + "\x23" + U16(2) + "\x26" + Str("k") + Str("v");
    const std::string connack_list = "\x11" + U32(1) + "\x21" + U16(2) + "\x24" + U8(1) + "\x25" + U8(0) + "\x27" +
                                     U32(3) + "\x12" + Str("id") + "\x22" + U16(4) + "\x1f" + Str("why") + "\x28" +
                                     U8(0) + "\x29" + U8(0) + "\x2a" + U8(0) + "\x13" + U16(5) + "\x1a" + Str("i") +
                                     "\x1c" + Str("o");
    seeds.push_back(Begin(version) + Chunk(ConnackPacket(mqtt5, true, 0, connack_list)) + U8(kPing) +
                    Chunk(Packet(0xD0, "")) + U8(kDisconnect) + U8(0));
    seeds.push_back(Begin(version) + Chunk(ConnackPacket(mqtt5, false, 5)));
    seeds.push_back(Begin(accepted) + Chunk(PublishPacket(mqtt5, 0, "a/b", 0, "zero", list)) +
                    Chunk(PublishPacket(mqtt5, 3, "a/b", 1, "one") + PublishPacket(mqtt5, 4, "a", 2, "two")) +
                    U8(kAccept) + U8(kAcknowledge) + Chunk(PublishPacket(mqtt5, 0x0C, "a", 2, "two") + Pubrel(2)));
    seeds.push_back(Begin(accepted) + PublishStep(0, 0) + PublishStep(1, 1) + PublishStep(2, 2) + PublishStep(2, 3) +
                    Chunk(Puback(1) + Pubrec(2) + Pubcomp(2) + Pubrec(3)) + Reconnect(true) + PublishStep(2, 3) +
                    Chunk(Pubcomp(3)) + PublishStep(1, 4) + Reconnect(false) + PublishStep(1, 4) + Chunk(Puback(5)));
    seeds.push_back(Begin(accepted) + U8(kSubscribe) + U8(kUnsubscribe) +
                    Chunk(Packet(0x90, U16(1) + why + U16(0x0187))) +
                    Chunk(Packet(0xB0, U16(2) + none + (mqtt5 ? U8(0x11) : ""))));
    seeds.push_back(Begin(accepted | kSmallLimits) +
                    Chunk(PublishPacket(mqtt5, 2, "a", 1, "") + PublishPacket(mqtt5, 4, "b", 2, "")) + U8(kAccept) +
                    Reconnect(true) +
                    Chunk(PublishPacket(mqtt5, 0x0C, "b", 2, "") + PublishPacket(mqtt5, 2, "c", 3, "") + Pubrel(9)));
    seeds.push_back(Begin(accepted | kSmallLimits) + Chunk(PublishPacket(mqtt5, 0, "a", 0, std::string(200, 'x'))));
    // Wrong inside: a topic, no packet identifier, and one that is too large in two pieces.
    seeds.push_back(Begin(accepted) +
                    Chunk(PublishPacket(mqtt5, 4, "a/#", 1, "") + PublishPacket(mqtt5, 2, "a", 0, "")) + U8(kAccept) +
                    U8(kAcknowledge) + Chunk(Pubrel(1)));
    const std::string large = PublishPacket(mqtt5, 2, "a", 1, std::string(400, 'x'));
    seeds.push_back(Begin(accepted | kSmallLimits) + Chunk(large.substr(0, 150)) + Chunk(large.substr(150)) +
                    U8(kAccept) + U8(kAcknowledge));
    if (!mqtt5) continue;
    seeds.push_back(Begin(accepted) + Chunk(PublishPacket(true, 0, "a", 0, "", "\x23" + U16(1)) +
                                            PublishPacket(true, 0, "", 0, "", "\x23" + U16(1))));
    seeds.push_back(Begin(accepted) + PublishStep(1, 1) + PublishStep(2, 2) +
                    Chunk(Packet(0x40, U16(1) + U8(0x87) + why) + Packet(0x50, U16(2) + U8(0x97) + why)));
    seeds.push_back(Begin(accepted) + Chunk(Packet(0xE0, U8(0x8B) + Props("\x1f" + Str("bye") + "\x1c" + Str("o")))));
  }
  return seeds;
}

}  // namespace sluice::wire
