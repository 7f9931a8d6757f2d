// What a message costs in the MQTT protocol: taken in and acknowledged, and published and confirmed, a read buffer's
// worth at a time.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "bench/micro/allocations.h"
#include "bench/mqtt_codec.h"
#include "server/mqtt/protocol/client.h"

namespace sluice::wire {
namespace {

constexpr size_t kBatch = 500;  // A read of 64 KiB holds about as many.
constexpr size_t kPayloadBytes = 128;
constexpr std::string_view kTopic = "plant/device-17/temperature";

class Counter final : public ClientEvents {
 public:
  void OnConnack(const Connack& /*connack*/) override {}
  void OnPublish(const Publish& publish) override { messages += publish.subscription_ids.size() <= 1 ? 1u : 0u; }
  void OnPublished(uint64_t /*token*/, uint8_t /*reason*/) override { ++messages; }
  void OnSuback(uint16_t /*id*/, std::span<const uint8_t> /*codes*/, std::string_view /*reason*/) override {}
  void OnUnsuback(uint16_t /*id*/, std::span<const uint8_t> /*codes*/) override {}
  void OnDisconnect(const Disconnected& /*disconnected*/) override {}

  size_t messages = 0;
};

void Establish(Client& client, Counter& events, bool mqtt5) {
  std::string connack;
  bench::AppendConnack(connack, mqtt5, 0, 65'535);
  client.Connect();
  if (client.Receive(connack, events).error) std::abort();
  client.output().clear();
}

ConnectOptions OptionsOf(bool mqtt5) {
  ConnectOptions options;
  options.mqtt5 = mqtt5;
  options.client_id = "bench";
  return options;
}

void Report(benchmark::State& state, uint64_t allocations) {
  const auto messages = static_cast<double>(state.iterations()) * static_cast<double>(kBatch);
  state.counters["allocations"] = static_cast<double>(allocations) / messages;
  state.counters["per_message"] =
      benchmark::Counter(messages, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

// MQTT 5 or 3.1.1, and the QoS.
void TakeIn(benchmark::State& state) {
  const bool mqtt5 = state.range(0) == 5;
  const auto qos = static_cast<uint8_t>(state.range(1));
  Client client(OptionsOf(mqtt5));
  Counter events;
  Establish(client, events, mqtt5);
  const std::string payload(kPayloadBytes, 'x');
  std::string publishes;
  std::string releases;
  for (size_t i = 1; i <= kBatch; ++i) {
    bench::PublishPacket packet{.topic = kTopic, .payload = payload, .qos = qos, .packet_id = static_cast<uint16_t>(i)};
    if (mqtt5) packet.subscription_ids = {7};
    bench::AppendPublish(publishes, packet, mqtt5);
    if (qos == 2) bench::AppendAck(releases, bench::PacketType::kPubrel, packet.packet_id);
  }
  const auto round = [&] {
    if (client.Receive(publishes, events).error) std::abort();
    client.AcceptAll();
    client.AcknowledgeAccepted();
    if (!releases.empty() && client.Receive(releases, events).error) std::abort();
    benchmark::DoNotOptimize(client.output().data());
    client.output().clear();
  };
  round();  // The buffers grow once.
  const uint64_t before = Allocations();
  for ([[maybe_unused]] auto _ : state) round();
  Report(state, Allocations() - before);
  if (events.messages < kBatch) std::abort();
}
BENCHMARK(TakeIn)->ArgNames({"mqtt", "qos"})->ArgsProduct({{3, 5}, {0, 1, 2}});

void PublishAndConfirm(benchmark::State& state) {
  const bool mqtt5 = state.range(0) == 5;
  Client client(OptionsOf(mqtt5));
  Counter events;
  Establish(client, events, mqtt5);
  OutboundMessage message;
  message.topic = kTopic;
  message.payload = std::string(kPayloadBytes, 'x');
  message.qos = static_cast<Qos>(state.range(1));
  std::string answers;
  std::string pubcomps;
  uint16_t next_id = 1;
  const auto round = [&] {
    for (size_t i = 0; i < kBatch; ++i) client.Publish(i, message);
    benchmark::DoNotOptimize(client.output().data());
    client.output().clear();
    if (message.qos == Qos::kAtMostOnce) return;
    answers.clear();
    pubcomps.clear();
    for (size_t i = 0; i < kBatch; ++i) {
      const bool once = message.qos == Qos::kExactlyOnce;
      bench::AppendAck(answers, once ? bench::PacketType::kPubrec : bench::PacketType::kPuback, next_id);
      if (once) bench::AppendAck(pubcomps, bench::PacketType::kPubcomp, next_id);
      next_id = next_id == UINT16_MAX ? uint16_t{1} : static_cast<uint16_t>(next_id + 1);
    }
    if (client.Receive(answers, events).error || client.Receive(pubcomps, events).error) std::abort();
    client.output().clear();
  };
  // Every packet identifier is used once before.
  for (size_t i = 0; i <= UINT16_MAX / kBatch; ++i) round();
  const uint64_t before = Allocations();
  for ([[maybe_unused]] auto _ : state) round();
  Report(state, Allocations() - before);
  if (client.unconfirmed() != 0) std::abort();
}
BENCHMARK(PublishAndConfirm)->ArgNames({"mqtt", "qos"})->ArgsProduct({{3, 5}, {0, 1, 2}});

}  // namespace
}  // namespace sluice::wire

BENCHMARK_MAIN();
