// The journal's harness without the fuzzer: its seeds, and the same mutations of them every time.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/journal_harness.h"

namespace sluice {
namespace {

TEST(JournalFuzz, HoldsForTheSeedsAndMutationsOfThem) {
  const std::vector<std::string> seeds = JournalSeeds();
  std::mt19937 random(21);
  for (const std::string& seed : seeds) RunJournalInput(seed);
  for (size_t i = 0; i < 3'000; ++i) {
    std::string input = seeds[i % seeds.size()];
    for (size_t n = i % 5; n > 0; --n) input[random() % input.size()] = static_cast<char>(random());
    RunJournalInput(input);
  }
}

}  // namespace
}  // namespace sluice
