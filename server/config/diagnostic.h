// One thing that is wrong with a configuration, and where.
#pragma once

#include <string>

#include "server/runtime/text.h"

namespace sluice {

// Counted from 1. Line 0: not from a file but from the command line.
struct Position {
  int line = 0;
  int column = 0;
  int source = 0;  // 0: the file itself; n: the n-th addition (addition.h).

  friend auto operator<=>(const Position&, const Position&) = default;
};

struct Diagnostic {
  std::string file;
  int line = 0;
  int column = 0;
  std::string message;  // Never holds a secret.
  int source = 0;       // As Position has it.

  // "FILE:LINE:COLUMN: MESSAGE", which editors can follow.
  std::string ToString() const {
    if (line == 0) return text::Concat("command line: ", message);
    return text::Concat(file, ":", line, ":", column, ": ", message);
  }
};

}  // namespace sluice
