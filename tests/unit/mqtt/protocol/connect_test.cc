// CONNECT to the byte, what a CONNACK says, and what it means for the session.
#include "tests/unit/mqtt/protocol/fixture.h"

namespace sluice::wire {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string ConnectHex(const ConnectOptions& options) {
  Client client(options);
  client.Connect();
  return Hex(client.output());
}

class RecordsConnack final : public EventLog {
 public:
  void OnConnack(const Connack& answer) override { connack = answer; }
  Connack connack;
};

Connack ConnackOf(const std::string& bytes, const ConnectOptions& options) {
  Client client(options);
  RecordsConnack events;
  client.Connect();
  EXPECT_FALSE(client.Receive(bytes, events).error);
  return events.connack;
}

// MQTT-3.1.0-1, MQTT-3.1.2-1, MQTT-2.2.2-1; 3.1.1: MQTT-3.1.0-1, MQTT-3.1.3-3.
TEST(Connect, IsTheFirstPacketAndHasOnlyWhatIsAskedFor) {
  ConnectOptions options;
  options.client_id = "c";
  options.keep_alive_s = 258;
  options.max_packet_bytes = UINT32_MAX;
  EXPECT_EQ(ConnectHex(options), Hex(Packet(0x10, Str("MQTT") + U8(5) + U8(0) + U16(258) + U8(0) + Str("c"))));
  options.mqtt5 = false;
  EXPECT_EQ(ConnectHex(options), Hex(Packet(0x10, Str("MQTT") + U8(4) + U8(0) + U16(258) + Str("c"))));
}

// MQTT-3.1.2-4, MQTT-3.1.2-9, -12 … -19, MQTT-3.1.3-1; 3.1.1: MQTT-3.1.2-6, -9, -14, -19, -21, MQTT-3.1.3-1.
TEST(Connect, HasTheWillAndTheCredentialsInTheirOrder) {
  ConnectOptions options;
  options.client_id = "c";
  options.clean_start = true;
  options.username = "u";
  options.password = "p";
  auto message = std::make_shared<OutboundMessage>(Message("w", "gone", 2, /*retain=*/true));
  message->properties =
      std::make_unique<Properties>(Properties{.content_type = "x", .user = {{"k", "v"}}, .expiry_s = 5});
  options.will = ConnectOptions::Will{.message = message, .delay_s = 7};
  options.session_expiry_s = 1;
  options.receive_maximum = 2;
  options.max_packet_bytes = 3;
  options.topic_alias_maximum = 4;
  const std::string properties = Props("\x11" + U32(1) + "\x21" + U16(2) + "\x27" + U32(3) + "\x22" + U16(4));
  const std::string will = Props("\x18" + U32(7) + "\x02" + U32(5) + "\x03" + Str("x") + "\x26" + Str("k") + Str("v")) +
                           Str("w") + Str("gone");
  EXPECT_EQ(ConnectHex(options), Hex(Packet(0x10, Str("MQTT") + U8(5) + U8(0xF6) + U16(30) + properties + Str("c") +
                                                      will + Str("u") + Str("p"))));
  options.mqtt5 = false;
  EXPECT_EQ(ConnectHex(options), Hex(Packet(0x10, Str("MQTT") + U8(4) + U8(0xF6) + U16(30) + Str("c") + Str("w") +
                                                      Str("gone") + Str("u") + Str("p"))));
}

// MQTT-3.1.2-11, -13, -16, -18; 3.1.1: MQTT-3.1.2-11, -13, -15, -18, -20. A user name may be empty and still be there.
TEST(Connect, SetsNoFlagForWhatIsNotThere) {
  ConnectOptions options;
  options.mqtt5 = false;
  options.client_id = "c";
  options.username = "";
  EXPECT_EQ(ConnectHex(options), Hex(Packet(0x10, Str("MQTT") + U8(4) + U8(0x80) + U16(30) + Str("c") + Str(""))));
  options.username.reset();
  auto message = std::make_shared<OutboundMessage>(Message("w", "", 0));
  options.will = ConnectOptions::Will{.message = message};
  EXPECT_EQ(ConnectHex(options),
            Hex(Packet(0x10, Str("MQTT") + U8(4) + U8(0x04) + U16(30) + Str("c") + Str("w") + Str(""))));
}

// MQTT 5 lets a password stand alone (§3.1.2.9).
TEST(Connect, MaySendAPasswordWithoutAUserName) {
  ConnectOptions options;
  options.client_id = "c";
  options.password = "p";
  options.max_packet_bytes = UINT32_MAX;
  EXPECT_EQ(ConnectHex(options),
            Hex(Packet(0x10, Str("MQTT") + U8(5) + U8(0x40) + U16(30) + U8(0) + Str("c") + Str("p"))));
}

TEST(Connect, UsesTheOptionsOfTheMoment) {
  Peer peer(false);
  peer.Establish();
  peer->options().password = "new";
  peer->options().username = "u";
  peer->ConnectionLost();
  peer->Connect();
  EXPECT_EQ(peer.SentHex(),
            Hex(Packet(0x10, Str("MQTT") + U8(4) + U8(0xC0) + U16(30) + Str("sluice-0") + Str("u") + Str("new"))));
}

// §3.2.2.3.
TEST(ConnackTest, HasTheStandardsValuesForWhatIsAbsent) {
  const Connack connack = ConnackOf(ConnackPacket(true), Peer::OptionsOf(true));
  EXPECT_EQ(connack.code, 0);
  EXPECT_FALSE(connack.session_present);
  EXPECT_EQ(connack.receive_maximum, 65'535);
  EXPECT_EQ(connack.maximum_qos, Qos::kExactlyOnce);
  EXPECT_TRUE(connack.retain_available && connack.wildcard_available && connack.subscription_ids_available &&
              connack.shared_available);
  EXPECT_FALSE(connack.maximum_packet_bytes || connack.session_expiry_s || connack.server_keep_alive_s ||
               connack.assigned_client_id);
  EXPECT_EQ(connack.topic_alias_maximum, 0);
}

TEST(ConnackTest, TellsEveryProperty) {
  const std::string list = "\x11" + U32(1) + "\x21" + U16(2) + "\x24" + U8(1) + "\x25" + U8(0) + "\x27" + U32(3) +
                           "\x12" + Str("id") + "\x22" + U16(4) + "\x1f" + Str("why") + "\x26" + Str("k") + Str("v") +
                           "\x28" + U8(0) + "\x29" + U8(0) + "\x2a" + U8(0) + "\x13" + U16(5) + "\x1a" + Str("info") +
                           "\x1c" + Str("other");
  const Connack connack = ConnackOf(ConnackPacket(true, true, 0, list), Peer::OptionsOf(true));
  EXPECT_TRUE(connack.session_present);
  EXPECT_EQ(connack.session_expiry_s, 1u);
  EXPECT_EQ(connack.receive_maximum, 2);
  EXPECT_EQ(connack.maximum_qos, Qos::kAtLeastOnce);
  EXPECT_EQ(connack.maximum_packet_bytes, 3u);
  EXPECT_EQ(connack.assigned_client_id, "id");
  EXPECT_EQ(connack.topic_alias_maximum, 4);
  EXPECT_EQ(connack.reason_string, "why");
  EXPECT_FALSE(connack.retain_available || connack.wildcard_available || connack.subscription_ids_available ||
               connack.shared_available);
  EXPECT_EQ(connack.server_keep_alive_s, 5);
  EXPECT_EQ(connack.response_information, "info");
  EXPECT_EQ(connack.server_reference, "other");
}

// 3.1.1 §3.1.2.2. Brokers that know no MQTT 5 say so in their own format, or in a mixture.
TEST(ConnackTest, ABrokerThatKnowsNoMqtt5IsUnderstood) {
  for (const std::string& tail : {std::string(), std::string(1, '\0'), std::string("\x07rest")}) {
    const Connack connack = ConnackOf(Packet(0x20, U8(0) + U8(1) + tail), Peer::OptionsOf(true));
    EXPECT_EQ(connack.code, 0x84) << Hex(tail);
  }
}

// MQTT-4.13.2-1; 3.1.1: MQTT-3.2.2-5. The broker closes; nothing more is sent.
TEST(ConnackTest, ARefusalEndsTheConnectionWithoutADisconnect) {
  Peer peer(true);
  peer->Connect();
  peer.Sent();
  EXPECT_THAT(peer.Receive(ConnackPacket(true, false, 0x87) + Packet(0xD0, "")), ElementsAre("connack 135"));
  EXPECT_FALSE(peer.error());
  EXPECT_FALSE(peer->connected());
  EXPECT_EQ(peer.Sent(), "");
  Peer old(false);
  old->Connect();
  EXPECT_THAT(old.Receive(ConnackPacket(false, false, 5)), ElementsAre("connack 5"));
}

// MQTT 3.1.1 §3.1.2.2: what a broker without MQTT 5 answers a CONNECT of MQTT 5.
TEST(ConnackTest, OfABrokerWithoutMqtt5IsARefusal) {
  Peer peer(true);
  peer->Connect();
  EXPECT_THAT(peer.Receive(Packet(0x20, U8(0) + U8(1))), ElementsAre("connack 132"));
  EXPECT_FALSE(peer.error());
  EXPECT_FALSE(peer->connected());
}

TEST(ConnackTest, ARefusalLeavesTheSessionAlone) {
  Peer peer(true);
  peer.Establish();
  peer->Publish(1, Message("t", "", 1));
  peer->ConnectionLost();
  peer->Connect();
  peer.Receive(ConnackPacket(true, false, 0x88));
  EXPECT_EQ(peer->unconfirmed(), 1u);
}

// §3.14.4: nothing follows a DISCONNECT, whatever is called.
TEST(Disconnecting, EndsEverything) {
  Peer peer(true);
  peer.Establish();
  peer.Receive(PublishPacket(true, 2, "t", 1, ""));
  peer->Disconnect(0x04);
  EXPECT_EQ(peer.SentHex(), "e0 01 04");
  peer.Acknowledge();
  peer->Ping();
  const SubscribeRequest request{.filter = "a"};
  const std::string_view filter = "a";
  EXPECT_EQ(peer->Subscribe({&request, 1}), 0);
  EXPECT_EQ(peer->Unsubscribe({&filter, 1}), 0);
  EXPECT_FALSE(peer->Publish(1, Message("t", "", 0)));
  peer->Disconnect();
  EXPECT_THAT(peer.Receive(Pubrel(9) + "not a packet at all"), IsEmpty());
  EXPECT_FALSE(peer.error());
  EXPECT_EQ(peer.Sent(), "");
}

TEST(Disconnecting, MayChangeTheSessionsExpiry) {
  ConnectOptions options = Peer::OptionsOf(true);
  options.session_expiry_s = 100;
  Peer peer(options);
  peer.Establish();
  peer->Disconnect(0, 0);
  EXPECT_EQ(peer.SentHex(), Hex(Packet(0xE0, U8(0) + Props("\x11" + U32(0)))));
}

// MQTT 5.0 §3.14.2.2.2: a protocol error where CONNECT had none.
TEST(Disconnecting, DoesNotGiveASessionThatExpiresWithTheConnectionAnother) {
  Peer peer(true);
  peer.Establish();
  peer->Disconnect(0, 100);
  EXPECT_EQ(peer.SentHex(), "e0 00");
}

TEST(Disconnecting, HasNoReasonsWithMqtt311) {
  Peer peer(false);
  peer.Establish();
  peer->Disconnect(0x04);
  EXPECT_EQ(peer.Sent(), "");
  EXPECT_FALSE(peer->connected());
}

TEST(Disconnecting, ByTheBrokerIsToldAndEndsTheConnection) {
  Peer peer(true);
  peer.Establish();
  EXPECT_THAT(peer.Receive(Packet(0xE0, U8(0x8E) + Props("\x1f" + Str("elsewhere") + "\x1c" + Str("other")))),
              ElementsAre("disconnect 142 'elsewhere' to 'other'"));
  EXPECT_EQ(peer.error(), 0x8E);
  EXPECT_EQ(peer.error_text(), "DISCONNECT: from the broker: elsewhere");
  EXPECT_FALSE(peer->connected());
  EXPECT_EQ(peer.Sent(), "");
  // The short forms (§3.14.2.1).
  peer.Reconnect(false);
  EXPECT_THAT(peer.Receive(Packet(0xE0, "")), ElementsAre("disconnect 0"));
  peer.Reconnect(false);
  EXPECT_THAT(peer.Receive(Packet(0xE0, U8(0x8B))), ElementsAre("disconnect 139"));
}

}  // namespace
}  // namespace sluice::wire
