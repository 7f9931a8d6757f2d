// What the main() of each program here is: exceptions of libraries (CLI11, Paho) end in it.
#pragma once

#include <cstdio>
#include <exception>

namespace sluice::bench {

inline int RunMain(int (*run)(int, char**), int argc, char** argv) noexcept {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    return 1;
  }
}

}  // namespace sluice::bench
