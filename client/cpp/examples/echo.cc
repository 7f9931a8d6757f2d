// Answers every message with its own payload.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "flags.h"

namespace {

constexpr char kProgram[] = "sluice-echo-worker";

int Run(int argc, char** argv) {
  using namespace sluice::client;  // NOLINT(google-build-using-namespace): an example.
  Options options;
  options.worker_name = "echo";
  options.concurrency = 0;  // The handler only copies a few bytes: no thread of its own is worth its wake-up.
  std::string reply_topic;
  std::optional<std::uint32_t> reply_qos;
  std::uint32_t delay_ms = 0;

  CLI::App app{
      "Takes the messages of a chain from Sluice gateways and answers each with its own payload.\n"
      "Ctrl-C or SIGTERM lets what is in work finish first; a second one ends at once.\n\n"
      "  sluice-echo-worker --gateway 127.0.0.1:7443 --chain echo --reply-topic demo/reply --reply-qos 1\n",
      kProgram};
  sluice::examples::AddWorkerFlags(app, options);
  app.add_option("--reply-topic", reply_topic,
                 "publish replies here; without it, to the message's own MQTT 5 Response Topic, if it has one")
      ->type_name("TOPIC");
  app.add_option("--reply-qos", reply_qos, "with which QoS; without it: 0")
      ->check(CLI::Range(0, 2))
      ->type_name("0|1|2");
  app.add_option("--delay-ms", delay_ms, "how long each message takes, to see what slow handlers do");
  CLI11_PARSE(app, argc, argv);
  sluice::examples::FinishWorkerFlags(options);

  Worker worker(std::move(options), [&](const Message& message) {
    if (delay_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
    return Reply{.topic = reply_topic, .payload = std::string(message.payload), .qos = reply_qos};
  });
  return sluice::examples::RunUntilSignal(worker, kProgram);
}

}  // namespace

int main(int argc, char** argv) { return sluice::examples::Main(kProgram, Run, argc, argv); }
