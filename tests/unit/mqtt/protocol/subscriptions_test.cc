// What is asked of a broker, how its answers are read, and that a new connection waits for none of them.
#include "tests/unit/mqtt/protocol/fixture.h"

namespace sluice::wire {
namespace {

using testing::ElementsAre;

// MQTT-3.8.1-1, MQTT-3.8.3-2, MQTT-3.10.1-1, §3.8.3.1.
TEST(Subscriptions, CarryTheirOptionsAndIdentifierWithMqtt5) {
  Peer peer(true);
  peer.Establish();
  const SubscribeRequest requests[] = {
      {.filter = "a", .qos = Qos::kExactlyOnce, .id = 300, .no_local = true, .retain_handling = 2},
      {.filter = "b", .id = 300, .retain_as_published = false}};
  EXPECT_EQ(peer->Subscribe(requests), 1);
  EXPECT_EQ(peer.SentHex(),
            Hex(Packet(0x82, U16(1) + Props("\x0b" + Varint(300)) + Str("a") + U8(0x2E) + Str("b") + U8(0))));
  Peer old(false);
  old.Establish();
  old->Subscribe(requests);
  EXPECT_EQ(old.SentHex(), Hex(Packet(0x82, U16(1) + Str("a") + U8(2) + Str("b") + U8(0))));
}

TEST(Subscriptions, NeedAFilter) {
  Peer peer(true);
  peer.Establish();
  EXPECT_EQ(peer->Subscribe({}), 0);
  EXPECT_EQ(peer->Unsubscribe({}), 0);
  EXPECT_EQ(peer.Sent(), "");
}

// What a broker says to a SUBSCRIBE (identifier 1) and an UNSUBSCRIBE (2) of two filters each.
std::vector<std::string> ToldOf(bool mqtt5, const std::string& answer) {
  Peer peer(mqtt5);
  peer.Establish();
  const SubscribeRequest requests[] = {{.filter = "a"}, {.filter = "b"}};
  peer->Subscribe(requests);
  const std::string_view filters[] = {"a", "b"};
  peer->Unsubscribe(filters);
  std::vector<std::string> told = peer.Receive(answer);
  EXPECT_FALSE(peer.error()) << peer.error_text();
  return told;
}

// MQTT-3.8.4-6, MQTT-3.9.3-2, MQTT-3.11.3-2; 3.1.1: MQTT-3.9.3-2.
TEST(Subscriptions, AreAnsweredWithACodeForEachFilter) {
  EXPECT_THAT(ToldOf(true, Packet(0x90, U16(1) + U8(0) + U8(0x87) + U8(2))), ElementsAre("suback 1 135 2"));
  EXPECT_THAT(ToldOf(false, Packet(0x90, U16(1) + U8(0x80) + U8(1))), ElementsAre("suback 1 128 1"));
  EXPECT_THAT(ToldOf(true, Packet(0xB0, U16(2) + U8(0) + U8(0x11) + U8(0x87))), ElementsAre("unsuback 2 17 135"));
  EXPECT_THAT(ToldOf(false, Packet(0xB0, U16(2))), ElementsAre("unsuback 2"));
}

// Whatever the broker did, it can be asked again: the connection lives. 129 is 0x81, malformed packet.
TEST(BadAnswer, OfCodesThatCannotBeUnderstoodIsARefusal) {
  const auto one_missing = testing::StartsWith("bad SUBACK codes: has 1 codes for 2 filters");
  EXPECT_THAT(ToldOf(true, Packet(0x90, U16(1) + U8(0) + U8(0))), ElementsAre("suback 1 129 129", one_missing));
  EXPECT_THAT(ToldOf(false, Packet(0x90, U16(1) + U8(1))), ElementsAre("suback 1 129 129", one_missing));
  EXPECT_THAT(ToldOf(true, Packet(0x90, U16(1) + U8(0) + U8(0) + U8(1) + U8(2))),
              ElementsAre("suback 1 129 129", testing::HasSubstr("has 3 codes for 2 filters")));
  EXPECT_THAT(ToldOf(true, Packet(0x90, U16(1) + U8(0) + U8(3) + U8(1))),
              ElementsAre("suback 1 129 1", "bad SUBACK codes: the code 3 is reserved"));
  EXPECT_THAT(ToldOf(false, Packet(0x90, U16(1) + U8(1) + U8(0x87))),
              ElementsAre("suback 1 1 129", "bad SUBACK codes: the code 135 is reserved"));
  EXPECT_THAT(ToldOf(true, Packet(0xB0, U16(2) + U8(0) + U8(0))),
              ElementsAre("unsuback 2 129 129", "bad UNSUBACK codes: has 1 codes for 2 filters"));
  EXPECT_THAT(ToldOf(true, Packet(0xB0, U16(2) + U8(0) + U8(0) + U8(0x12))),
              ElementsAre("unsuback 2 0 129", "bad UNSUBACK codes: the code 18 is reserved"));
  // Without the properties nobody knows where the codes begin.
  EXPECT_THAT(ToldOf(true, Packet(0x90, U16(1))),
              ElementsAre("suback 1 129 129", testing::StartsWith("bad SUBACK properties: ")));
  EXPECT_THAT(ToldOf(true, Packet(0x90, U16(1) + U8(9) + U8(0) + U8(0))),
              ElementsAre("suback 1 129 129", testing::StartsWith("bad SUBACK properties: ")));
}

TEST(BadAnswer, CountsForItsCodesWhereOnlyItsPropertiesAreWrong) {
  const std::string of_another_packet = Props("\x02" + U32(0));
  EXPECT_THAT(ToldOf(true, Packet(0x90, U16(1) + of_another_packet + U8(0) + U8(1))),
              ElementsAre("suback 1 0 1", testing::StartsWith("bad SUBACK properties: ")));
  EXPECT_THAT(ToldOf(true, Packet(0x90, U16(1) + Props("\x1f" + Str("\xFF")) + U8(0) + U8(1))),
              ElementsAre("suback 1 0 1", testing::StartsWith("bad SUBACK property_value: ")));
  EXPECT_THAT(ToldOf(true, Packet(0xB0, U16(2) + of_another_packet + U8(0) + U8(0))),
              ElementsAre("unsuback 2 0 0", testing::StartsWith("bad UNSUBACK properties: ")));
  EXPECT_THAT(ToldOf(false, Packet(0xB0, U16(2) + U8(0))),
              ElementsAre("unsuback 2", "bad UNSUBACK length: is longer than its fields"));
}

TEST(BadAnswer, WithoutAnIdentifierIsOneAstray) {
  for (const bool mqtt5 : {false, true}) {
    EXPECT_THAT(ToldOf(mqtt5, Packet(0x90, "")), ElementsAre("bad SUBACK length astray: has no packet identifier"));
    EXPECT_THAT(ToldOf(mqtt5, Packet(0x90, U16(0) + U8(0) + U8(0))),
                ElementsAre("bad SUBACK packet_id astray: the packet identifier is 0"));
    EXPECT_THAT(ToldOf(mqtt5, Packet(0xB0, U8(2))),
                ElementsAre("bad UNSUBACK length astray: has no packet identifier"));
  }
}

TEST(BadAnswer, IsNotWaitedForOnceItIsForgotten) {
  Peer peer(true);
  peer.Establish();
  const SubscribeRequest request{.filter = "a"};
  ASSERT_EQ(peer->Subscribe({&request, 1}), 1);
  peer->Publish(7, Message("t", "", 1));
  peer->Forget(1);
  peer->Forget(2);
  EXPECT_THAT(peer.Receive(Packet(0x90, U16(1) + U8(0) + U8(0))), ElementsAre(testing::HasSubstr(" astray: ")));
  EXPECT_THAT(peer.Receive(Puback(2)), ElementsAre("published 7 0")) << "no request";
}

TEST(Subscriptions, MayHaveAReason) {
  Peer peer(true);
  peer.Establish();
  const SubscribeRequest request{.filter = "a"};
  peer->Subscribe({&request, 1});
  EXPECT_THAT(peer.Receive(Packet(0x90, U16(1) + Props("\x1f" + Str("why") + "\x26" + Str("k") + Str("v")) + U8(0x87))),
              ElementsAre("suback 1 135 'why'"));
}

// Their answers were lost with the connection, so their identifiers are free.
TEST(Subscriptions, AreForgottenWithTheConnection) {
  Peer peer(true);
  peer.Establish();
  const SubscribeRequest request{.filter = "a"};
  for (int i = 0; i < 65'535; ++i) peer->Subscribe({&request, 1});
  EXPECT_EQ(peer->Subscribe({&request, 1}), 0);
  peer.Reconnect(/*session_present=*/true);
  EXPECT_NE(peer->Subscribe({&request, 1}), 0);
}

TEST(Pings, AreForgottenWithTheConnection) {
  Peer peer(true);
  peer.Establish();
  peer->Ping();
  peer.Reconnect(/*session_present=*/true);
  EXPECT_FALSE(peer->ping_outstanding());
}

}  // namespace
}  // namespace sluice::wire
