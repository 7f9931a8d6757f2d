// The fuzzer's harness without the fuzzer: its seeds, and the same mutations of them every time.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/protocol_harness.h"

namespace sluice::wire {
namespace {

// One of the changes that fuzzers make.
void Mutate(std::string& input, const std::vector<std::string>& seeds, std::mt19937& random) {
  const auto below = [&random](size_t bound) { return std::uniform_int_distribution<size_t>(0, bound - 1)(random); };
  const size_t at = below(input.size() + 1);
  switch (below(5)) {
    case 0:
      if (at < input.size()) input[at] = static_cast<char>(input[at] ^ 1 << below(8));
      break;
    case 1:
      if (at < input.size()) input[at] = static_cast<char>(below(256));
      break;
    case 2:
      input.insert(at, 1, static_cast<char>(below(256)));
      break;
    case 3:
      input.erase(at, below(8));
      break;
    default: {
      const std::string& other = seeds[below(seeds.size())];
      input.insert(at, other, below(other.size()), below(other.size()));
    }
  }
}

TEST(ProtocolFuzz, HoldsForTheSeeds) {
  for (const std::string& seed : ProtocolSeeds()) RunProtocolInput(seed);
}

TEST(ProtocolFuzz, HoldsForMutationsOfTheSeeds) {
  const std::vector<std::string> seeds = ProtocolSeeds();
  std::mt19937 random(20);
  for (int i = 0; i < 20'000; ++i) {
    std::string input = seeds[static_cast<size_t>(i) % seeds.size()];
    for (int n = i % 6; n >= 0; --n) Mutate(input, seeds, random);
    RunProtocolInput(input);
  }
}

}  // namespace
}  // namespace sluice::wire
