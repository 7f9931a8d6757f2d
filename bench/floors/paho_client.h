// A Paho C++ client for the floors, with the settings of the gateway's Paho driver.
#pragma once

#include <mqtt/async_client.h>

#include <CLI/CLI.hpp>
#include <string>

namespace sluice::bench {

struct PahoOptions {
  std::string broker = "127.0.0.1:1883";
  std::string topic = "bench/in";
  int qos = 0;
  int receive_maximum = 1000;
};

void AddOptions(CLI::App& app, PahoOptions& options);

// Its functions throw mqtt::exception.
class PahoClient {
 public:
  PahoClient(const PahoOptions& options, const std::string& role);

  // Set the message callback before.
  mqtt::async_client& client() { return client_; }
  void Connect();
  // Prints {"event": "ready"} when it is granted.
  void Subscribe(const std::string& topic, int qos);
  // Returns when standard input has ended or the connection is lost.
  void WaitForEnd();

 private:
  const int receive_maximum_;
  mqtt::async_client client_;
};

}  // namespace sluice::bench
