// A router on a journal whose disk stalls: messages of QoS 0 go past it, on another thread.
#include <gmock/gmock.h>

#include <future>
#include <thread>

#include "server/journal/segment_journal.h"
#include "tests/support/memory_files.h"
#include "tests/support/stalling_files.h"
#include "tests/unit/route/router_fixture.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

class LockedQueue final : public RoutedSink {
 public:
  void Enqueue(std::span<RoutedMessage> batch) override {
    MutexLock lock(mutex_);
    queue_.Enqueue(batch);
  }
  std::vector<std::string> Routes() {
    MutexLock lock(mutex_);
    return queue_.Routes();
  }

 private:
  Mutex mutex_;
  FakeQueue queue_ ABSL_GUARDED_BY(mutex_);
};

class RouterDiskTest : public RouterTest {
 protected:
  void Start(const std::vector<RouteSpec>& specs) {
    ASSERT_TRUE(BuildRoutes(specs, chains_, table_).ok());
    groups_ = PlanSubscriptions(table_.RoutesOf("plant"), /*mqtt5=*/true);
    SegmentJournalOptions options;
    options.path = "/journal";
    options.files = &files_;
    options.background = false;
    options.segment_bytes = 64u << 10;
    on_disk_ = *SegmentJournal::Open(std::move(options));
    router_ = std::make_unique<Router>(connection_, std::span<const ReceivedPacket>(), groups_.at(0), chains_,
                                       *on_disk_, locked_, letters_, metrics_, clock_);
  }
  InboundMessage Of(const char* topic, Qos qos) {
    InboundMessage inbound = Inbound({.topic = topic, .qos = qos});
    inbound.subscription_ids = {IdOf(topic)};
    return inbound;
  }

  MemoryFiles disk_;
  StallingFiles files_{disk_};
  std::unique_ptr<SegmentJournal> on_disk_;
  LockedQueue locked_;
  std::unique_ptr<Router> router_;
};

TEST_F(RouterDiskTest, QosZeroGoesPastAWriteThatStalls) {
  Start({Spec("a"), Spec("b")});
  ASSERT_NE(router_->AtMostOnce(), nullptr);
  files_.Stall();
  auto stuck = std::async(std::launch::async, [&] {
    std::vector<InboundMessage> batch = {Of("a", Qos::kAtLeastOnce)};
    return router_->OnMessages(batch);
  });
  ASSERT_TRUE(files_.AwaitWaiting(1));
  for (int i = 0; i < 3; ++i) {
    std::vector<InboundMessage> batch = {Of("b", Qos::kAtMostOnce)};
    EXPECT_TRUE(router_->AtMostOnce()->OnMessages(batch).ok());
  }
  EXPECT_THAT(locked_.Routes(), ElementsAre("b", "b", "b"));
  files_.GoOn();
  EXPECT_TRUE(stuck.get().ok());
  EXPECT_THAT(locked_.Routes(), ElementsAre("b", "b", "b", "a"));
  EXPECT_EQ(Received("0"), 3u);
  EXPECT_EQ(Received("1"), 1u);
  EXPECT_EQ(Routed("b"), 3u);
}

TEST_F(RouterDiskTest, NewRoutesHoldForBoth) {
  Start({Spec("a"), Spec("b")});
  const SubscriptionGroup none;
  router_->SetRoutes(none, none);
  for (InboundSink* sink : {static_cast<InboundSink*>(router_.get()), router_->AtMostOnce()}) {
    std::vector<InboundMessage> batch = {Of("a", Qos::kAtMostOnce)};
    EXPECT_TRUE(sink->OnMessages(batch).ok());
  }
  EXPECT_THAT(locked_.Routes(), SizeIs(0));
  EXPECT_EQ(Dropped("no_route"), 2u);
}

TEST_F(RouterDiskTest, BothTakeMessagesAtTheSameTime) {
  Start({Spec("a"), Spec("b")});
  std::thread at_most_once([&] {
    for (int i = 0; i < 200; ++i) {
      std::vector<InboundMessage> batch = {Of("b", Qos::kAtMostOnce)};
      ASSERT_TRUE(router_->AtMostOnce()->OnMessages(batch).ok());
    }
  });
  for (int i = 0; i < 200; ++i) {
    std::vector<InboundMessage> batch = {Of("a", Qos::kAtLeastOnce)};
    ASSERT_TRUE(router_->OnMessages(batch).ok());
    if (i % 20 == 0) router_->SetRoutes(groups_.at(0), {});
  }
  at_most_once.join();
  EXPECT_THAT(locked_.Routes(), SizeIs(400));
}

TEST_F(RouterTest, NothingIsApartWhereTheJournalIsInMemory) {
  RouterTest::Start(/*mqtt5=*/true, {Spec("a")});
  EXPECT_EQ(routers_.at(0)->AtMostOnce(), nullptr);
}

}  // namespace
}  // namespace sluice
