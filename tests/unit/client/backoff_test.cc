#include "client/cpp/src/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace sluice::client {
namespace {

TEST(BackoffTest, DoublesUpToTheLongestAndStaysInTheUpperHalf) {
  Backoff backoff(Millis(100), Millis(30'000), 7);
  Millis whole(100);
  for (int i = 0; i < 20; ++i) {
    const Millis pause = backoff.Next(StatusCode::kUnavailable);
    EXPECT_GE(pause, whole / 2);
    EXPECT_LE(pause, whole);
    whole = std::min(whole * 2, Millis(30'000));
  }
}

TEST(BackoffTest, BeginsAnewAfterReset) {
  Backoff backoff(Millis(100), Millis(30'000), 7);
  for (int i = 0; i < 10; ++i) backoff.Next(StatusCode::kUnavailable);
  backoff.Reset();
  EXPECT_LE(backoff.Next(StatusCode::kUnavailable), Millis(100));
}

TEST(BackoffTest, WaitsLongForWhatWillNotMendByItself) {
  for (const StatusCode code :
       {StatusCode::kInvalidArgument, StatusCode::kUnauthenticated, StatusCode::kPermissionDenied,
        StatusCode::kFailedPrecondition, StatusCode::kUnimplemented}) {
    Backoff backoff(Millis(100), Millis(30'000), 7);
    EXPECT_GE(backoff.Next(code), Millis(15'000));
  }
}

TEST(BackoffTest, SpreadsWorkersThatLostTheSameGateway) {
  std::set<Millis> pauses;
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Backoff backoff(Millis(10'000), Millis(30'000), seed);
    pauses.insert(backoff.Next(StatusCode::kUnavailable));
  }
  EXPECT_GT(pauses.size(), 40U);
}

}  // namespace
}  // namespace sluice::client
