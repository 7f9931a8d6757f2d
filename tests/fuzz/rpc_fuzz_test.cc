// The fuzzers' harnesses without the fuzzer.
#include <gtest/gtest.h>

#include "tests/fuzz/mutations.h"
#include "tests/fuzz/rpc_session_harness.h"

namespace sluice::rpc {
namespace {

TEST(RpcSessionFuzz, HoldsForTheSeedsAndMutationsOfThem) {
  RunSeedsAndMutations(SessionSeeds(), 20'000, RunSessionInput);
}

TEST(RpcMessageFuzz, HoldsForTheSeedsAndMutationsOfThem) {
  RunSeedsAndMutations(MessageSeeds(), 20'000, RunMessageInput);
}

}  // namespace
}  // namespace sluice::rpc
