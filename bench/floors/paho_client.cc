#include "bench/floors/paho_client.h"

#include <poll.h>
#include <unistd.h>

#include <array>

#include "bench/json.h"

namespace sluice::bench {

void AddOptions(CLI::App& app, PahoOptions& options) {
  app.add_option("--broker", options.broker, "HOST:PORT")->capture_default_str();
  app.add_option("--topic", options.topic, "What to subscribe to")->capture_default_str();
  app.add_option("--qos", options.qos, "QoS of the subscription and of what is published")
      ->check(CLI::Range(0, 2))
      ->capture_default_str();
}

PahoClient::PahoClient(const PahoOptions& options, const std::string& role)
    : receive_maximum_(options.receive_maximum),
      client_("tcp://" + options.broker, "floor-" + role + "-" + std::to_string(getpid()),
              mqtt::create_options(MQTTVERSION_5, 60'000), nullptr) {}

void PahoClient::Connect() {
  auto options = mqtt::connect_options_builder()
                     .mqtt_version(MQTTVERSION_5)
                     .clean_start(true)
                     .keep_alive_interval(std::chrono::seconds(30))
                     .finalize();
  options.set_properties({{mqtt::property::RECEIVE_MAXIMUM, receive_maximum_}});
  client_.connect(options)->wait();
}

void PahoClient::Subscribe(const std::string& topic, int qos) {
  client_.subscribe(topic, qos)->wait();
  JsonObject().Add("event", "ready").Print();
}

void PahoClient::WaitForEnd() {
  while (client_.is_connected()) {
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    if (poll(&input, 1, 200) <= 0) continue;
    std::array<char, 256> ignored;
    if (read(STDIN_FILENO, ignored.data(), ignored.size()) <= 0) return;
  }
}

}  // namespace sluice::bench
