#include "tests/integration/brokers/observations.h"

#include <algorithm>
#include <map>
#include <utility>

#include "tests/integration/mqtt/fixture.h"
#include "tests/support/mqtt_bytes.h"

namespace sluice {
namespace {

using mqtt_bytes::Cursor;

// For what some brokers never do.
constexpr Millis kPatience{10'000};

MqttOptions As(const RealBroker& broker, bool mqtt5, const std::string& client_id) {
  MqttOptions options = OptionsFor(broker.uri(), {.mqtt5 = mqtt5});
  options.client_id = client_id + (mqtt5 ? "-5" : "-3");
  return options;
}

std::vector<Subscription> To(const std::string& filter) {
  return {{.filter = filter, .qos = Qos::kAtLeastOnce, .id = 1}};
}

std::string Join(const std::vector<std::string>& parts, const std::string& with) {
  std::string joined;
  for (const std::string& part : parts) joined += (joined.empty() ? "" : with) + part;
  return joined;
}

// ------------------------------------------------------------------------------------------------ limits

struct Announced {
  const char* name;
  int bytes;
};

// MQTT 5.0 §3.2.2.3, those that may stand in any CONNACK and are numbers.
const std::map<uint8_t, Announced> kAnnounced = {
    {0x11, {"session expiry", 4}},      {0x13, {"keep alive", 2}},  {0x21, {"receive maximum", 2}},
    {0x22, {"topic aliases", 2}},       {0x24, {"maximum QoS", 1}}, {0x25, {"retain", 1}},
    {0x27, {"packet bytes", 4}},        {0x28, {"wildcards", 1}},   {0x29, {"subscription identifiers", 1}},
    {0x2A, {"shared subscriptions", 1}}};

std::string Limits(const BrokerKind& /*kind*/, RealBroker& broker, bool mqtt5) {
  if (!mqtt5) return "–";
  MqttDevice device(broker.uri(), {.client_id = "observer-limits"});
  const std::string connack = device.connack();
  Cursor in(connack);
  in.Take(2);
  Cursor properties(in.Take(in.Variable()));
  std::vector<std::string> parts;
  while (!properties.empty()) {
    const auto found = kAnnounced.find(properties.Byte());
    if (found == kAnnounced.end()) return "something unknown";
    const auto& [name, bytes] = found->second;
    const uint32_t value = bytes == 1 ? properties.Byte() : bytes == 2 ? properties.TwoBytes() : properties.FourBytes();
    parts.push_back(std::string(name) + " " + std::to_string(value));
  }
  return parts.empty() ? "nothing" : Join(parts, ", ");
}

// ------------------------------------------------------------------------------------------------ messages

std::string QosOfQos2(const BrokerKind& /*kind*/, RealBroker& broker, bool mqtt5) {
  TestIntake intake(As(broker, mqtt5, "observer-qos"), {{.filter = "observed/qos", .qos = Qos::kExactlyOnce, .id = 1}});
  TestPublisher publisher(As(broker, mqtt5, "observer-qos"));
  if (!intake.Ready() || !publisher.Ready()) return "not connected";
  publisher.Publish("observed/qos", "x", Qos::kExactlyOnce);
  const std::vector<InboundMessage> messages = intake.messages().WaitFor(1);
  if (messages.empty()) return "lost";
  return messages[0].message->qos == Qos::kExactlyOnce ? "arrives as QoS 2" : "arrives as QoS 1";
}

std::string Overlaps(const BrokerKind& /*kind*/, RealBroker& broker, bool mqtt5) {
  TestIntake intake(As(broker, mqtt5, "observer-overlap"),
                    {{.filter = "observed/overlap/#", .qos = Qos::kAtLeastOnce, .id = 1},
                     {.filter = "observed/overlap/+", .qos = Qos::kAtLeastOnce, .id = 2}});
  if (!intake.Ready()) return "not connected";
  MqttDevice device(broker.uri(), {.client_id = "observer-device", .mqtt5 = mqtt5});
  device.Publish("observed/overlap/a", "x");
  // A second copy, where there is one, comes at once.
  intake.messages().WaitFor(1);
  intake.messages().WaitFor(2, Millis{2'000});
  std::vector<std::string> copies;
  for (const InboundMessage& inbound : intake.messages().values()) {
    std::vector<std::string> ids;
    for (uint32_t id : inbound.subscription_ids) ids.push_back(std::to_string(id));
    std::ranges::sort(ids);
    copies.push_back(ids.empty() ? "none" : Join(ids, " and "));
  }
  std::ranges::sort(copies);
  const std::string count = copies.size() == 1 ? "1 copy" : std::to_string(copies.size()) + " copies";
  return mqtt5 ? count + ", identifiers: " + Join(copies, "; ") : count;
}

std::string Shares(const BrokerKind& /*kind*/, RealBroker& broker, bool mqtt5) {
  const std::vector<Subscription> subscriptions =
      To(mqtt5 ? "$share/observers/observed/share/5" : "$share/observers/observed/share/3");
  TestIntake one(As(broker, mqtt5, "observer-share-1"), subscriptions);
  TestIntake other(As(broker, mqtt5, "observer-share-2"), subscriptions);
  if (!one.Ready() || !other.Ready()) return "refused";
  MqttDevice device(broker.uri(), {.client_id = "observer-device", .mqtt5 = mqtt5});
  for (int i = 0; i < 20; ++i) device.Publish(mqtt5 ? "observed/share/5" : "observed/share/3", "x");
  size_t sum = 0;
  auto all_came = [&] { return (sum = one.messages().values().size() + other.messages().values().size()) >= 20; };
  device.Flush();
  Eventually(all_came, kPatience);
  if (sum == 0) return "granted, and nothing comes";
  return sum == 20 ? "each message to one member" : "20 messages come " + std::to_string(sum) + " times";
}

// What comes of 20 messages to a share of two members, one of which is away with its session left behind, or `ended`:
// by a client of its name that connects with a clean start and leaves, as `sluicectl session end` does.
std::string MemberIsAway(RealBroker& broker, bool mqtt5, bool ended) {
  const std::string name = std::string(ended ? "ended" : "away") + (mqtt5 ? "/5" : "/3");
  const std::string topic = "observed/member/" + name;
  const std::vector<Subscription> subscriptions = To("$share/members/" + topic);
  TestIntake stays(As(broker, mqtt5, "observer-stays-" + name), subscriptions);
  if (!stays.Ready()) return "refused";
  {
    TestIntake goes(As(broker, mqtt5, "observer-goes-" + name), subscriptions);
    if (!goes.Ready()) return "refused";
  }
  if (ended) {
    MqttOptions options = As(broker, mqtt5, "observer-goes-" + name);
    options.clean_session = true;
    TestIntake last(options, {});
    if (!last.Ready()) return "not connected";
  }
  MqttDevice device(broker.uri(), {.client_id = "observer-device", .mqtt5 = mqtt5});
  for (int i = 0; i < 20; ++i) device.Publish(topic, std::to_string(i));
  device.Flush();
  const size_t came = stays.messages().WaitFor(20, Millis{2'000}).size();
  if (came == 0) return "granted, and nothing comes";
  if (came == 20) return "all come to the member that is there";
  TestIntake back(As(broker, mqtt5, "observer-goes-" + name), subscriptions);
  const size_t kept = back.messages().WaitFor(20 - came, kPatience).size();
  // How many is a matter of chance with some.
  return kept + came == 20 ? "its part waits for the one that is away" : "the part of the one that is away is lost";
}

std::string ShareWithAMemberAway(const BrokerKind& /*kind*/, RealBroker& broker, bool mqtt5) {
  return MemberIsAway(broker, mqtt5, /*ended=*/false);
}

std::string ShareWithAMemberEnded(const BrokerKind& /*kind*/, RealBroker& broker, bool mqtt5) {
  return MemberIsAway(broker, mqtt5, /*ended=*/true);
}

// ------------------------------------------------------------------------------------------------ sessions

// In the order in which each came first: at QoS 1 a broker may send a message again.
std::vector<std::string> FirstArrivals(const std::vector<InboundMessage>& messages) {
  std::vector<std::string> first;
  for (std::string& payload : Payloads(messages)) {
    if (std::ranges::find(first, payload) == first.end()) first.push_back(std::move(payload));
  }
  return first;
}

// What comes of 50 messages that were published while the session's client was away.
std::string Queue(RealBroker& broker, bool mqtt5, const std::string& name, const std::function<void()>& meanwhile) {
  const std::string topic = "observed/" + name + (mqtt5 ? "/5" : "/3");
  {
    TestIntake intake(As(broker, mqtt5, "observer-" + name), To(topic));
    if (!intake.Ready()) return "not connected";
  }
  {
    MqttDevice device(broker.uri(), {.client_id = "observer-device", .mqtt5 = mqtt5});
    for (int i = 0; i < 50; ++i) device.Publish(topic, std::to_string(i));
    device.Flush();
  }
  meanwhile();
  TestIntake intake(As(broker, mqtt5, "observer-" + name), To(topic));
  if (!Eventually([&] { return intake->State().ready; }, kPatience)) return "the session cannot be taken up again";
  MqttDevice device(broker.uri(), {.client_id = "observer-device", .mqtt5 = mqtt5});
  device.Publish(topic, "end");
  auto ended = [](const std::vector<InboundMessage>& all) {
    const std::vector<std::string> payloads = FirstArrivals(all);
    return std::ranges::count(payloads, "end") > 0 && (payloads.size() == 1 || payloads.size() >= 51);
  };
  std::vector<std::string> payloads = FirstArrivals(intake.messages().WaitUntil(ended, kPatience));
  std::erase(payloads, "end");
  if (payloads.empty()) return "lost";
  if (payloads.size() != 50) return std::to_string(payloads.size()) + " of 50 kept";
  for (size_t i = 0; i < payloads.size(); ++i) {
    if (payloads[i] != std::to_string(i)) return "kept, not in order";
  }
  return "kept, in order";
}

std::string QueueOfASession(const BrokerKind& /*kind*/, RealBroker& broker, bool mqtt5) {
  return Queue(broker, mqtt5, "queue", [] {});
}

std::string QueueOverARestart(const BrokerKind& /*kind*/, RealBroker& broker, bool mqtt5) {
  return Queue(broker, mqtt5, "restart", [&] {
    broker.Stop();
    broker.Start();
  });
}

std::string TakeOver(const BrokerKind& /*kind*/, RealBroker& broker, bool mqtt5) {
  MqttOptions options = As(broker, mqtt5, "observer-taken");
  options.max_reconnect_interval = Millis{60'000};
  TestIntake intake(options, To("observed/taken"));
  if (!intake.Ready()) return "not connected";
  MqttDevice device(broker.uri(), {.client_id = options.client_id, .mqtt5 = mqtt5});
  if (!Eventually([&] { return !intake->State().ready; })) return "both stay connected";
  const std::string detail = intake->State().detail;
  return detail.substr(0, detail.rfind(": another client"));
}

std::string Refusal(const BrokerKind& kind, RealBroker& broker, bool mqtt5) {
  if (!kind.refuses) return "not tried";
  TestIntake intake(As(broker, mqtt5, "observer-refused"), To("refused"));
  const std::string is = "' refused: ";
  if (!intake.DetailHas(is)) return "granted";
  const std::string detail = intake->State().detail;
  return detail.substr(detail.find(is) + is.size(), 4);
}

}  // namespace

const std::vector<Observation>& AllObservations() {
  static const std::vector<Observation> all = {
      {"announces", Limits},
      {"a message published and subscribed to at QoS 2", QosOfQos2},
      {"overlapping filters", Overlaps},
      {"`$share`", Shares},
      {"20 messages to a `$share` of two, one of them away", ShareWithAMemberAway},
      {"the same after the session of that one was ended", ShareWithAMemberEnded},
      {"50 messages for a session whose client is away", QueueOfASession},
      {"the same over a restart of the broker", QueueOverARestart},
      {"what is said when another client takes the client id", TakeOver},
      {"code of a refused subscription", Refusal},
  };
  return all;
}

}  // namespace sluice
