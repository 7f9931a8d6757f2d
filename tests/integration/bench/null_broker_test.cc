// The null broker over real sockets, with many clients.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bench/mqtt_client.h"
#include "bench/null_broker/broker.h"

namespace sluice::bench {
namespace {

// A broker on a free port, in a thread of its own, until its load is done.
class RunningBroker {
 public:
  explicit RunningBroker(const LoadOptions& load) : broker_({.window = 20, .load = load}) {
    const absl::Status status = broker_.Listen();
    EXPECT_TRUE(status.ok()) << status.ToString();
    thread_ = std::thread([this] { EXPECT_TRUE(broker_.Run().ok()); });
  }
  RunningBroker(const RunningBroker&) = delete;
  RunningBroker& operator=(const RunningBroker&) = delete;
  ~RunningBroker() {
    if (thread_.joinable()) thread_.join();
  }

  std::string address() const { return "127.0.0.1:" + std::to_string(broker_.port()); }
  std::string WaitForResult() {
    thread_.join();
    return broker_.Result().ToString();
  }

 private:
  NullBroker broker_;
  std::thread thread_;
};

// Subscribes, and publishes what it gets, until the broker closes the connection.
void EchoUntilTheEnd(const std::string& address, bool mqtt5, uint8_t qos) {
  auto client = MqttClient::Connect(address, {.mqtt5 = mqtt5, .client_id = "echo"});
  ASSERT_TRUE(client.ok()) << client.status().ToString();
  std::vector<std::string> waiting;
  const auto on_message = [&](const PublishPacket& packet) { waiting.emplace_back(packet.payload); };
  absl::Status status = client->Subscribe("bench/#", qos, on_message);
  while (status.ok()) {
    while (!waiting.empty() && client->MayPublish(qos)) {
      client->Publish("bench/out", waiting.back(), qos);
      waiting.pop_back();
    }
    status = client->Turn(50, on_message);
  }
}

LoadOptions Count(uint8_t qos, size_t subscribers, uint64_t count, size_t payload_bytes) {
  LoadOptions load;
  load.qos = qos;
  load.subscribers = subscribers;
  load.payload_bytes = payload_bytes;
  load.length = {.warmup_s = 10, .steady_s = 10, .drain_s = 10, .count = count};
  return load;
}

class NullBrokerTest : public testing::TestWithParam<std::tuple<bool, int>> {};

INSTANTIATE_TEST_SUITE_P(Protocols, NullBrokerTest, testing::Combine(testing::Bool(), testing::Values(0, 1, 2)),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param) ? "Mqtt5" : "Mqtt311") + "Qos" +
                                  std::to_string(std::get<1>(test.param));
                         });

TEST_P(NullBrokerTest, SeesEveryMessageAnsweredOnce) {
  const bool mqtt5 = std::get<0>(GetParam());
  const auto qos = static_cast<uint8_t>(std::get<1>(GetParam()));
  RunningBroker broker(Count(qos, 1, 2'000, 128));
  EchoUntilTheEnd(broker.address(), mqtt5, qos);
  const std::string result = broker.WaitForResult();
  EXPECT_NE(result.find(R"("sent":2000,"answered":2000,"lost":0,"duplicates":0,"foreign":0)"), std::string::npos)
      << result;
  EXPECT_NE(result.find(R"("protocol_errors":0)"), std::string::npos) << result;
}

TEST(NullBroker, ServesManyConnections) {
  constexpr size_t kClients = 60;
  RunningBroker broker(Count(1, kClients, 20, 64));
  std::vector<std::thread> clients;
  for (size_t i = 0; i < kClients; ++i) {
    clients.emplace_back([&] { EchoUntilTheEnd(broker.address(), true, 1); });
  }
  for (std::thread& client : clients) client.join();
  const std::string result = broker.WaitForResult();
  EXPECT_NE(result.find(R"("sent":1200,"answered":1200,"lost":0,"duplicates":0,"foreign":0)"), std::string::npos)
      << result;
}

TEST(NullBroker, CarriesMessagesLargerThanItsBuffers) {
  RunningBroker broker(Count(1, 1, 10, 3 << 20));
  EchoUntilTheEnd(broker.address(), true, 1);
  const std::string result = broker.WaitForResult();
  EXPECT_NE(result.find(R"("sent":10,"answered":10,"lost":0)"), std::string::npos) << result;
}

}  // namespace
}  // namespace sluice::bench
