// path_bench: the whole gateway in this process, with a fake in the place of its MQTT driver: what everything that is
// not MQTT costs. Its workers are processes of their own. See docs/benchmarks.md.
#include "bench/main.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <string>
#include <utility>

#include "bench/path/fake_broker.h"
#include "server/telemetry/log.h"

namespace {

sluice::GatewayConfig Config(sluice::Qos qos, const std::string& journal, sluice::Fsync fsync) {
  sluice::GatewayConfig config;
  sluice::MqttOptions& connection = config.connections["bench"];
  connection.name = "bench";
  connection.uri = "tcp://127.0.0.1:1883";  // Not used by the fake.
  connection.client_id = "path-bench";
  sluice::RouteSpec& route = config.routes.emplace_back();
  route.id = route.target = "bench";
  route.connection = "bench";
  route.filter = "bench/in";
  route.qos = qos;
  config.workers.listen = "127.0.0.1:0";
  config.workers.insecure = true;
  config.http.listen = "";
  config.journal.enabled = !journal.empty();
  config.journal.path = journal;
  config.journal.fsync = fsync;
  return config;
}

int Run(int argc, char** argv) {
  sluice::bench::FakeLoad load;
  int qos = 0;
  int patience_s = 20;
  std::string journal;
  sluice::Fsync fsync = sluice::Fsync::kInterval;
  CLI::App app("The gateway with a fake in the place of MQTT: the CPU time of everything else.");
  app.add_option("--qos", qos, "QoS of the messages")->check(CLI::Range(0, 2))->capture_default_str();
  app.add_option("--size", load.payload_bytes, "Payload, in bytes")
      ->check(CLI::Range(16, 1 << 28))
      ->capture_default_str();
  app.add_option("--batch", load.batch, "The most messages to a call of the intake")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--outstanding", load.outstanding, "Unanswered messages")
      ->check(CLI::Range(1, 8'000))
      ->capture_default_str();
  app.add_option("--rate", load.per_second, "Messages per second; 0: as fast as they are answered")
      ->capture_default_str();
  app.add_option("--journal", journal, "Its directory; none: in memory");
  app.add_option("--fsync", fsync, "Of the journal")
      ->transform(CLI::CheckedTransformer(std::map<std::string, sluice::Fsync>{
          {"never", sluice::Fsync::kOff}, {"interval", sluice::Fsync::kInterval}, {"always", sluice::Fsync::kAlways}}));
  app.add_option("--warmup", load.length.warmup_s, "Seconds not measured")->capture_default_str();
  app.add_option("--seconds", load.length.steady_s, "Seconds measured")->capture_default_str();
  app.add_option("--patience", patience_s, "Seconds to wait for a worker")->capture_default_str();
  bool no_tracing = false;
  app.add_flag("--no-tracing", no_tracing, "Keep no steps for sluicectl trace");
  std::string collector;
  double sample_ratio = 0.01;
  app.add_option("--otlp", collector, "Trace to the collector at this HOST:PORT (HTTP)");
  app.add_option("--sample-ratio", sample_ratio, "Of the messages")->check(CLI::Range(0.0, 1.0))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  load.qos = static_cast<sluice::Qos>(qos);

  sluice::log::Configure(sluice::log::Level::kWarning, sluice::log::Format::kText);
  sluice::bench::FakeBroker broker(load);
  sluice::GatewayConfig config = Config(load.qos, journal, fsync);
  if (no_tracing) config.tracing.keep = sluice::Millis(0);
  if (!collector.empty()) {
    config.otlp = {.server = "tcp://" + collector,
                   .authority = collector,
                   .path = "/v1/traces",
                   .headers_file = {},
                   .tls = {},
                   .sample_ratio = sample_ratio};
  }
  auto gateway = sluice::Gateway::Build(config, {.mqtt = broker.Drivers(), .journal = {}});
  if (const absl::Status started = gateway.ok() ? (*gateway)->Start() : gateway.status(); !started.ok()) {
    std::fprintf(stderr, "path_bench: %s\n", started.ToString().c_str());
    return 1;
  }
  sluice::bench::JsonObject().Add("event", "listening").Add("workers", (*gateway)->workers_address()).Print();
  const bool answered = broker.Run(std::chrono::seconds(patience_s));
  if (answered) broker.Result().Print();
  (*gateway)->Shutdown(sluice::Millis(1'000));
  if (answered) return 0;
  std::fprintf(stderr, "path_bench: no reply within %d s: is a worker of chain 'bench' running?\n", patience_s);
  return 1;
}

}  // namespace

int main(int argc, char** argv) { return sluice::bench::RunMain(Run, argc, argv); }
