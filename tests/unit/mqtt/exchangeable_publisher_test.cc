#include "server/mqtt/exchangeable_publisher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/fake_publisher.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Code = PublishOutcome::Code;

class Outcomes final : public PublishListener {
 public:
  void OnOutcomes(std::span<const PublishOutcome> outcomes) override {
    all.insert(all.end(), outcomes.begin(), outcomes.end());
  }
  std::vector<PublishOutcome> all;
};

class ExchangeablePublisherTest : public testing::Test {
 protected:
  static std::vector<Outgoing> Of(const std::vector<std::string>& payloads) {
    std::vector<Outgoing> batch;
    for (const std::string& payload : payloads) {
      auto message = std::make_shared<OutboundMessage>();
      message->payload = payload;
      message->qos = Qos::kAtLeastOnce;
      batch.push_back({.token = batch.size() + 1, .message = std::move(message)});
    }
    return batch;
  }
  // Sets one, and gives what the test may look at for as long as it is set.
  FakePublisher& Connect() {
    auto made = std::make_unique<FakePublisher>(&outcomes_);
    FakePublisher& fake = *made;
    publisher_.Set(std::move(made));
    return fake;
  }
  void Withdraw() { publisher_.Withdraw(SteadyTime::min(), SteadyTime::min()); }

  Outcomes outcomes_;
  ExchangeablePublisher publisher_{"plant", outcomes_};
};

TEST_F(ExchangeablePublisherTest, HandsOnWhatItIsGiven) {
  FakePublisher& fake = Connect();
  EXPECT_EQ(fake.starts, 0);
  publisher_.Start();
  EXPECT_EQ(fake.starts, 1);
  publisher_.Publish(Of({"a", "b"}));
  EXPECT_THAT(fake.Payloads(), ElementsAre("a", "b"));
  fake.ConfirmAll();
  EXPECT_EQ(outcomes_.all.size(), 2u);
}

TEST_F(ExchangeablePublisherTest, WhatOneConnectionDidNotConfirmGoesToTheNextBeforeAllThatCameMeanwhile) {
  Connect();
  publisher_.Start();
  publisher_.Publish(Of({"a", "b"}));
  Withdraw();
  publisher_.Publish(Of({"c"}));
  EXPECT_FALSE(publisher_.State().ready);
  FakePublisher& next = Connect();
  publisher_.Publish(Of({"d"}));
  EXPECT_THAT(next.Payloads(), ElementsAre("a", "b", "c", "d"));
  EXPECT_EQ(next.starts, 1) << "the others run already";
  EXPECT_THAT(outcomes_.all, IsEmpty());
}

TEST_F(ExchangeablePublisherTest, WithoutAnotherOneAllEndsUntilThereIs) {
  Connect();
  publisher_.Publish(Of({"a"}));
  Withdraw();
  publisher_.Close();
  EXPECT_TRUE(publisher_.closed());
  publisher_.Publish(Of({"b"}));
  ASSERT_EQ(outcomes_.all.size(), 2u);
  EXPECT_EQ(outcomes_.all[0].code, Code::kNoConnection);
  EXPECT_EQ(outcomes_.all[1].message->payload, "b") << "given back, as any failure";
  FakePublisher& again = Connect();
  publisher_.Publish(Of({"c"}));
  EXPECT_THAT(again.Payloads(), ElementsAre("c"));
  EXPECT_FALSE(publisher_.closed());
}

}  // namespace
}  // namespace sluice
