// Writes the fuzzers' seeds into a directory: rpc_seeds session|message DIRECTORY
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "tests/fuzz/rpc_session_harness.h"

int main(int argc, char** argv) {
  const std::string_view kind = argc == 3 ? argv[1] : "";
  if (kind != "session" && kind != "message") {
    std::fprintf(stderr, "usage: rpc_seeds session|message DIRECTORY\n");
    return 2;
  }
  const std::filesystem::path directory = argv[2];
  std::filesystem::create_directories(directory);
  size_t number = 0;
  for (const std::string& seed : kind == "session" ? sluice::rpc::SessionSeeds() : sluice::rpc::MessageSeeds()) {
    std::ofstream(directory / ("seed-" + std::to_string(number++)), std::ios::binary) << seed;
  }
}
