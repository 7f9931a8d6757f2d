// sluicectl: asks a gateway how it stands, sees to its dead letters, and looks into the journal of one that is stopped.
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "client/cpp/ctl/commands.h"

int main(int argc, char** argv) {
  using namespace sluice::ctl;  // NOLINT(google-build-using-namespace): the program is all of it.
  const Console console{.out = std::cout,
                        .err = std::cerr,
                        .in = std::cin,
                        .interactive = isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0,
                        .environment = [](const char* name) -> std::optional<std::string> {
                          const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread.
                          return value == nullptr ? std::nullopt : std::optional<std::string>(value);
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
