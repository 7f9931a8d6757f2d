// sluice-testee: a worker that the conformance suite drives over standard input and output (docs/conformance.md).
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <thread>

#include "client/cpp/testee/events.h"
#include "client/cpp/testee/run_options.h"
#include "client/cpp/testee/script.h"
#include "sluice/worker.h"

namespace sluice::testee {
namespace {

// One worker at a time, on a thread of its own. Used by the thread that reads commands.
class Testee {
 public:
  ~Testee() {
    if (worker_ != nullptr) worker_->Stop();
    Join();
  }

  void Do(const Json& command) {
    const std::string name = command.value("cmd", "");
    if (name == "run") {
      Run(command.value("options", Json::object()));
    } else if (name == "drain") {
      worker_->Drain();
    } else if (name == "stop") {
      worker_->Stop();
    } else if (name == "release") {
      gates_.Release(command.value("gate", ""));
    } else if (name == "stats") {
      const client::Stats stats = worker_->GetStats();
      Say("stats", {{"streams", stats.streams}, {"received", stats.received}, {"settled", stats.settled}});
    }
  }

 private:
  void Run(const Json& options) {
    Join();
    worker_ = std::make_unique<client::Worker>(ToOptions(options),
                                               [this](const client::Message& message, client::Context& context) {
                                                 return RunScript(message, context, gates_);
                                               });
    running_ = std::thread([worker = worker_.get(), signals = options.value("signals", false)] {
      const client::Status status = signals ? worker->RunUntilSignal() : worker->Run();
      Say("ended", {{"status", client::StatusCodeName(status.code())}, {"text", status.message()}});
    });
  }

  void Join() {
    if (running_.joinable()) running_.join();
  }

  Gates gates_;
  std::unique_ptr<client::Worker> worker_;
  std::thread running_;
};

}  // namespace
}  // namespace sluice::testee

int main() {
  try {
    sluice::testee::Testee testee;
    for (std::string line; std::getline(std::cin, line);) testee.Do(sluice::testee::Json::parse(line));
  } catch (const std::exception& error) {
    std::cerr << "sluice-testee: " << error.what() << "\n";
    return 2;
  }
}
