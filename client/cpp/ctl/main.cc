// sluicectl: asks a gateway how it stands, steers it, sees to its dead letters, and looks into the journal of one that is stopped.
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "client/cpp/ctl/commands.h"

namespace {

// https://no-color.org
bool WantsColour() {
  const auto get = [](const char* name) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread.
    return std::string_view(value == nullptr ? "" : value);
  };
  return get("NO_COLOR").empty() && get("TERM") != "dumb" && !get("TERM").empty();
}

}  // namespace

int main(int argc, char** argv) {
  // sluicectl says itself what failed; gRPC's own lines only for those who ask.
  setenv("GRPC_VERBOSITY", "NONE", 0);  // NOLINT(concurrency-mt-unsafe): one thread.
  using namespace sluice::ctl;          // NOLINT(google-build-using-namespace): the program is all of it.
  const bool terminal = isatty(STDOUT_FILENO) != 0;
  const Console console{.out = std::cout,
                        .err = std::cerr,
                        .in = std::cin,
                        .interactive = isatty(STDIN_FILENO) != 0 && terminal,
                        .environment = [](const char* name) -> std::optional<std::string> {
                          const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread.
                          return value == nullptr ? std::nullopt : std::optional<std::string>(value);
                        },
                        .terminal = terminal,
                        .colour = terminal && WantsColour(),
                        .sleep =
                            [](std::chrono::milliseconds time) {
                              std::this_thread::sleep_for(time);
                              return true;
                            }};
  try {
    const int status = Run(std::vector<std::string>(argv + 1, argv + argc), console);
    std::cout << std::flush;
    return status;
  } catch (const std::exception& error) {
    std::cerr << "sluicectl: " << error.what() << "\n";
    return kFailure;
  }
}
