#include "bench/mqtt_codec.h"

#include <gtest/gtest.h>

namespace sluice::bench {
namespace {

using namespace std::string_literals;

Frame FrameOf(std::string_view bytes) {
  Frame frame;
  EXPECT_EQ(NextFrame(bytes, frame), Framing::kFrame);
  EXPECT_EQ(frame.size, bytes.size());
  return frame;
}

TEST(MqttCodec, DecodesThePublishItEncodes) {
  const std::string payload = "\0\xff binary"s;
  for (bool mqtt5 : {false, true}) {
    for (uint8_t qos = 0; qos <= 2; ++qos) {
      PublishPacket sent;
      sent.topic = "plant/1/temp";
      sent.payload = payload;
      sent.qos = qos;
      sent.packet_id = qos == 0 ? uint16_t{0} : uint16_t{0x1234};
      sent.retain = true;
      if (mqtt5) sent.subscription_ids = {7, 268'435'455};
      std::string bytes;
      const PublishLayout layout = AppendPublish(bytes, sent, mqtt5);

      PublishPacket got;
      ASSERT_TRUE(DecodePublish(FrameOf(bytes), mqtt5, got));
      EXPECT_EQ(got.topic, sent.topic);
      EXPECT_EQ(got.payload, sent.payload);
      EXPECT_EQ(got.qos, qos);
      EXPECT_EQ(got.packet_id, sent.packet_id);
      EXPECT_EQ(got.subscription_ids, sent.subscription_ids);
      EXPECT_TRUE(got.retain);
      EXPECT_EQ(std::string_view(bytes).substr(layout.payload), sent.payload);
      if (qos > 0) {
        EXPECT_EQ(LoadU16(bytes.data() + layout.packet_id), 0x1234);
      }
    }
  }
}

TEST(MqttCodec, TakesAPacketOnlyWhenItIsWhole) {
  std::string bytes;
  PublishPacket packet;
  const std::string payload(20'000, 'x');  // A three-byte length.
  packet.topic = "t";
  packet.payload = payload;
  AppendPublish(bytes, packet, true);
  Frame frame;
  for (size_t size : {size_t{0}, size_t{1}, size_t{2}, size_t{3}, bytes.size() - 1}) {
    EXPECT_EQ(NextFrame(std::string_view(bytes).substr(0, size), frame), Framing::kIncomplete) << size;
  }
  bytes += "next";
  EXPECT_EQ(NextFrame(bytes, frame), Framing::kFrame);
  EXPECT_EQ(frame.size, bytes.size() - 4);
}

TEST(MqttCodec, RefusesAFiveByteLengthAndTypeZero) {
  Frame frame;
  EXPECT_EQ(NextFrame("\x30\xff\xff\xff\xff\x01"s, frame), Framing::kMalformed);
  EXPECT_EQ(NextFrame("\x00\x00"s, frame), Framing::kMalformed);
}

TEST(MqttCodec, ReadsTheReceiveMaximumBothWays) {
  std::string bytes;
  AppendConnect(bytes, {.mqtt5 = true, .client_id = "c", .keep_alive_s = 9, .receive_maximum = 17});
  const auto connect = DecodeConnect(FrameOf(bytes));
  ASSERT_TRUE(connect.has_value());
  EXPECT_TRUE(connect->mqtt5);
  EXPECT_EQ(connect->client_id, "c");
  EXPECT_EQ(connect->keep_alive_s, 9);
  EXPECT_EQ(connect->receive_maximum, 17);

  bytes.clear();
  AppendConnack(bytes, true, 0, 20);
  const auto connack = DecodeConnack(FrameOf(bytes), true);
  ASSERT_TRUE(connack.has_value());
  EXPECT_EQ(connack->receive_maximum, 20);
}

TEST(MqttCodec, SkipsThePropertiesItDoesNotUse) {
  // CONNACK with session expiry (0x11), assigned client id (0x12), user property (0x26), receive maximum (0x21).
  const std::string properties = "\x11\x00\x00\x00\x05\x12\x00\x02id\x26\x00\x01k\x00\x01v\x21\x00\x63"s;
  const std::string body = "\x01\x00"s + static_cast<char>(properties.size()) + properties;
  const auto connack = DecodeConnack(FrameOf("\x20"s + static_cast<char>(body.size()) + body), true);
  ASSERT_TRUE(connack.has_value());
  EXPECT_TRUE(connack->session_present);
  EXPECT_EQ(connack->receive_maximum, 0x63);
}

TEST(MqttCodec, DecodesSubscriptionsAndTheirGrants) {
  for (bool mqtt5 : {false, true}) {
    FiltersPacket sent;
    sent.packet_id = 3;
    sent.subscription_id = mqtt5 ? 200 : 0;
    sent.filters = {{"a/#", 1}, {"$share/g/b/+", 2}};
    std::string bytes;
    AppendSubscribe(bytes, sent, mqtt5);
    const auto got = DecodeFilters(FrameOf(bytes), mqtt5);
    ASSERT_TRUE(got.has_value());
    EXPECT_EQ(got->subscription_id, sent.subscription_id);
    ASSERT_EQ(got->filters.size(), 2u);
    EXPECT_EQ(got->filters[1].filter, "$share/g/b/+");
    EXPECT_EQ(got->filters[1].qos, 2);

    bytes.clear();
    AppendSuback(bytes, 3, "\x01\x80"s, mqtt5);
    const auto grant = DecodeSuback(FrameOf(bytes), mqtt5);
    ASSERT_TRUE(grant.has_value());
    EXPECT_EQ(grant->reason_codes, "\x01\x80"s);
  }
}

TEST(MqttCodec, RefusesTruncatedBodies) {
  PublishPacket packet;
  EXPECT_FALSE(DecodePublish(FrameOf("\x30\x03\x00\x05t"s), false, packet));          // Topic beyond the end.
  EXPECT_FALSE(DecodePublish(FrameOf("\x36\x05\x00\x01t\x00\x01"s), false, packet));  // QoS 3.
  EXPECT_FALSE(DecodePublish(FrameOf("\x32\x05\x00\x01t\x00\x00"s), false, packet));  // Packet id 0.
  EXPECT_FALSE(DecodeAck(FrameOf("\x40\x01\x00"s)).has_value());
  EXPECT_FALSE(DecodeFilters(FrameOf("\x82\x02\x00\x01"s), false).has_value());  // No filter.
}

TEST(Matches, FollowsTheRulesOfTheSpecification) {
  EXPECT_TRUE(Matches("a/+/c", "a/b/c"));
  EXPECT_TRUE(Matches("a/#", "a"));
  EXPECT_TRUE(Matches("a/#", "a/b/c"));
  EXPECT_TRUE(Matches("#", "a/b"));
  EXPECT_TRUE(Matches("+/+", "/a"));
  EXPECT_TRUE(Matches("a/+", "a/"));
  EXPECT_FALSE(Matches("a/+", "a"));
  EXPECT_FALSE(Matches("a", "a/b"));
  EXPECT_FALSE(Matches("#", "$SYS/a"));
  EXPECT_FALSE(Matches("+/a", "$SYS/a"));
  EXPECT_TRUE(Matches("$SYS/#", "$SYS/a"));
  EXPECT_EQ(WithoutShare("$share/g/a/b"), "a/b");
  EXPECT_EQ(WithoutShare("a/b"), "a/b");
}

}  // namespace
}  // namespace sluice::bench
