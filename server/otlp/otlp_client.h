// The thread that brings spans to a collector.
#pragma once

#include <memory>
#include <string>

#include "server/net/event_loop.h"
#include "server/otlp/exporter.h"
#include "server/otlp/http_sender.h"
#include "server/spans/otlp_config.h"
#include "server/telemetry/metrics.h"

namespace sluice {

class OtlpClient {
 public:
  // `clock` and `metrics` outlive it. `gateway`: this replica's name.
  OtlpClient(const OtlpConfig& config, const std::string& gateway, const Clock& clock, MetricsRegistry& metrics);
  // Stops without sending what is left.
  ~OtlpClient();
  OtlpClient(const OtlpClient&) = delete;
  OtlpClient& operator=(const OtlpClient&) = delete;

  // Thread-safe, also after Stop(): then they are dropped with it.
  SpanSink& sink() { return parts_->exporter; }
  void Start();
  // Sends what is held until `deadline`, then ends the thread. Idempotent.
  void Stop(SteadyTime deadline);

 private:
  // Kept alive by the thread, too.
  struct Parts {
    Parts(const OtlpConfig& config, const std::string& gateway, const Clock& clock, MetricsRegistry& metrics);
    void Tick();

    const Clock& clock;
    EventLoop loop;
    Timer timer;
    HttpSender sender;
    SpanExporter exporter;
  };

  const std::shared_ptr<Parts> parts_;
  bool started_ = false;
};

}  // namespace sluice
