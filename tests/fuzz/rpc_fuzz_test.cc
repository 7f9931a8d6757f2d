// The fuzzers' harnesses without the fuzzer: their seeds, and the same mutations of them every time.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/rpc_session_harness.h"

namespace sluice::rpc {
namespace {

void RunMutations(const std::vector<std::string>& seeds, int runs, void (*run)(std::string_view)) {
  std::mt19937 random(20);
  const auto below = [&random](size_t bound) { return std::uniform_int_distribution<size_t>(0, bound - 1)(random); };
  for (int i = 0; i < runs; ++i) {
    std::string input = seeds[static_cast<size_t>(i) % seeds.size()];
    for (int n = i % 6; n >= 0; --n) {
      const size_t at = below(input.size() + 1);
      switch (below(4)) {
        case 0:
          if (at < input.size()) input[at] = static_cast<char>(below(256));
          break;
        case 1:
          input.insert(at, 1, static_cast<char>(below(256)));
          break;
        case 2:
          input.erase(at, below(8));
          break;
        default: {
          const std::string& other = seeds[below(seeds.size())];
          input.insert(at, other, below(other.size()), below(other.size()));
        }
      }
    }
    run(input);
  }
}

TEST(RpcSessionFuzz, HoldsForTheSeedsAndMutationsOfThem) {
  for (const std::string& seed : SessionSeeds()) RunSessionInput(seed);
  RunMutations(SessionSeeds(), 5'000, RunSessionInput);
}

TEST(RpcMessageFuzz, HoldsForTheSeedsAndMutationsOfThem) {
  for (const std::string& seed : MessageSeeds()) RunMessageInput(seed);
  RunMutations(MessageSeeds(), 5'000, RunMessageInput);
}

}  // namespace
}  // namespace sluice::rpc
