#include "bench/null_broker/load_source.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace sluice::bench {
namespace {

// A client of the load that keeps what it got and answers when it is told to.
class Client {
 public:
  explicit Client(LoadSource& load, const std::string& filter = "bench/#", uint8_t qos = 2) : session_(100, load) {
    std::string bytes;
    AppendConnect(bytes, {.client_id = "c"});
    AppendSubscribe(bytes, {.packet_id = 1, .filters = {{filter, qos}}}, true);
    session_.OnBytes(bytes);
    session_.out().clear();
  }
  Session& session() { return session_; }

  // What the load sent since the last call.
  std::vector<std::string> Receive() {
    std::vector<std::string> topics;
    Frame frame;
    PublishPacket packet;
    const std::string bytes = std::exchange(session_.out(), {});
    for (std::string_view rest = bytes; NextFrame(rest, frame) == Framing::kFrame; rest.remove_prefix(frame.size)) {
      if (frame.type != PacketType::kPublish) continue;
      EXPECT_TRUE(DecodePublish(frame, true, packet));
      topics.emplace_back(packet.topic);
      payloads.emplace_back(packet.payload);
      ids.push_back(packet.packet_id);
    }
    return topics;
  }
  void Reply(const std::string& payload) {
    PublishPacket packet;
    packet.topic = "out";
    packet.payload = payload;
    std::string bytes;
    AppendPublish(bytes, packet, true);
    session_.OnBytes(bytes);
  }
  void Acknowledge(uint16_t id) {
    std::string bytes;
    AppendAck(bytes, PacketType::kPuback, id);
    session_.OnBytes(bytes);
    session_.ReportConfirmed();
  }

  std::vector<std::string> payloads;
  std::vector<uint16_t> ids;

 private:
  Session session_;
};

LoadOptions Options() {
  LoadOptions options;
  options.payload_bytes = 32;
  options.outstanding = 10;
  options.length = {.warmup_s = 1, .steady_s = 1, .drain_s = 1, .count = 0};
  return options;
}

TEST(LoadSource, WaitsForAllSubscribers) {
  LoadOptions options = Options();
  options.subscribers = 2;
  LoadSource load(options);
  EXPECT_FALSE(load.ready());
  Client first(load);
  EXPECT_FALSE(load.ready());
  Client other(load, "elsewhere");
  EXPECT_FALSE(load.ready()) << "its filter takes nothing of the load";
  Client second(load);
  EXPECT_TRUE(load.ready());
}

TEST(LoadSource, KeepsToTheBoundOnUnansweredMessages) {
  LoadSource load(Options());
  Client client(load);
  load.Start(1);
  load.SetNow(2);
  load.Fill();
  EXPECT_EQ(client.Receive().size(), 10u);
  load.Fill();
  EXPECT_TRUE(client.Receive().empty());
  client.Reply(client.payloads[3]);
  client.Reply(client.payloads[3]);  // A duplicate makes no room.
  load.Fill();
  EXPECT_EQ(client.Receive().size(), 1u);
}

TEST(LoadSource, SpreadsOverTopicsInTurn) {
  LoadOptions options = Options();
  options.topics = 3;
  options.outstanding = 4;
  LoadSource load(options);
  Client client(load);
  load.Start(1);
  load.SetNow(2);
  load.Fill();
  EXPECT_EQ(client.Receive(), (std::vector<std::string>{"bench/in/0", "bench/in/1", "bench/in/2", "bench/in/0"}));
}

TEST(LoadSource, SendsTheCountToEachSubscriberAndEndsWithTheLastAnswer) {
  LoadOptions options = Options();
  options.subscribers = 2;
  options.length.count = 5;
  LoadSource load(options);
  Client first(load);
  Client second(load);
  load.Start(1);
  load.SetNow(2);
  load.Fill();
  EXPECT_EQ(first.Receive().size(), 5u);
  EXPECT_EQ(second.Receive().size(), 5u);
  // Answers may come from anyone.
  for (const auto* payloads : {&first.payloads, &second.payloads}) {
    EXPECT_FALSE(load.done());
    for (const std::string& payload : *payloads) second.Reply(payload);
    load.SetNow(3);
  }
  EXPECT_TRUE(load.done());
  const std::string result = load.Result().ToString();
  EXPECT_NE(result.find(R"("sent":10,"answered":10,"lost":0,"duplicates":0,"foreign":0)"), std::string::npos) << result;
}

TEST(LoadSource, CountsAcknowledgementsWhenItExpectsNoReplies) {
  LoadOptions options = Options();
  options.qos = 1;
  options.expect_replies = false;
  LoadSource load(options);
  Client client(load);
  load.Start(1);
  load.SetNow(2);
  load.Fill();
  EXPECT_EQ(client.Receive().size(), 10u);
  for (uint16_t id : client.ids) client.Acknowledge(id);
  load.Fill();
  EXPECT_EQ(client.Receive().size(), 10u);
  EXPECT_NE(load.Result().ToString().find(R"("sent":20,"answered":10)"), std::string::npos);
}

TEST(LoadSource, HasMoreUntilAFullBatchIsWritten) {
  LoadOptions options = Options();
  options.expect_replies = false;
  options.outstanding = 0;
  LoadSource load(options);
  Client client(load);
  EXPECT_FALSE(load.HasMore());
  load.Start(1);
  load.SetNow(2);
  EXPECT_TRUE(load.HasMore());
  load.Fill();
  EXPECT_FALSE(load.HasMore()) << "a batch waits to be written";
  EXPECT_GT(client.Receive().size(), 1'000u);
  EXPECT_TRUE(load.HasMore());
}

TEST(LoadSource, GoesOnWhenASubscriberComesBack) {
  LoadSource load(Options());
  {
    Client client(load);
    load.Start(1);
    load.SetNow(2);
    load.Fill();
    EXPECT_EQ(client.Receive().size(), 10u);
    load.OnClosed(client.session());
  }
  load.Fill();
  Client again(load);
  load.Fill();
  EXPECT_EQ(again.Receive().size(), 10u) << "what was lost with the old connection is not outstanding";
  EXPECT_NE(load.Result().ToString().find(R"("disconnects":1)"), std::string::npos);
}

TEST(LoadSource, CountsWhatItDidNotSendAsForeign) {
  LoadSource load(Options());
  Client client(load);
  load.Start(1);
  client.Reply("hello");
  client.Reply(std::string(32, '0'));
  EXPECT_NE(load.Result().ToString().find(R"("foreign":2)"), std::string::npos);
}

}  // namespace
}  // namespace sluice::bench
