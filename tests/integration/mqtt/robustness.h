// Stories of brokers that break the rules: what they do, and what the driver says about it.
#pragma once

#include <atomic>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "tests/integration/mqtt/fixture.h"
#include "tests/support/fake_broker.h"

namespace sluice {

struct Story {
  using Trick = std::function<bool(FakeBroker& broker, FakeBroker::Peer& peer, const FakeBroker::Packet& packet)>;
  enum class Versions : uint8_t { kBoth, kMqtt5, kMqtt311 };

  std::string name;
  Trick trick;
  // What wire's State().detail has.
  std::string detail;
  Versions versions = Versions::kBoth;
  std::function<void(MqttOptions& options)> prepare = [](MqttOptions&) {};

  friend void PrintTo(const Story& story, std::ostream* out) { *out << story.name; }
};

// The bytes to send, made by a broker of the right version; `packet` is what they answer to.
using Bytes = std::function<std::string(const FakeBroker& broker, const FakeBroker::Packet& packet)>;

inline Bytes Exactly(std::string bytes) {
  return [bytes](const FakeBroker&, const FakeBroker::Packet&) { return bytes; };
}
// Instead of the answer to a packet of this type.
inline Story::Trick InsteadOf(mqtt_bytes::PacketType type, Bytes bytes) {
  return [type, bytes](FakeBroker& broker, FakeBroker::Peer& peer, const FakeBroker::Packet& packet) {
    if (packet.type() != type) return false;
    peer.Send(bytes(broker, packet));
    return true;
  };
}
// All is well until the subscription is granted; then these bytes come.
inline Story::Trick OnceSubscribed(Bytes bytes) {
  return InsteadOf(mqtt_bytes::kSubscribe, [bytes](const FakeBroker& broker, const FakeBroker::Packet& packet) {
    return broker.Suback(packet.body, "\1") + bytes(broker, packet);
  });
}

using StoryAndDialect = std::tuple<Story, Dialect>;

inline std::vector<StoryAndDialect> With(const std::vector<Dialect>& dialects, const std::vector<Story>& stories) {
  std::vector<StoryAndDialect> all;
  for (const Story& story : stories) {
    for (const Dialect& dialect : dialects) {
      const auto other = dialect.mqtt5 ? Story::Versions::kMqtt311 : Story::Versions::kMqtt5;
      if (story.versions != other) all.emplace_back(story, dialect);
    }
  }
  return all;
}

inline std::string StoryName(const testing::TestParamInfo<StoryAndDialect>& info) {
  return std::get<Story>(info.param).name + DialectName({std::get<Dialect>(info.param), info.index});
}

// Plays the story again and again until the driver has said what it should; then the broker behaves, and intake works.
inline void PlayToIntake(const Story& story, Dialect dialect) {
  FakeBroker broker(dialect.mqtt5);
  std::atomic<bool> played{false};
  broker.Play([&](FakeBroker::Peer& peer, const FakeBroker::Packet& packet) {
    if (!story.trick(broker, peer, packet)) return false;
    played = true;
    broker.ForgetSessions();  // So that it is subscribed to again, and the story told again.
    return true;
  });
  MqttOptions options = OptionsFor(broker.uri(), dialect);
  story.prepare(options);
  TestIntake intake(options, {{.filter = "a", .qos = Qos::kAtLeastOnce, .id = 1}});
  if (dialect.driver == MqttDriver::kWire) {
    ASSERT_TRUE(intake.DetailHas(story.detail));
    ASSERT_TRUE(Eventually([&] { return broker.connections() > 1; })) << "it does not connect again";
  } else {
    // Paho lets much pass; it is to survive it.
    ASSERT_TRUE(Eventually([&] { return played.load(); }));
  }
  broker.Behave();
  ASSERT_TRUE(Eventually([&] { return broker.HasSubscriber() && intake->State().ready; })) << intake->State().detail;
  ASSERT_TRUE(broker.Deliver("a", "after"));
  // Of what came before the end of a broken connection some may have been taken in, too.
  auto came = [](const std::vector<InboundMessage>& all) {
    return !all.empty() && all.back().message->payload == "after";
  };
  EXPECT_TRUE(came(intake.messages().WaitUntil(came)));
}

}  // namespace sluice
