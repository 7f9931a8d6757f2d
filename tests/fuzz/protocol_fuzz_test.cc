// The fuzzer's harness without the fuzzer.
#include <gtest/gtest.h>

#include "tests/fuzz/mutations.h"
#include "tests/fuzz/protocol_harness.h"

namespace sluice::wire {
namespace {

TEST(ProtocolFuzz, HoldsForTheSeedsAndMutationsOfThem) {
  RunSeedsAndMutations(ProtocolSeeds(), 20'000, RunProtocolInput);
}

}  // namespace
}  // namespace sluice::wire
