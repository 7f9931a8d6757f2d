// A terminal that the test reads and answers at.
#pragma once

#include <map>
#include <sstream>
#include <string>

#include "client/cpp/ctl/console.h"

namespace sluice::ctl {

struct FakeConsole {
  std::ostringstream out;
  std::ostringstream err;
  std::istringstream in;
  std::map<std::string, std::string> environment;
  bool interactive = false;

  Console console() {
    return {.out = out,
            .err = err,
            .in = in,
            .interactive = interactive,
            .environment = [this](const char* name) -> std::optional<std::string> {
              const auto found = environment.find(name);
              return found == environment.end() ? std::nullopt : std::optional(found->second);
            }};
  }
  void WillAnswer(const std::string& text) {
    interactive = true;
    in.str(text + "\n");
  }
};

}  // namespace sluice::ctl
