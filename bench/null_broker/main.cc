// sluice-null-broker: a broker that does protocol only and makes the load itself, so that what a measure shows is
// the client's cost. See docs/benchmarks.md.
#include "bench/main.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <string>

#include "bench/null_broker/broker.h"
#include "version/version.h"

namespace {

// SIGINT and SIGTERM as something to poll.
int OpenSignalFd() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return signalfd(-1, &set, SFD_CLOEXEC);
}

int Run(int argc, char** argv) {
  sluice::bench::BrokerOptions options;
  sluice::bench::LoadOptions& load = options.load;
  bool start_on_stdin = false;
  bool intake_only = false;

  CLI::App app("An MQTT broker that does protocol only and sends its subscribers messages by itself.");
  app.set_version_flag("--version", "sluice-null-broker " + std::string(sluice::BuildText()));
  app.add_option("--port", options.port, "Port on 127.0.0.1; 0: a free one, printed")->capture_default_str();
  app.add_option("--window", options.window, "Unacknowledged messages of QoS 1 and 2 per client, each way")
      ->check(CLI::Range(1, 65'535))
      ->capture_default_str();
  app.add_option("--qos", load.qos, "QoS of the messages")->check(CLI::Range(0, 2))->capture_default_str();
  app.add_option("--size", load.payload_bytes, "Payload, in bytes")
      ->check(CLI::Range(16, 1 << 28))
      ->capture_default_str();
  app.add_option("--outstanding", load.outstanding, "Unanswered messages, over all subscribers; 0: no bound")
      ->capture_default_str();
  app.add_option("--rate", load.rate, "The most messages a second; 0: no bound")->capture_default_str();
  app.add_flag("--intake-only", intake_only, "Expect no replies: acknowledged (QoS 0: written) is answered");
  app.add_option("--topic", load.topic, "Where the messages go to")->capture_default_str();
  app.add_option("--topics", load.topics, "Spread over so many topics TOPIC/0, TOPIC/1, …")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--subscribers", load.subscribers, "Begin when so many clients have subscribed")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--count", load.length.count, "Messages to each subscriber; 0: what fits into the time");
  app.add_option("--warmup", load.length.warmup_s, "Seconds not measured, at the most")->capture_default_str();
  app.add_option("--seconds", load.length.steady_s, "Seconds measured, at the most")->capture_default_str();
  app.add_option("--drain", load.length.drain_s, "Seconds to wait for the last answers, at the most")
      ->capture_default_str();
  app.add_flag("--start-on-stdin", start_on_stdin, "Begin when standard input brings a line, not before");
  CLI11_PARSE(app, argc, argv);

  load.expect_replies = !intake_only;
  if (start_on_stdin) options.start_fd = STDIN_FILENO;
  options.stop_fd = OpenSignalFd();

  sluice::bench::NullBroker broker(options);
  absl::Status status = broker.Listen();
  if (status.ok()) {
    sluice::bench::JsonObject().Add("event", "listening").Add("port", broker.port()).Print();
    status = broker.Run();
  }
  if (!status.ok()) {
    std::fprintf(stderr, "sluice-null-broker: %s\n", std::string(status.message()).c_str());
    return 1;
  }
  broker.Result().Print();
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return sluice::bench::RunMain(Run, argc, argv); }
