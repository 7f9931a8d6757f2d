#include "server/session/careful_intake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Thrown where the process dies.
struct Killed {};

// Keeps what it takes; dies of some of it.
class FakeRouter final : public InboundSink {
 public:
  absl::Status OnMessages(std::span<InboundMessage> batch) override {
    sizes.push_back(batch.size());
    for (const InboundMessage& one : batch) {
      const std::string payload(one.message->payload);
      if (payload == refused) return absl::UnavailableError("the disk is full");
      if (payload == "poison" && (one.undeliverable.empty() || kills_always)) throw Killed();
      taken.push_back(payload);
      if (!one.undeliverable.empty()) reasons.push_back(one.undeliverable);
    }
    return absl::OkStatus();
  }

  InboundSink* AtMostOnce() override { return at_most_once; }

  InboundSink* at_most_once = nullptr;
  bool kills_always = false;
  std::string refused;
  std::vector<size_t> sizes;
  std::vector<std::string> taken;
  std::vector<std::string> reasons;
};

class CarefulIntakeTest : public testing::Test {
 protected:
  CarefulIntakeTest() { Start(); }
  void Start() {
    intake_.reset();
    marks_.reset();
    marks_ = *CrashMarks::Open(folder_ / "crash-marks");
    router_.sizes.clear();
    intake_.emplace("plant", router_, marks_.get(), metrics_);
  }
  static std::vector<InboundMessage> Batch(const std::vector<std::string>& payloads) {
    std::vector<InboundMessage> batch;
    for (const std::string& payload : payloads) batch.push_back({.message = MakeMessage("t", payload)});
    return batch;
  }
  // True: the process died of it, and another one has started.
  bool Dies(const std::vector<std::string>& payloads) {
    std::vector<InboundMessage> batch = Batch(payloads);
    try {
      EXPECT_TRUE(intake_->OnMessages(batch).ok());
      return false;
    } catch (const Killed&) {
      Start();
      return true;
    }
  }

  const TempDir folder_;
  MetricsRegistry metrics_;
  FakeRouter router_;
  std::unique_ptr<CrashMarks> marks_;
  std::optional<CarefulIntake> intake_;
};

TEST_F(CarefulIntakeTest, HandsOnWholeBatchesAsLongAsNothingHasHappened) {
  EXPECT_FALSE(Dies({"a", "b", "c"}));
  EXPECT_THAT(router_.sizes, ElementsAre(3));
}

TEST_F(CarefulIntakeTest, AMessageThatIsTheEndThreeTimesIsHandedOnAsUndeliverable) {
  // Once to know that there is one, and twice alone.
  EXPECT_TRUE(Dies({"a", "poison", "b"}));
  EXPECT_TRUE(Dies({"poison", "b"}));
  EXPECT_TRUE(Dies({"b", "poison"}));
  router_.taken.clear();
  EXPECT_FALSE(Dies({"c", "poison", "d"}));
  EXPECT_THAT(router_.taken, ElementsAre("c", "poison", "d"));
  EXPECT_THAT(router_.sizes, ElementsAre(1, 1, 1));
  EXPECT_THAT(router_.reasons, ElementsAre(HasSubstr("3 times in a row")));
}

TEST_F(CarefulIntakeTest, WhatIsAtMostOnceIsMarkedApart) {
  EXPECT_EQ(intake_->AtMostOnce(), nullptr);
  FakeRouter beside;
  router_.at_most_once = &beside;
  Start();
  std::vector<InboundMessage> good = Batch({"a", "b"});
  ASSERT_TRUE(intake_->AtMostOnce()->OnMessages(good).ok());
  for (int i = 0; i < 3; ++i) {
    std::vector<InboundMessage> batch = Batch({"poison"});
    EXPECT_THROW((void)intake_->AtMostOnce()->OnMessages(batch), Killed);
    Start();
  }
  std::vector<InboundMessage> batch = Batch({"c", "poison"});
  EXPECT_TRUE(intake_->AtMostOnce()->OnMessages(batch).ok());
  EXPECT_THAT(beside.taken, ElementsAre("a", "b", "c", "poison"));
  EXPECT_THAT(router_.taken, IsEmpty());
}

TEST_F(CarefulIntakeTest, AMessageThatIsTheEndEvenSoIsLeftOut) {
  router_.kills_always = true;
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(Dies({"poison"}));
  router_.taken.clear();
  EXPECT_FALSE(Dies({"a", "poison", "b"}));
  EXPECT_THAT(router_.taken, ElementsAre("a", "b"));
  EXPECT_THAT(router_.reasons, IsEmpty());
}

TEST_F(CarefulIntakeTest, WhatWasTakenOfABatchIsNotTakenAgainWithTheRest) {
  EXPECT_TRUE(Dies({"poison"}));
  router_.refused = "b";
  std::vector<InboundMessage> batch = Batch({"a", "b", "c"});
  EXPECT_FALSE(intake_->OnMessages(batch).ok());
  router_.refused = "";
  EXPECT_TRUE(intake_->OnMessages(batch).ok());
  EXPECT_THAT(router_.taken, ElementsAre("a", "b", "c"));
  // But with another connection all comes again.
  router_.refused = "b";
  std::vector<InboundMessage> lost = Batch({"a", "b"});
  EXPECT_FALSE(intake_->OnMessages(lost).ok());
  router_.refused = "";
  router_.taken.clear();
  EXPECT_FALSE(Dies({"a", "b"}));
  EXPECT_THAT(router_.taken, ElementsAre("a", "b"));
}

}  // namespace
}  // namespace sluice
