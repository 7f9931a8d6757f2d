// The mutations of seeds with which the suite runs the harnesses, the same every time.
#pragma once

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

// One of the changes that fuzzers make.
inline void Mutate(std::string& input, const std::vector<std::string>& seeds, std::mt19937& random) {
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

// Each seed as it is, then `runs` mutated ones.
inline void RunSeedsAndMutations(const std::vector<std::string>& seeds, int runs, void (*run)(std::string_view)) {
  for (const std::string& seed : seeds) run(seed);
  std::mt19937 random(20);
  for (int i = 0; i < runs; ++i) {
    std::string input = seeds[static_cast<size_t>(i) % seeds.size()];
    for (int n = i % 6; n >= 0; --n) Mutate(input, seeds, random);
    run(input);
  }
}

}  // namespace sluice
