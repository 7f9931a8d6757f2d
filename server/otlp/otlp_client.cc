#include "server/otlp/otlp_client.h"

#include "version/version.h"

namespace sluice {
namespace {

// "0.1.0": what BuildText() begins with.
std::string Version() {
  const std::string_view text = BuildText();
  return std::string(text.substr(0, text.find(' ')));
}

}  // namespace

OtlpClient::Parts::Parts(const OtlpConfig& config, const std::string& gateway, const Clock& real_clock,
                         MetricsRegistry& metrics)
    : clock(real_clock),
      loop("otlp"),
      timer(loop),
      sender(loop, real_clock, config),
      exporter(
          real_clock, ExporterLimits{},
          OtlpResource{
              {"service.name", config.service_name}, {"service.instance.id", gateway}, {"service.version", Version()}},
          Version(), sender, metrics, RandomSeed(), [this] { loop.Post([this] { Tick(); }); }) {}

void OtlpClient::Parts::Tick() {
  timer.Set(exporter.Tick(clock.Now()), [this] { Tick(); });
}

OtlpClient::OtlpClient(const OtlpConfig& config, const std::string& gateway, const Clock& clock,
                       MetricsRegistry& metrics)
    : parts_(std::make_shared<Parts>(config, gateway, clock, metrics)) {}

OtlpClient::~OtlpClient() {
  if (started_) parts_->loop.Stop(parts_->clock.Now());
}

void OtlpClient::Start() {
  started_ = true;
  parts_->loop.Start(parts_);
  parts_->loop.Post([parts = parts_.get()] { parts->Tick(); });
}

void OtlpClient::Stop(SteadyTime deadline) {
  if (!started_) return;
  started_ = false;
  parts_->exporter.BeginFlush();
  parts_->exporter.WaitUntilEmpty(deadline);
  if (parts_->loop.Stop(deadline + Millis(1'000))) parts_->exporter.GiveUp();
}

}  // namespace sluice
