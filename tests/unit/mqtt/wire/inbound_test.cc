#include "server/mqtt/wire/inbound.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace sluice::wire {
namespace {

TEST(ToInboundTest, CopiesASmallMessage) {
  std::string bytes = "a/bpayload";
  Publish publish;
  publish.topic = std::string_view(bytes).substr(0, 3);
  publish.payload = std::string_view(bytes).substr(3);
  publish.qos = Qos::kExactlyOnce;
  publish.retain = publish.dup = true;
  publish.subscription_ids = {3, 4};
  const InboundMessage inbound = ToInbound(publish, nullptr, {.steady = SteadyTime(Millis{5}), .unix_ms = 7});
  bytes.assign(bytes.size(), '#');
  const Message& message = *inbound.message;
  EXPECT_EQ(message.topic, "a/b");
  EXPECT_EQ(message.payload, "payload");
  EXPECT_EQ(message.qos, Qos::kExactlyOnce);
  EXPECT_TRUE(message.retain);
  EXPECT_TRUE(message.dup);
  EXPECT_EQ(message.properties, nullptr);
  EXPECT_EQ(message.received, SteadyTime(Millis{5}));
  EXPECT_EQ(message.received_unix_ms, 7);
  EXPECT_THAT(inbound.subscription_ids, testing::ElementsAre(3, 4));
}

TEST(ToInboundTest, KeepsTheStorageOfALargeOne) {
  auto bytes = std::make_shared<const std::string>("a/bpayload");
  Publish publish;
  publish.topic = std::string_view(*bytes).substr(0, 3);
  publish.payload = std::string_view(*bytes).substr(3);
  const InboundMessage inbound = ToInbound(publish, bytes, {});
  EXPECT_EQ(inbound.message->payload.data(), bytes->data() + 3);
  EXPECT_EQ(bytes.use_count(), 2);
}

TEST(ToInboundTest, CarriesProperties) {
  Publish publish;
  publish.topic = "a";
  publish.has_properties = true;
  publish.content_type = "text/plain";
  publish.response_topic = "back";
  publish.correlation_data = "";
  publish.expiry_s = 9;
  publish.user = {{"k", "v"}, {"k", "w"}};
  const InboundMessage inbound = ToInbound(publish, nullptr, {});
  const Properties& properties = *inbound.message->properties;
  EXPECT_EQ(properties.content_type, "text/plain");
  EXPECT_EQ(properties.response_topic, "back");
  EXPECT_EQ(properties.correlation_data, "");
  EXPECT_EQ(properties.expiry_s, 9u);
  EXPECT_THAT(properties.user, testing::ElementsAre(testing::Pair("k", "v"), testing::Pair("k", "w")));
}

TEST(BadToInbound, IsUndeliverableWithThePacketsBytes) {
  const std::string bytes = "the packet";
  const BadPacket bad{.name = "PUBLISH",
                      .text = "has a flaw",
                      .bytes = bytes,
                      .size = bytes.size(),
                      .is_publish = true,
                      .topic = std::string_view("a/\0\xFF", 4),
                      .qos = Qos::kExactlyOnce,
                      .packet_id = 7};
  const InboundMessage inbound = ToInbound(bad, {.unix_ms = 5});
  EXPECT_EQ(inbound.undeliverable,
            "malformed PUBLISH to 'a/?"
            "?': has a flaw; the payload is the packet as it came");
  EXPECT_EQ(inbound.message->topic, "");
  EXPECT_EQ(inbound.message->payload, bytes);
  EXPECT_EQ(inbound.message->qos, Qos::kExactlyOnce);
  EXPECT_EQ(inbound.message->received_unix_ms, 5);
  EXPECT_EQ(inbound.packet_id, 7u);
  EXPECT_TRUE(inbound.subscription_ids.empty());
}

TEST(BadToInbound, OfALargePacketHasTheFront) {
  const BadPacket bad{.name = "PUBLISH",
                      .text = "is large",
                      .bytes = "front",
                      .size = 500,
                      .is_publish = true,
                      .qos = Qos::kAtLeastOnce,
                      .packet_id = 7};
  const InboundMessage inbound = ToInbound(bad, {});
  EXPECT_EQ(inbound.undeliverable, "malformed PUBLISH: is large; the payload is the front of the packet as it came");
  EXPECT_EQ(inbound.packet_id, 0u) << "only of QoS 2";
}

}  // namespace
}  // namespace sluice::wire
