// The same commands to Paho and to our own client give the same packets, byte for byte, but for what means nothing: the
// order of properties (MQTT 5.0 §2.2.2.2) and the short form of DISCONNECT.
#include <mqtt/async_client.h>

#include <algorithm>
#include <map>

#include "tests/support/fake_broker.h"
#include "tests/support/recorder.h"
#include "tests/unit/mqtt/protocol/fixture.h"

namespace sluice::wire {
namespace {

using testing::ElementsAreArray;

// ---------------------------------------------------------------------------------------------- packets, compared

size_t U16At(std::string_view bytes, size_t at) {
  return static_cast<size_t>(static_cast<uint8_t>(bytes.at(at)) << 8 | static_cast<uint8_t>(bytes.at(at + 1)));
}

// How many bytes the property at the front takes (MQTT 5.0 table 2-4).
size_t PropertySize(std::string_view list) {
  switch (list.at(0)) {
    case 0x01:
      return 2;
    case 0x21:
    case 0x22:
      return 3;
    case 0x02:
    case 0x11:
    case 0x18:
    case 0x27:
      return 5;
    case 0x0B:
      return 1 + static_cast<size_t>(std::find_if(list.begin() + 1, list.end(), [](char c) { return c >= 0; }) -
                                     list.begin());
    case 0x26: {
      const size_t name = 3 + U16At(list, 1);
      return name + 2 + U16At(list, name);
    }
    default:
      return 3 + U16At(list, 1);
  }
}

// Sorts the property list at `at`, which is shorter than 128 bytes; the offset behind it.
size_t SortProperties(std::string& body, size_t at) {
  std::string_view list = std::string_view(body).substr(at + 1, static_cast<uint8_t>(body.at(at)));
  const size_t end = at + 1 + list.size();
  // A user property keeps its place among its like.
  std::multimap<char, std::string> properties;
  while (!list.empty()) {
    const size_t size = PropertySize(list);
    properties.emplace(list.front(), list.substr(0, size));
    list.remove_prefix(size);
  }
  std::string sorted;
  for (const auto& [id, property] : properties) sorted += property;
  body.replace(at + 1, sorted.size(), sorted);
  return end;
}

std::string Canonical(bool mqtt5, uint8_t first, std::string_view bytes) {
  std::string body(bytes);
  if (mqtt5) {
    switch (first >> 4) {
      case 1: {
        const size_t client_id = SortProperties(body, 10);
        const bool will = (static_cast<uint8_t>(body.at(7)) & 4) != 0;
        if (will) SortProperties(body, client_id + 2 + U16At(body, client_id));
        break;
      }
      case 3:
        SortProperties(body, 2 + U16At(body, 0) + ((first & 6) != 0 ? 2 : 0));
        break;
      case 8:
      case 10:
        SortProperties(body, 2);
        break;
      case 14:
        if (body == std::string(2, '\0')) body.clear();  // Reason 0 and no properties may be left out (§3.14.2.1).
        break;
      default:
        break;
    }
  }
  return Hex(U8(first) + body);
}

// ---------------------------------------------------------------------------------------------- the broker of both

// Confirms everything, and answers a SUBSCRIBE with two messages as well.
std::optional<std::string> Answer(bool mqtt5, uint8_t first, std::string_view body) {
  const std::string none = mqtt5 ? U8(0) : "";
  switch (first >> 4) {
    case 1:
      return ConnackPacket(mqtt5);
    case 3: {
      if ((first & 6) == 0) return "";
      const auto id = static_cast<unsigned>(U16At(body, 2 + U16At(body, 0)));
      return (first & 6) == 2 ? Puback(id) : Pubrec(id);
    }
    case 5:
      return Pubrel(static_cast<unsigned>(U16At(body, 0)));
    case 6:
      return Pubcomp(static_cast<unsigned>(U16At(body, 0)));
    case 8:
      return Packet(0x90, std::string(body.substr(0, 2)) + none + U8(2)) + PublishPacket(mqtt5, 2, "t", 5, "one") +
             PublishPacket(mqtt5, 4, "t", 6, "two");
    case 10:
      return Packet(0xB0, std::string(body.substr(0, 2)) + none + none);
    case 14:
      return std::nullopt;
    default:
      return "";
  }
}

// ---------------------------------------------------------------------------------------------- the commands

constexpr size_t kAcksOfSubscribe = 3;  // PUBACK, PUBREC, PUBCOMP.

std::unique_ptr<const Properties> MessageProperties() {
  return std::make_unique<Properties>(Properties{.content_type = "text",
                                                 .response_topic = "re/ply",
                                                 .correlation_data = "id",
                                                 .user = {{"k", "1"}, {"a", "2"}},
                                                 .expiry_s = 70'000});
}

mqtt::properties PahoMessageProperties() {
  using mqtt::property;
  return {{property::CONTENT_TYPE, "text"},    {property::RESPONSE_TOPIC, "re/ply"},
          {property::CORRELATION_DATA, "id"},  {property::USER_PROPERTY, "k", "1"},
          {property::USER_PROPERTY, "a", "2"}, {property::MESSAGE_EXPIRY_INTERVAL, 70'000}};
}

std::vector<std::string> PacketsOfPaho(bool mqtt5) {
  Recorder<std::string> packets;
  FakeBroker broker(mqtt5);
  broker.Play([&packets, mqtt5](FakeBroker::Peer& peer, const FakeBroker::Packet& packet) {
    packets.Add(Canonical(mqtt5, packet.first, packet.body));
    const std::optional<std::string> answer = Answer(mqtt5, packet.first, packet.body);
    answer ? static_cast<void>(peer.Send(*answer)) : peer.Close();
    return true;
  });
  const int version = mqtt5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1;
  mqtt::async_client client(broker.uri(), "client", mqtt::create_options(version));
  mqtt::connect_options connect;
  connect.set_mqtt_version(version);
  mqtt5 ? connect.set_clean_start(true) : connect.set_clean_session(true);
  connect.set_keep_alive_interval(300);
  connect.set_user_name("user");
  connect.set_password("secret");
  const mqtt::properties will_properties = {{mqtt::property::WILL_DELAY_INTERVAL, 9},
                                            {mqtt::property::CONTENT_TYPE, "w"}};
  const mqtt::properties connect_properties = {{mqtt::property::SESSION_EXPIRY_INTERVAL, 600},
                                               {mqtt::property::RECEIVE_MAXIMUM, 20},
                                               {mqtt::property::TOPIC_ALIAS_MAXIMUM, 7},
                                               {mqtt::property::MAXIMUM_PACKET_SIZE, 100'000}};
  if (mqtt5) {
    connect.set_will(mqtt::will_options("will", std::string("gone"), 1, true, will_properties));
    connect.set_properties(connect_properties);
  } else {
    connect.set_will(mqtt::will_options("will", std::string("gone"), 1, true));
  }
  client.connect(connect)->wait();

  const size_t before = packets.values().size();
  if (mqtt5) {
    client
        .subscribe(
            "a/#", 2,
            mqtt::subscribe_options(/*noLocal=*/true, /*rap=*/true, mqtt::subscribe_options::SEND_RETAINED_ON_NEW),
            {{mqtt::property::SUBSCRIPTION_IDENTIFIER, 300}})
        ->wait();
  } else {
    client.subscribe("a/#", 2)->wait();
  }
  packets.WaitFor(before + 1 + kAcksOfSubscribe);
  for (int qos = 0; qos <= 2; ++qos) {
    const mqtt::properties properties = mqtt5 ? PahoMessageProperties() : mqtt::properties();
    client.publish(mqtt::message::create("t/opic", std::string(200, 'x'), qos, qos == 1, properties))->wait();
  }
  client.unsubscribe("a/#")->wait();
  client.disconnect()->wait();
  return packets.WaitUntil([](const auto& all) { return !all.empty() && all.back().starts_with("e0"); });
}

std::vector<std::string> PacketsOfOurs(bool mqtt5) {
  ConnectOptions options;
  options.mqtt5 = mqtt5;
  options.client_id = "client";
  options.username = "user";
  options.password = "secret";
  options.clean_start = true;
  options.keep_alive_s = 300;
  options.session_expiry_s = 600;
  options.receive_maximum = 20;
  options.topic_alias_maximum = 7;
  options.max_packet_bytes = 100'000;
  auto will = std::make_shared<OutboundMessage>(Message("will", "gone", 1, /*retain=*/true));
  will->properties = std::make_unique<Properties>(Properties{.content_type = "w"});
  options.will = ConnectOptions::Will{.message = will, .delay_s = 9};
  Client client(options);
  EventLog events;
  std::vector<std::string> packets;
  // Hands packets over one by one, with their answers, until there is nothing more to say.
  const auto talk = [&] {
    while (!client.output().empty()) {
      const std::string bytes = std::exchange(client.output(), {});
      for (std::string_view rest = bytes; !rest.empty();) {
        // Lengths of one or two bytes.
        const bool two = rest.at(1) < 0;
        const size_t size =
            two ? static_cast<size_t>((rest.at(1) & 0x7F) | rest.at(2) << 7) : static_cast<size_t>(rest.at(1));
        const std::string_view body = rest.substr(two ? 3 : 2, size);
        const auto first = static_cast<uint8_t>(rest.at(0));
        packets.push_back(Canonical(mqtt5, first, body));
        EXPECT_FALSE(client.Receive(Answer(mqtt5, first, body).value_or(""), events).error);
        client.AcceptAll();
        client.AcknowledgeAccepted();
        rest.remove_prefix((two ? 3 : 2) + size);
      }
    }
  };
  client.Connect();
  talk();
  const SubscribeRequest request{
      .filter = "a/#", .qos = Qos::kExactlyOnce, .id = 300, .no_local = true, .retain_handling = 1};
  client.Subscribe({&request, 1});
  talk();
  for (int qos = 0; qos <= 2; ++qos) {
    OutboundMessage message = Message("t/opic", std::string(200, 'x'), qos, qos == 1);
    message.properties = MessageProperties();
    client.Publish(static_cast<uint64_t>(qos), message);
    talk();
  }
  const std::string_view filter = "a/#";
  client.Unsubscribe({&filter, 1});
  talk();
  client.Disconnect();
  talk();
  return packets;
}

class ProtocolPaho : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Mqtt, ProtocolPaho, testing::Bool(), VersionName);

TEST_P(ProtocolPaho, SendsTheSamePackets) {
  const std::vector<std::string> ours = PacketsOfOurs(GetParam());
  EXPECT_THAT(ours, ElementsAreArray(PacketsOfPaho(GetParam())));
  EXPECT_EQ(ours.size(), 11u);
}

}  // namespace
}  // namespace sluice::wire
