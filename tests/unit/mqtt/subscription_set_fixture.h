// A SubscriptionSet with a private and a shared subscription.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "server/mqtt/subscription_set.h"
#include "tests/support/manual_clock.h"

namespace sluice {

class SubscriptionSetTest : public testing::Test {
 protected:
  struct Requests {
    std::vector<size_t> ask;
    std::vector<size_t> leave;
  };
  Requests Take() {
    Requests requests;
    next_ = set_.TakeDue(requests.ask, requests.leave);
    return requests;
  }
  // What is asked for; nothing is left.
  std::vector<size_t> Due() {
    const Requests requests = Take();
    EXPECT_THAT(requests.leave, testing::IsEmpty());
    return requests.ask;
  }
  // What is left; nothing is asked for.
  std::vector<size_t> Leave() {
    const Requests requests = Take();
    EXPECT_THAT(requests.ask, testing::IsEmpty());
    return requests.leave;
  }
  void StayOut(std::vector<size_t> indexes) { set_.StayOut(indexes); }
  void UpAndGranted() {
    set_.OnUp(/*session_present=*/false);
    for (size_t index : Due()) set_.Answered(index, 1);
  }

  ManualClock clock_;
  MetricsRegistry metrics_;
  MqttOptions options_{.name = "plant", .connect_timeout = Millis{5'000}};
  SubscriptionSet set_{
      {{.filter = "a", .qos = Qos::kAtLeastOnce, .id = 1}, {.filter = "$share/g/b", .qos = Qos::kAtLeastOnce, .id = 2}},
      options_,
      clock_,
      metrics_};
  SteadyTime next_;
};

}  // namespace sluice
