// A broker that says what a test tells it to say: for answers that no real broker can be brought to give.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace sluice {

// Listens on a free port of 127.0.0.1 and serves each connection on a thread of its own.
class ScriptedBroker {
 public:
  // Called with each packet: its first byte (type and flags, MQTT 5.0 §2.1.1) and what follows the Remaining Length.
  // Returns the bytes to answer with, which may be none; nullopt closes the connection. Must be thread-safe.
  using Script = std::function<std::optional<std::string>(uint8_t first, std::string_view body)>;

  explicit ScriptedBroker(Script script);
  ~ScriptedBroker();
  ScriptedBroker(const ScriptedBroker&) = delete;
  ScriptedBroker& operator=(const ScriptedBroker&) = delete;

  std::string uri() const { return "tcp://127.0.0.1:" + std::to_string(port_); }
  int connections() const { return connections_; }

  // A CONNACK of MQTT 5 with this reason code and properties.
  static std::string Connack(uint8_t reason, std::string_view properties = "");
  // The SUBACK of MQTT 5 to a SUBSCRIBE with one filter.
  static std::string Suback(std::string_view subscribe, uint8_t reason);
  // A DISCONNECT of MQTT 5.
  static std::string Disconnect(uint8_t reason);

 private:
  void Accept();
  void Serve(int fd);

  const Script script_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  std::thread acceptor_;
  std::mutex mutex_;  // For the two below.
  std::vector<std::thread> servers_;
  std::vector<int> sockets_;
};

}  // namespace sluice
