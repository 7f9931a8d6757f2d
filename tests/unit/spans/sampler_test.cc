#include "server/spans/sampler.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Sampler, OfNothingAndOfAllThereIsNoChance) {
  for (const uint64_t low : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 55, UINT64_MAX}) {
    EXPECT_FALSE(Sampler(0).KeepsRoot(low));
    EXPECT_TRUE(Sampler(1).KeepsRoot(low));
  }
}

TEST(Sampler, KeepsTheShareWithTheLargestOfItsRandomBits) {
  constexpr uint64_t kAll = uint64_t{1} << 56;
  const Sampler quarter(0.25);
  EXPECT_FALSE(quarter.KeepsRoot(kAll / 4 * 3 - 1));
  EXPECT_TRUE(quarter.KeepsRoot(kAll / 4 * 3));
  EXPECT_TRUE(quarter.KeepsRoot(kAll - 1));
  // The bits above are others'.
  EXPECT_FALSE(quarter.KeepsRoot(kAll));
}

TEST(Sampler, WhatALowerRatioKeepsAHigherOneKeepsToo) {
  for (uint64_t i = 0; i < 1'000; ++i) {
    const uint64_t low = i * 0x9E3779B97F4A7C15u;
    if (Sampler(0.01).KeepsRoot(low)) {
      EXPECT_TRUE(Sampler(0.1).KeepsRoot(low));
    }
  }
}

}  // namespace
}  // namespace sluice
