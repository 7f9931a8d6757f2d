// How PublishQueue finds the message over which a broker closes connections.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "tests/unit/mqtt/publish_suspects_fixture.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(SuspectsTest, OthersGoFirstThenWhatOneConnectionBrokeOverAndWhatTwoDidAlone) {
  for (uint64_t i = 0; i < 6; ++i) Add(i, std::to_string(i));
  Connect();
  EXPECT_THAT(Take(), ElementsAre(0, 1, 2, 3));
  Break();
  Connect();
  EXPECT_THAT(Take(), ElementsAre(4, 5));
  // Not beside them.
  Confirm(4);
  EXPECT_THAT(Take(), IsEmpty());
  Confirm(5);
  EXPECT_THAT(Take(), ElementsAre(0, 1, 2, 3));
  // Nor the other way round.
  Add(6, "6");
  EXPECT_THAT(Take(), IsEmpty());
  Break();
  Connect();
  EXPECT_THAT(Take(), ElementsAre(6));
  Confirm(6);
  // Now one by one, the last of them first: what stood before the culprit has mostly been confirmed. What comes
  // meanwhile waits for one of them at most.
  EXPECT_THAT(Take(), ElementsAre(3));
  Add(7, "7");
  EXPECT_THAT(Take(), IsEmpty());
  Confirm(3);
  EXPECT_THAT(Take(), ElementsAre(7));
  Confirm(7);
  EXPECT_THAT(Take(), ElementsAre(2));
  Confirm(2);
  EXPECT_THAT(Take(), ElementsAre(1));
}

TEST_F(SuspectsTest, AConnectionThatBrokeForOtherReasonsKeepsNobodyAlone) {
  for (uint64_t i = 0; i < 8; ++i) Add(i, std::to_string(i));
  Connect();
  EXPECT_THAT(Take(), ElementsAre(0, 1, 2, 3));
  Break();
  EXPECT_FALSE(Serve([](const OutboundMessage&) { return false; }));
  EXPECT_EQ(queue_.open(), 0u);
  EXPECT_EQ(queue_.suspects(), 0u);
}

TEST_F(SuspectsTest, ASuspectThatBreaksThreeConnectionsAloneIsGivenUpAndNothingWaitsForIt) {
  for (uint64_t i = 0; i < 4; ++i) Add(i, i == 1 ? "bad" : std::to_string(i));
  EXPECT_TRUE(Serve(IsBad));
  EXPECT_TRUE(Serve(IsBad));
  EXPECT_TRUE(Serve(IsBad));
  EXPECT_EQ(queue_.open(), 1u);
  EXPECT_EQ(pauses_, 1);
  // It is tried again after a pause; what comes meanwhile does not wait for it.
  Add(4, "4");
  EXPECT_FALSE(Serve(IsBad));
  EXPECT_EQ(OutcomeOf(4), Code::kOk);
  EXPECT_EQ(queue_.due(now_), now_ + Millis(1'000));
  now_ += Millis(1'000);
  EXPECT_TRUE(Serve(IsBad));
  EXPECT_FALSE(Has(1));
  now_ += Millis(2'000);
  EXPECT_TRUE(Serve(IsBad));
  EXPECT_EQ(OutcomeOf(1), Code::kRefused);
  EXPECT_EQ(outcomes_.back().mqtt_reason_code, 0x80);
  EXPECT_EQ(queue_.open(), 0u);
  EXPECT_EQ(queue_.suspects(), 0u);
}

// Honest messages before, between and behind others that make the broker close the connection.
class ManyCulpritsTest : public SuspectsTest, public testing::WithParamInterface<std::tuple<int, bool, bool>> {};

TEST_P(ManyCulpritsTest, NobodyWaitsForMoreThanOneReconnect) {
  const auto [culprits, late, noise] = GetParam();
  uint64_t token = 0;
  std::vector<uint64_t> good;
  const auto add_good = [&] {
    if (noise) Add(token++, "noise", Qos::kAtMostOnce);
    good.push_back(token);
    Add(token, "good" + std::to_string(token));
    ++token;
  };
  for (int i = 0; i < culprits; ++i) {
    add_good();
    Add(token++, "bad" + std::to_string(i));
  }
  add_good();
  const auto waiting = [&](uint64_t since) {
    return std::ranges::count_if(good, [&](uint64_t one) { return one >= since && !Has(one); });
  };
  // Those that were there before anybody could know.
  int connections = 0;
  while (waiting(0) > 0) {
    ASSERT_LT(++connections, 4 * culprits + 4);
    Serve(IsBad, late);
  }
  EXPECT_EQ(pauses_, 1);
  // Those that come from now on, while the culprits are tried.
  for (int i = 0; queue_.suspects() > 0; ++i) {
    ASSERT_LT(i, 20 * culprits);
    const uint64_t since = token;
    add_good();
    pauses_ = 0;
    while (waiting(since) > 0) Serve(IsBad, late);
    EXPECT_EQ(pauses_, 0);
    now_ += Millis(500);
  }
  EXPECT_EQ(queue_.open(), 0u);
  for (const PublishOutcome& outcome : outcomes_) {
    EXPECT_EQ(outcome.code, outcome.code == Code::kOk ? Code::kOk : Code::kRefused);
  }
  EXPECT_EQ(std::ranges::count(outcomes_, Code::kRefused, &PublishOutcome::code), culprits);
}

INSTANTIATE_TEST_SUITE_P(All, ManyCulpritsTest,
                         testing::Combine(testing::Values(1, 2, 3, 10), testing::Bool(), testing::Bool()));

// In the minute after one was found, the next needs no second connection.
TEST_F(SuspectsTest, ASteadyStreamOfCulpritsMakesNobodyWait) {
  Add(0, "bad");
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Serve(IsBad));
  for (uint64_t token = 10; token < 40; token += 10) {
    Add(token, "bad" + std::to_string(token));
    Add(token + 1, "good");
    EXPECT_TRUE(Serve(IsBad));
    EXPECT_TRUE(Serve(IsBad));
    EXPECT_EQ(OutcomeOf(token + 1), Code::kOk);
    EXPECT_EQ(pauses_, 1);
    now_ += Millis(10'000);
  }
}

}  // namespace
}  // namespace sluice
