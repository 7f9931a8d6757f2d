// sluice-load: sends messages through a real broker, takes the replies, and tells how many and how fast. Or answers
// them itself, as the broker's own echo. See docs/benchmarks.md.
#include "bench/main.h"

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <string>

#include "bench/load/load.h"
#include "version/version.h"

namespace {

volatile std::sig_atomic_t stopping = 0;

int Run(int argc, char** argv) {
  sluice::bench::LoadRun run;
  std::string protocol = "5";

  CLI::App app("Measures round trips through an MQTT broker.");
  app.set_version_flag("--version", "sluice-load " + std::string(sluice::BuildText()));
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--broker", run.broker, "IPV4-ADDRESS:PORT")->capture_default_str();
  app.add_option("--protocol", protocol, "MQTT version")->check(CLI::IsMember({"3.1.1", "5"}))->capture_default_str();
  app.add_option("--topic", run.topic, "Where the messages go to")->capture_default_str();
  app.add_option("--reply-topic", run.reply_topic, "Where the replies come")->capture_default_str();
  app.add_option("--qos", run.qos, "QoS of messages and of both subscriptions")
      ->check(CLI::Range(0, 2))
      ->capture_default_str();
  app.add_option("--size", run.payload_bytes, "Payload, in bytes")
      ->check(CLI::Range(16, 1 << 28))
      ->capture_default_str();
  app.add_option("--count", run.length.count, "Messages in all; 0: what fits into the time");
  app.add_option("--warmup", run.length.warmup_s, "Seconds not measured, at the most")->capture_default_str();
  app.add_option("--seconds", run.length.steady_s, "Seconds measured, at the most")->capture_default_str();
  app.add_option("--drain", run.length.drain_s, "Seconds to wait for the last replies, at the most")
      ->capture_default_str();

  auto* idle = app.add_subcommand("idle", "One message at a time: the round trip with nothing else to do");
  auto* throughput = app.add_subcommand("throughput", "As many messages as the bound on unanswered ones allows");
  throughput->add_option("--outstanding", run.outstanding, "Unanswered messages")
      ->check(CLI::Range(1, 60'000))
      ->capture_default_str();
  auto* echo = app.add_subcommand("echo", "Publishes what comes on --topic to --reply-topic, until it is told to stop");
  CLI11_PARSE(app, argc, argv);

  run.mqtt5 = protocol == "5";
  if (idle->parsed()) run.outstanding = 1;
  const auto stop = [](int) { stopping = 1; };
  std::signal(SIGINT, stop);
  std::signal(SIGTERM, stop);
  const auto should_stop = [] { return stopping != 0; };

  const absl::Status status =
      echo->parsed() ? sluice::bench::Echo(run, should_stop) : sluice::bench::Load(run, should_stop);
  if (!status.ok()) {
    std::fprintf(stderr, "sluice-load: %s\n", std::string(status.message()).c_str());
    return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return sluice::bench::RunMain(Run, argc, argv); }
