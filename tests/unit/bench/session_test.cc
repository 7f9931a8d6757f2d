#include "bench/null_broker/session.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::bench {
namespace {

// Remembers what a session told.
class Listener : public SessionListener {
 public:
  void OnSubscriptions(Session& /*session*/) override { ++subscriptions; }
  void OnPublish(Session& /*session*/, const PublishPacket& packet) override { payloads.emplace_back(packet.payload); }
  void OnConfirmed(Session& /*session*/, size_t count) override { confirmed += count; }

  int subscriptions = 0;
  std::vector<std::string> payloads;
  size_t confirmed = 0;
};

class SessionTest : public testing::TestWithParam<bool> {
 protected:
  // Feeds `bytes` and takes the answers away, packet by packet.
  std::vector<Frame> Feed(const std::string& bytes) {
    closed_ = !session_.OnBytes(bytes).has_value();
    session_.ReportConfirmed();
    return TakeOut();
  }
  std::vector<Frame> TakeOut() {
    taken_ = std::exchange(session_.out(), {});
    std::vector<Frame> frames;
    Frame frame;
    for (std::string_view rest = taken_; NextFrame(rest, frame) == Framing::kFrame; rest.remove_prefix(frame.size)) {
      frames.push_back(frame);
    }
    return frames;
  }
  std::vector<Frame> Connect(uint16_t receive_maximum = 65'535) {
    std::string bytes;
    AppendConnect(bytes, {.mqtt5 = GetParam(), .client_id = "c", .receive_maximum = receive_maximum});
    return Feed(bytes);
  }
  void Subscribe(const std::string& filter, uint8_t qos, uint32_t id = 0) {
    std::string bytes;
    AppendSubscribe(bytes, {.packet_id = 1, .subscription_id = GetParam() ? id : 0, .filters = {{filter, qos}}},
                    GetParam());
    const auto frames = Feed(bytes);
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(frames[0].type, PacketType::kSuback);
  }
  std::vector<Frame> Ack(PacketType type, uint16_t id) {
    std::string bytes;
    AppendAck(bytes, type, id);
    return Feed(bytes);
  }
  std::vector<Frame> ClientPublishes(std::string_view payload, uint8_t qos, uint16_t id) {
    PublishPacket packet;
    packet.topic = "out";
    packet.payload = payload;
    packet.qos = qos;
    packet.packet_id = id;
    std::string bytes;
    AppendPublish(bytes, packet, GetParam());
    return Feed(bytes);
  }
  PublishPacket TakePublish() {
    const auto frames = TakeOut();
    PublishPacket packet;
    EXPECT_EQ(frames.size(), 1u);
    if (!frames.empty()) {
      EXPECT_TRUE(DecodePublish(frames[0], GetParam(), packet));
    }
    return packet;
  }

  Listener listener_;
  Session session_{3, listener_};
  std::string taken_;
  bool closed_ = false;
};

INSTANTIATE_TEST_SUITE_P(Protocols, SessionTest, testing::Bool(),
                         [](const auto& protocol) { return protocol.param ? "Mqtt5" : "Mqtt311"; });

TEST_P(SessionTest, AnnouncesItsWindow) {
  const auto frames = Connect();
  ASSERT_EQ(frames.size(), 1u);
  const auto connack = DecodeConnack(frames[0], GetParam());
  ASSERT_TRUE(connack.has_value());
  EXPECT_EQ(connack->reason_code, 0);
  if (GetParam()) {
    EXPECT_EQ(connack->receive_maximum, 3);
  }
}

TEST_P(SessionTest, ClosesWhenTheFirstPacketIsNoConnect) {
  Ack(PacketType::kPuback, 1);
  EXPECT_TRUE(closed_);
  EXPECT_FALSE(session_.error().empty());
}

TEST_P(SessionTest, AnswersPings) {
  Connect();
  std::string ping;
  AppendEmpty(ping, PacketType::kPingreq);
  const auto frames = Feed(ping);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].type, PacketType::kPingresp);
}

TEST_P(SessionTest, SendsNoMoreThanTheWindowAtQos1) {
  Connect();
  Subscribe("in", 1, 5);
  const auto made = session_.MakeTemplate("in", "payload", 1);
  ASSERT_TRUE(made.has_value());
  for (int i = 0; i < 3; ++i) {
    ASSERT_GT(session_.free_window(), 0u);
    session_.Publish(*made, "PRE");
    const PublishPacket packet = TakePublish();
    EXPECT_EQ(packet.payload, "PREload");
    EXPECT_EQ(packet.packet_id, i + 1);
    if (GetParam()) {
      EXPECT_EQ(packet.subscription_ids, std::vector<uint32_t>{5});
    }
  }
  EXPECT_EQ(session_.free_window(), 0u);
  Ack(PacketType::kPuback, 2);
  EXPECT_EQ(session_.free_window(), 1u);
  EXPECT_EQ(listener_.confirmed, 1u);
}

TEST_P(SessionTest, FreesTheWindowWithPubcompAtQos2) {
  Connect();
  Subscribe("in", 2);
  session_.Publish(*session_.MakeTemplate("in", "payload", 2), "");
  EXPECT_EQ(TakePublish().qos, 2);
  const auto frames = Ack(PacketType::kPubrec, 1);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].type, PacketType::kPubrel);
  EXPECT_EQ(session_.free_window(), 2u);
  Ack(PacketType::kPubcomp, 1);
  EXPECT_EQ(session_.free_window(), 3u);
  EXPECT_EQ(listener_.confirmed, 1u);
}

TEST_P(SessionTest, LowersItsWindowToTheClientsReceiveMaximum) {
  Connect(2);
  EXPECT_EQ(session_.free_window(), GetParam() ? 2u : 3u);
}

TEST_P(SessionTest, TakesTheLowerOfGrantedAndWantedQos) {
  Connect();
  Subscribe("a/#", 1);
  EXPECT_EQ(session_.MakeTemplate("a/b", "p", 2)->qos, 1);
  EXPECT_EQ(session_.MakeTemplate("a/b", "p", 0)->qos, 0);
  EXPECT_FALSE(session_.MakeTemplate("b", "p", 0).has_value());
}

TEST_P(SessionTest, UnsubscribesAndSharesLikeABroker) {
  Connect();
  Subscribe("$share/group/a/+", 1);
  EXPECT_TRUE(session_.MakeTemplate("a/b", "p", 1).has_value());
  FiltersPacket packet{.packet_id = 2, .filters = {{"$share/group/a/+", 0}}};
  std::string body = {0, 2};
  if (GetParam()) body.push_back(0);
  body += std::string("\0\x10", 2) + packet.filters[0].filter;
  const auto frames = Feed(std::string("\xA2") + static_cast<char>(body.size()) + body);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].type, PacketType::kUnsuback);
  EXPECT_FALSE(session_.MakeTemplate("a/b", "p", 1).has_value());
  EXPECT_EQ(listener_.subscriptions, 2);
}

TEST_P(SessionTest, ConfirmsWhatTheClientPublishes) {
  Connect();
  EXPECT_TRUE(ClientPublishes("zero", 0, 0).empty());
  auto frames = ClientPublishes("one", 1, 9);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].type, PacketType::kPuback);
  frames = ClientPublishes("two", 2, 10);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].type, PacketType::kPubrec);
  frames = Ack(PacketType::kPubrel, 10);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].type, PacketType::kPubcomp);
  EXPECT_EQ(listener_.payloads, (std::vector<std::string>{"zero", "one", "two"}));
}

TEST_P(SessionTest, TakesAQos2PublishThatIsSentAgainOnce) {
  Connect();
  ClientPublishes("two", 2, 10);
  ClientPublishes("two", 2, 10);
  EXPECT_EQ(listener_.payloads.size(), 1u);
}

TEST_P(SessionTest, ClosesWhenItsReceiveMaximumIsIgnored) {
  Connect();
  for (uint16_t id = 1; id <= 3; ++id) ClientPublishes("two", 2, id);
  EXPECT_FALSE(closed_);
  ClientPublishes("two", 2, 4);
  EXPECT_EQ(closed_, GetParam()) << "MQTT 3.1.1 announces none";
}

TEST_P(SessionTest, ClosesOnAnAcknowledgementOfNothing) {
  Connect();
  Ack(PacketType::kPuback, 77);
  EXPECT_TRUE(closed_);
}

}  // namespace
}  // namespace sluice::bench
