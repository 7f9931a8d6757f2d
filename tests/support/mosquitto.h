// A mosquitto of a test's own, on free ports of 127.0.0.1, with its files in a directory of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace sluice {

class Mosquitto {
 public:
  struct Options {
    // Queued messages and sessions survive Stop() and Kill().
    bool persistence = false;
    // User names and passwords; without any everybody may connect.
    std::vector<std::pair<std::string, std::string>> users = {};
    // Lines of an acl_file; empty: everything is allowed. "topic readwrite #" names what anonymous clients may do.
    std::string acl = {};
    // A filter that nobody may subscribe to (an acl_file cannot say that: it lets everything be subscribed to).
    std::string refuse_subscriptions = {};
    // A TLS listener (tls_uri()) with this certificate; a client CA makes client certificates required.
    std::string tls_cert_file = {};
    std::string tls_key_file = {};
    std::string tls_client_ca_file = {};
    // A WebSocket listener (ws_uri()); with a certificate above it speaks TLS (wss_uri()).
    bool websockets = false;
    // More lines of mosquitto.conf, in the section of the first listener.
    std::string config = {};
    // false: configured but not running until Start().
    bool start = true;
  };

  Mosquitto() : Mosquitto(Options()) {}
  explicit Mosquitto(Options options);
  ~Mosquitto() = default;
  Mosquitto(const Mosquitto&) = delete;
  Mosquitto& operator=(const Mosquitto&) = delete;

  // Returns when it accepts connections. Throws std::runtime_error with its log when it does not.
  void Start();
  // SIGTERM, and waits for the end. It tells its MQTT 5 clients.
  void Stop();
  // SIGKILL: tells nobody.
  void Kill();
  // Stops answering without closing anything, until Thaw().
  void Freeze() { process_->Signal(SIGSTOP); }
  void Thaw() { process_->Signal(SIGCONT); }

  uint16_t port() const { return port_; }
  std::string uri() const { return "tcp://127.0.0.1:" + std::to_string(port_); }
  std::string tls_uri(const std::string& host = "localhost") const {
    return "ssl://" + host + ":" + std::to_string(tls_port_);
  }
  std::string ws_uri() const { return "ws://127.0.0.1:" + std::to_string(ws_port_); }
  std::string wss_uri() const { return "wss://localhost:" + std::to_string(ws_port_); }
  std::string log() const { return process_ ? process_->output() : ""; }
  // Whether its log has `text`.
  bool Logged(const std::string& text) const { return log().find(text) != std::string::npos; }

 private:
  std::string Config() const;
  bool TryStart();

  const Options options_;
  TempDir directory_;
  uint16_t port_ = 0;
  uint16_t tls_port_ = 0;
  uint16_t ws_port_ = 0;
  std::unique_ptr<Process> process_;
};

}  // namespace sluice
