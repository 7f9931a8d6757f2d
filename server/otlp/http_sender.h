// Sends requests to a collector over HTTP/1.1, each on a connection of its own.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "server/mqtt/options.h"
#include "server/mqtt/transport/transport.h"
#include "server/net/event_loop.h"
#include "server/otlp/exporter.h"
#include "server/spans/otlp_config.h"

namespace sluice {

// On the loop's thread only, or while that does not run.
class HttpSender final : public SpanSender {
 public:
  // `loop` and `clock` outlive it.
  HttpSender(EventLoop& loop, const Clock& clock, OtlpConfig config);
  HttpSender(const HttpSender&) = delete;
  HttpSender& operator=(const HttpSender&) = delete;

  void Send(std::string body, std::function<void(SendOutcome)> done) override;

 private:
  void OnOpened(const absl::Status& status);
  void Read();
  void OnRead(const absl::Status& status, size_t bytes);
  void Fail(const absl::Status& status);
  void Finish(SendOutcome outcome);

  EventLoop& loop_;
  const Clock& clock_;
  const OtlpConfig config_;
  const MqttOptions options_;  // As the transport takes them.

  Timer timer_;
  std::unique_ptr<Transport> transport_;
  std::function<void(SendOutcome)> done_;
  std::string request_;
  std::string response_;
  std::array<char, 4'096> buffer_{};
};

}  // namespace sluice
