// Random lives of a client and a small broker: connections break at any byte, sessions are kept or lost. Whatever
// happens, nothing is lost; QoS 2 is exactly once as long as the broker keeps the session; orders hold.
#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <set>

#include "bench/mqtt_codec.h"
#include "tests/unit/mqtt/protocol/fixture.h"

namespace sluice::wire {
namespace {

using bench::PacketType;

// A broker with one client, as far as QoS 1 and 2 go (MQTT 5.0 §4.3, §4.4, §4.6, §4.9). It checks what the client does.
class ModelBroker {
 public:
  ModelBroker(bool mqtt5, uint16_t client_receive_maximum)
      : mqtt5_(mqtt5), client_receive_maximum_(client_receive_maximum) {}

  // What is to be sent to the client in response to CONNECT, on a new connection.
  std::string Accept(bool keep_session) {
    const bool present = keep_session && has_session_;
    if (!present) {
      received_.clear();
      // What was on its way is lost with the session.
      for (const Sent& sent : sent_) forgotten.insert(sent.payload);
      sent_.clear();
    }
    has_session_ = true;
    in_.clear();
    acks_due_.clear();
    seen_resend_.clear();
    quota_ = client_receive_maximum_;
    std::string out = ConnackPacket(mqtt5_, present);
    for (Sent& sent : sent_) {
      if (sent.released) {
        out += Pubrel(sent.id);
        continue;
      }
      out += PublishPacket(mqtt5_, 8u | sent.qos << 1, "t", sent.id, sent.payload);
      acks_due_.push_back({sent.qos == 1 ? PacketType::kPuback : PacketType::kPubrec, sent.id});
      --quota_;
    }
    return out;
  }

  // No more than it may send again at once on a new connection.
  bool CanPublish() const { return quota_ > 0 && sent_.size() < client_receive_maximum_; }
  std::string Publish(unsigned qos, const std::string& payload) {
    uint16_t id = 1;
    while (std::any_of(sent_.begin(), sent_.end(), [id](const Sent& sent) { return sent.id == id; })) ++id;
    sent_.push_back({.id = id, .qos = qos, .payload = payload});
    acks_due_.push_back({qos == 1 ? PacketType::kPuback : PacketType::kPubrec, id});
    --quota_;
    return PublishPacket(mqtt5_, qos << 1, "t", id, payload);
  }

  // Takes the client's bytes; its answers.
  std::string Receive(std::string_view bytes) {
    in_ += bytes;
    std::string out;
    bench::Frame frame;
    size_t at = 0;
    while (bench::NextFrame(std::string_view(in_).substr(at), frame) == bench::Framing::kFrame) {
      out += ReceivePacket(frame);
      at += frame.size;
    }
    in_.erase(0, at);
    return out;
  }

  std::vector<std::string> delivered;  // To the broker's subscribers, in order.
  std::set<std::string> forgotten;     // Publishes to the client that went with the session.

 private:
  struct Sent {
    uint16_t id = 0;
    unsigned qos = 0;
    std::string payload;
    bool released = false;
  };

  std::string ReceivePacket(const bench::Frame& frame) {
    switch (frame.type) {
      case PacketType::kPublish:
        return ReceivePublish(frame);
      case PacketType::kPubrel: {
        const auto ack = bench::DecodeAck(frame);
        received_.erase(ack->packet_id);
        return Pubcomp(ack->packet_id);
      }
      case PacketType::kPuback:
      case PacketType::kPubrec:
      case PacketType::kPubcomp:
        return ReceiveAck(frame.type, bench::DecodeAck(frame)->packet_id);
      default:
        return {};
    }
  }

  std::string ReceivePublish(const bench::Frame& frame) {
    bench::PublishPacket publish;
    EXPECT_TRUE(bench::DecodePublish(frame, mqtt5_, publish));
    if (publish.qos == 0) return {};
    // Resent ones come before new ones, each once on a connection, and with DUP.
    EXPECT_TRUE(seen_resend_.insert({publish.packet_id, std::string(publish.payload)}).second || !publish.dup);
    if (publish.qos == 2 && !received_.insert(publish.packet_id).second) {
      EXPECT_TRUE(publish.dup) << "a packet identifier that is in use";
      return Pubrec(publish.packet_id);
    }
    delivered.emplace_back(publish.payload);
    return publish.qos == 1 ? Puback(publish.packet_id) : Pubrec(publish.packet_id);
  }

  std::string ReceiveAck(PacketType type, uint16_t id) {
    const auto sent = std::find_if(sent_.begin(), sent_.end(), [id](const Sent& one) { return one.id == id; });
    if (type != PacketType::kPubcomp) {
      // MQTT-4.6.0-2, -3: in the order of the PUBLISHes.
      EXPECT_FALSE(acks_due_.empty());
      if (acks_due_.empty()) return {};
      EXPECT_EQ(acks_due_.front(), std::pair(type, id));
      acks_due_.pop_front();
    }
    EXPECT_NE(sent, sent_.end());
    if (sent == sent_.end()) return {};
    if (type == PacketType::kPubrec) {
      sent->released = true;
      return Pubrel(id);
    }
    sent_.erase(sent);
    if (quota_ < client_receive_maximum_) ++quota_;
    return {};
  }

  const bool mqtt5_;
  const uint16_t client_receive_maximum_;
  bool has_session_ = false;
  std::string in_;
  std::set<uint16_t> received_;  // QoS 2 from the client, not released.
  std::vector<Sent> sent_;       // To the client, not finished, in order.
  std::deque<std::pair<PacketType, uint16_t>> acks_due_;
  std::set<std::pair<uint16_t, std::string>> seen_resend_;
  int quota_ = 0;
};

// A driver with its consumer: publishes numbered messages, keeps them until they are confirmed, sends them again.
class Model : public ClientEvents {
 public:
  Model(bool mqtt5, unsigned seed, bool may_lose_session)
      : random_(seed),
        may_lose_session_(may_lose_session),
        client_(Options(mqtt5)),
        broker_(mqtt5, client_.options().receive_maximum) {}

  void Run(int steps) {
    Reconnect();
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) Step();
    // Then all goes well, to the end.
    while (!testing::Test::HasFailure() && Busy()) {
      Move(to_client_, SIZE_MAX);
      Answer();
      Move(to_broker_, SIZE_MAX);
    }
    Check();
  }

  void OnConnack(const Connack& /*connack*/) override {
    for (const auto& [token, message] : open_) EXPECT_TRUE(client_.Publish(token, message));
  }
  void OnPublish(const wire::Publish& publish) override { handed_out_.emplace_back(publish.payload, publish.qos); }
  void OnPublished(uint64_t token, uint8_t reason) override {
    EXPECT_EQ(reason, 0);
    const auto found = std::find_if(open_.begin(), open_.end(), [&](const auto& one) { return one.first == token; });
    ASSERT_NE(found, open_.end());
    confirmed_.insert(found->second.payload);
    open_.erase(found);
  }
  void OnSuback(uint16_t /*id*/, std::span<const uint8_t> /*codes*/, std::string_view /*reason*/) override {}
  void OnUnsuback(uint16_t /*id*/, std::span<const uint8_t> /*codes*/) override {}
  void OnDisconnect(const Disconnected& /*disconnected*/) override {}

 private:
  static ConnectOptions Options(bool mqtt5) {
    ConnectOptions options = Peer::OptionsOf(mqtt5);
    options.receive_maximum = 5;
    return options;
  }
  size_t Below(size_t bound) { return std::uniform_int_distribution<size_t>(0, bound - 1)(random_); }

  void Step() {
    switch (Below(12)) {
      case 0:
      case 1:
        if (client_.connected() && open_.size() < 10) PublishOne();
        break;
      case 2:
      case 3:
        if (client_.connected() && broker_.CanPublish()) {
          const unsigned qos = 1 + static_cast<unsigned>(Below(2));
          const std::string payload = (qos == 1 ? "in1-" : "in2-") + std::to_string(++numbers_);
          published_in_.insert(payload);
          to_client_ += broker_.Publish(qos, payload);
        }
        break;
      case 4:
      case 5:
      case 6:
        Move(to_client_, 1 + Below(60));
        break;
      case 7:
      case 8:
        Take();
        Move(to_broker_, 1 + Below(60));
        break;
      case 9:
        Accept();
        break;
      case 10:
        client_.AcknowledgeAccepted();
        break;
      default:
        if (Below(8) == 0) Reconnect();
    }
    EXPECT_LE(client_.unconfirmed(), open_.size());
  }

  void PublishOne() {
    const int qos = 1 + static_cast<int>(Below(2));
    const std::string payload = (qos == 1 ? "out1-" : "out2-") + std::to_string(++numbers_);
    open_.emplace_back(numbers_, Message("t", payload, qos));
    EXPECT_TRUE(client_.Publish(open_.back().first, open_.back().second));
  }

  // The consumer takes over what was handed out.
  void Accept() {
    client_.AcceptAll();
    for (auto& [payload, qos] : handed_out_) accepted_.push_back(payload);
    handed_out_.clear();
  }
  void Answer() {
    Accept();
    client_.AcknowledgeAccepted();
    Take();
  }
  void Take() { to_broker_ += std::exchange(client_.output(), {}); }

  // Lets up to `size` bytes arrive.
  void Move(std::string& pipe, size_t size) {
    const std::string bytes = pipe.substr(0, size);
    pipe.erase(0, bytes.size());
    if (&pipe == &to_broker_) {
      to_client_ += broker_.Receive(bytes);
      return;
    }
    read_ += bytes;
    const Client::Progress progress = client_.Receive(read_, *this);
    EXPECT_FALSE(progress.error) << progress.error->text;
    read_.erase(0, progress.consumed);
  }

  // What was on its way is gone. CONNECT and CONNACK get through.
  void Reconnect() {
    client_.ConnectionLost();
    handed_out_.clear();
    read_.clear();
    to_client_.clear();
    to_broker_.clear();
    client_.Connect();
    client_.output().clear();
    to_client_ = broker_.Accept(!may_lose_session_ || Below(4) != 0);
    // The CONNACK at least, for the broker has to hear of the session in the same state as the client.
    Move(to_client_, ConnackPacket(client_.options().mqtt5).size());
    Take();
  }

  bool Busy() {
    Answer();
    return !to_client_.empty() || !to_broker_.empty() || !open_.empty() || client_.unacknowledged() > 0;
  }

  void Check() {
    // Out: nothing lost, and once with QoS 2 in a session that held.
    std::map<std::string, int> times;
    for (const std::string& payload : broker_.delivered) ++times[payload];
    EXPECT_EQ(client_.unconfirmed(), 0u);
    for (const std::string& payload : confirmed_) {
      EXPECT_GE(times[payload], 1) << payload;
      const bool once = payload.starts_with("out2") && !may_lose_session_;
      EXPECT_TRUE(!once || times[payload] == 1) << payload;
    }
    // First deliveries are in the order of publishing (MQTT-4.6.0-1).
    CheckFirstsAscend(broker_.delivered, "out1-");
    CheckFirstsAscend(broker_.delivered, "out2-");
    // In: the same.
    times.clear();
    for (const std::string& payload : accepted_) ++times[payload];
    for (const std::string& payload : published_in_) {
      if (broker_.forgotten.contains(payload)) continue;
      EXPECT_GE(times[payload], 1) << payload;
      EXPECT_TRUE(!payload.starts_with("in2") || times[payload] == 1) << payload;
    }
    CheckFirstsAscend(accepted_, "in1-");
    CheckFirstsAscend(accepted_, "in2-");
  }

  static void CheckFirstsAscend(const std::vector<std::string>& payloads, const std::string& prefix) {
    int last = 0;
    std::set<int> seen;
    for (const std::string& payload : payloads) {
      if (!payload.starts_with(prefix)) continue;
      const int number = std::stoi(payload.substr(prefix.size()));
      if (!seen.insert(number).second) continue;
      EXPECT_GT(number, last);
      last = number;
    }
  }

  std::mt19937 random_;
  const bool may_lose_session_;
  Client client_;
  ModelBroker broker_;
  std::string to_client_;
  std::string to_broker_;
  std::string read_;

  uint64_t numbers_ = 0;
  std::deque<std::pair<uint64_t, OutboundMessage>> open_;  // Published, not confirmed, in order.
  std::set<std::string> confirmed_;
  std::set<std::string> published_in_;
  std::vector<std::pair<std::string, Qos>> handed_out_;
  std::vector<std::string> accepted_;
};

using ModelTest = BothVersions;
INSTANTIATE_TEST_SUITE_P(Mqtt, ModelTest, testing::Bool(), VersionName);

// MQTT-4.1.0-1, MQTT-4.3.3-10, MQTT-4.4.0-1, MQTT-4.6.0-1 … -4.
TEST_P(ModelTest, NothingIsLostAndQos2IsExactlyOnceWhileTheBrokerKeepsTheSession) {
  for (unsigned seed = 1; seed <= 150 && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    Model(Mqtt5(), seed, /*may_lose_session=*/false).Run(2'000);
  }
}

// MQTT-3.2.2-5.
TEST_P(ModelTest, NothingWePublishIsLostWhenTheBrokerLosesSessions) {
  for (unsigned seed = 1; seed <= 150 && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    Model(Mqtt5(), seed, /*may_lose_session=*/true).Run(2'000);
  }
}

}  // namespace
}  // namespace sluice::wire
