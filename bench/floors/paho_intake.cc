// floor_paho_intake: Paho C++ alone, taking messages in. Set up as server/mqtt/paho sets it up: no persistence, the
// message handler returns at once. Runs until standard input ends or the broker has gone.
#include <CLI/CLI.hpp>

#include "bench/floors/paho_client.h"
#include "bench/main.h"

namespace {

int Run(int argc, char** argv) {
  sluice::bench::PahoOptions options;
  CLI::App app("Takes in messages with Paho C++ and does nothing with them.");
  AddOptions(app, options);
  CLI11_PARSE(app, argc, argv);
  sluice::bench::PahoClient intake(options, "intake");
  intake.client().set_message_callback([](const mqtt::const_message_ptr&) {});
  intake.Connect();
  intake.Subscribe(options.topic, options.qos);
  intake.WaitForEnd();
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return sluice::bench::RunMain(Run, argc, argv); }
