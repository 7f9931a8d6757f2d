// Bytes come as the network likes: in any pieces, with the same result.
#include <algorithm>
#include <random>

#include "tests/unit/mqtt/protocol/fixture.h"

namespace sluice::wire {
namespace {

using testing::IsEmpty;

// A broker's half of a conversation that has something of everything.
std::string WholeConversation(bool mqtt5) {
  const std::string list = mqtt5 ? "\x03" + Str("type") + "\x0b" + Varint(70'000) + "\x26" + Str("k") + Str("v") : "";
  const std::string properties = mqtt5 ? Props("\x1f" + Str("why")) : "";
  std::string bytes = ConnackPacket(mqtt5, false, 0, mqtt5 ? "\x21" + U16(10) : "");
  bytes += Packet(0x90, U16(1) + properties + U8(2)) + Packet(0xD0, "");
  for (unsigned id = 1; id <= 20; ++id) {
    bytes += PublishPacket(mqtt5, id % 3 << 1, "a/topic/" + std::to_string(id), id, std::string(id * id, 'x'), list);
  }
  bytes += Puback(2) + Pubrec(3) + Pubcomp(3) + Pubrel(30);
  bytes += Packet(0xB0, U16(4) + properties + (mqtt5 ? U8(0) : ""));
  bytes += PublishPacket(mqtt5, 0, "big", 0, std::string(20'000, 'y'));
  bytes += mqtt5 ? Packet(0xE0, U8(0x8B) + Props("\x1f" + Str("bye"))) : Packet(0xE0, "");
  return bytes;
}

struct Result {
  std::vector<std::string> events;
  std::string sent;
  std::string error;

  friend bool operator==(const Result&, const Result&) = default;
};

// Hands `bytes` over in pieces of the sizes that `next_size` gives, as a driver with a read buffer does.
template <typename NextSize>
Result Play(bool mqtt5, const std::string& bytes, NextSize next_size) {
  Client client(Peer::OptionsOf(mqtt5));
  EventLog events;
  Result result;
  client.Connect();
  std::string buffer;
  size_t wanted = 0;
  bool asked = false;
  for (size_t at = 0; at < bytes.size();) {
    const size_t size = std::min(next_size(), bytes.size() - at);
    buffer += bytes.substr(at, size);
    at += size;
    const Client::Progress progress = client.Receive(buffer, events);
    EXPECT_LE(progress.consumed, buffer.size());
    // What was wanted was not too much: a packet is taken as soon as it is whole.
    EXPECT_TRUE(buffer.size() >= wanted || progress.consumed == 0);
    buffer.erase(0, progress.consumed);
    wanted = progress.wanted;
    EXPECT_GT(wanted, buffer.size());
    if (progress.error) result.error = progress.error->text;
    for (std::string& line : events.Take()) result.events.push_back(std::move(line));
    if (client.connected() && !asked) {
      asked = true;
      const SubscribeRequest request{.filter = "a/#"};
      const std::string_view filter = "a/#";
      client.Subscribe({&request, 1});
      client.Publish(102, Message("t", "", 1));
      client.Publish(103, Message("t", "", 2));
      client.Unsubscribe({&filter, 1});
    }
  }
  EXPECT_THAT(buffer, IsEmpty());
  client.AcceptAll();
  client.AcknowledgeAccepted();
  result.sent = client.output();
  return result;
}

class Framing : public BothVersions {
 protected:
  // The whole after its CONNACK, which has to be a piece of its own for the commands to come in time.
  Result Whole(const std::string& bytes) {
    const size_t connack = ConnackPacket(Mqtt5(), false, 0, Mqtt5() ? "\x21" + U16(10) : "").size();
    bool first = true;
    return Play(Mqtt5(), bytes, [&] { return std::exchange(first, false) ? connack : bytes.size(); });
  }
};
INSTANTIATE_TEST_SUITE_P(Mqtt, Framing, testing::Bool(), VersionName);

TEST_P(Framing, ByteByByteIsTheSameAsAtOnce) {
  const std::string bytes = WholeConversation(Mqtt5());
  const Result whole = Whole(bytes);
  EXPECT_EQ(whole.events.size(), Mqtt5() ? 29u : 28u);
  EXPECT_TRUE(whole == Play(Mqtt5(), bytes, [] { return size_t{1}; }));
}

TEST_P(Framing, AnySplitIsTheSameAsAtOnce) {
  const std::string bytes = WholeConversation(Mqtt5());
  const Result whole = Whole(bytes);
  for (unsigned seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    std::uniform_int_distribution<size_t> sizes(1, seed % 7 == 0 ? 4'000 : 40);
    // CONNACK ends where a piece ends, as above.
    size_t left = ConnackPacket(Mqtt5(), false, 0, Mqtt5() ? "\x21" + U16(10) : "").size();
    const auto next = [&] {
      const size_t size = left == 0 ? sizes(random) : std::min(left, sizes(random));
      left -= std::min(left, size);
      return size;
    };
    ASSERT_TRUE(whole == Play(Mqtt5(), bytes, next)) << "seed " << seed;
  }
}

TEST_P(Framing, WantsWhatItKnowsToBeMissing) {
  peer_.Establish();
  EventLog events;
  const auto wanted = [&](const std::string& bytes) { return peer_->Receive(bytes, events).wanted; };
  EXPECT_EQ(wanted(""), 2u);
  EXPECT_EQ(wanted("\x30"), 2u);
  EXPECT_EQ(wanted("\x30\x80"), 3u);
  EXPECT_EQ(wanted("\x30\xFF\xFF\xFF"), 5u);
  EXPECT_EQ(wanted("\x30\x7F"), 129u);
  EXPECT_EQ(wanted("\x30" + Varint(100'000)), 100'004u);
  EXPECT_EQ(wanted(PublishPacket(Mqtt5(), 0, "t", 0, "whole") + "\x30"), 2u);
}

// What no body can make good is told before the body is there.
TEST_P(Framing, ErrorsInTheFixedHeaderAreSeenAtOnce) {
  peer_.Establish();
  peer_.Receive("\x42\x7F");
  EXPECT_EQ(peer_.error(), 0x81);
}

// The driver reads commands' results in events: they may call.
TEST_P(Framing, CommandsMayBeGivenWithinEvents) {
  class Answers final : public EventLog {
   public:
    explicit Answers(Client& client) : client_(client) {}
    void OnPublish(const Publish& publish) override {
      EventLog::OnPublish(publish);
      client_.AcceptAll();
      client_.AcknowledgeAccepted();
      client_.Publish(1, Message("reply", "", 1));
    }
    void OnPublished(uint64_t /*token*/, uint8_t /*reason*/) override { client_.Disconnect(); }

   private:
    Client& client_;
  };
  peer_.Establish();
  Answers events(peer_.client());
  const std::string bytes = PublishPacket(Mqtt5(), 2, "t", 7, "") + Puback(1) + PublishPacket(Mqtt5(), 2, "t", 8, "");
  const Client::Progress progress = peer_->Receive(bytes, events);
  EXPECT_EQ(progress.consumed, bytes.size());
  EXPECT_FALSE(progress.error);
  EXPECT_EQ(events.Take().size(), 1u);
  EXPECT_EQ(peer_.SentHex(), Hex(Puback(7) + PublishPacket(Mqtt5(), 2, "reply", 1, "") + Packet(0xE0, "")));
}

}  // namespace
}  // namespace sluice::wire
