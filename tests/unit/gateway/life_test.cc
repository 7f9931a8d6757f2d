// A whole gateway at work: what is delivered, to whom and when, and how it ends.
#include <gmock/gmock.h>

#include "tests/support/gateway_fixture.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class GatewayLife : public GatewayFixture {
 protected:
  void SetUp() override {
    Start(R"(
connections: {plant: {server: "tcp://127.0.0.1:1"}}
routes: [{id: r, connection: plant, from: {path: "in/#", qos: 1}, to: {path: "chain:c"}}]
chains: {c: {lease: 5s}}
)");
  }
  std::vector<MemoryBroker::Published> replied() { return broker_.Replied("plant"); }
};

TEST_F(GatewayLife, AMessageIsAnsweredWhereItsWorkerSays) {
  const auto worker = Worker({"c"});
  EXPECT_TRUE(broker_.Deliver("in/1", "21.5"));
  EXPECT_EQ(worker->Echo("out/1"), 1u);
  EXPECT_THAT(replied(), ElementsAre(MemoryBroker::Published{"out/1", "21.5"}));
}

TEST_F(GatewayLife, WhatComesBeforeTheFirstWorkerWaitsForIt) {
  EXPECT_TRUE(broker_.Deliver("in/1", "a"));
  EXPECT_TRUE(broker_.Deliver("in/2", "b"));
  EXPECT_THAT(Worker({"c"})->Payloads(), ElementsAre("a", "b"));
}

TEST_F(GatewayLife, WhatAWorkerHadWhenItsConnectionBrokeIsAnothersAtOnce) {
  const auto lost = Worker({"c"});
  const auto next = Worker({"c"});
  lost->Vanish();
  next->Vanish();
  const auto holds = Worker({"c"});
  broker_.Deliver("in/1", "a");
  EXPECT_THAT(holds->Payloads(), ElementsAre("a"));
  holds->Vanish();
  Advance(Millis(0));
  const std::vector<v1::Delivery> again = Worker({"c"})->Take();
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].attempt(), 2u);
}

TEST_F(GatewayLife, ALeaseThatEndsGivesTheMessageToAnother) {
  const auto hangs = Worker({"c"}, 1);
  broker_.Deliver("in/1", "a");
  EXPECT_THAT(hangs->Payloads(), ElementsAre("a"));
  const auto other = Worker({"c"}, 1);
  Advance(Millis(4'900));
  EXPECT_THAT(other->Payloads(), IsEmpty());
  Advance(Millis(200));
  EXPECT_THAT(other->Payloads(), ElementsAre("a"));
}

TEST_F(GatewayLife, ARetryComesAfterItsPauseAndNotBefore) {
  const auto worker = Worker({"c"});
  broker_.Deliver("in/1", "a");
  worker->Settle(worker->Take().at(0), {}, v1::OUTCOME_RETRY);
  Advance(Millis(100));
  EXPECT_THAT(worker->Payloads(), IsEmpty());
  Advance(Millis(2'000));
  EXPECT_THAT(worker->Payloads(), ElementsAre("a"));
}

TEST_F(GatewayLife, AnOutageOfTheBrokerHoldsRepliesAndLosesNone) {
  const auto worker = Worker({"c"});
  broker_.Deliver("in/1", "a");
  broker_.Down("plant");
  EXPECT_FALSE(broker_.Deliver("in/1", "b"));
  EXPECT_EQ(worker->Echo("out"), 1u);
  Advance(Millis(3'000));
  EXPECT_THAT(replied(), IsEmpty());
  broker_.Up("plant");
  EXPECT_THAT(replied(), ElementsAre(MemoryBroker::Published{"out", "a"}));
  EXPECT_TRUE(broker_.Deliver("in/1", "b"));
  EXPECT_THAT(worker->Payloads(), ElementsAre("b"));
}

TEST_F(GatewayLife, OneThatHasNothingLeftEndsWell) {
  const auto worker = Worker({"c"});
  broker_.Deliver("in/1", "a");
  EXPECT_EQ(worker->Echo("out"), 1u);
  worker->Leave();
  EXPECT_TRUE(gateway_->Shutdown(Millis(0)));
  EXPECT_FALSE(broker_.Deliver("in/1", "b")) << "intake has ended";
}

TEST_F(GatewayLife, OneThatHasAMessageInMemoryLeftSaysSo) {
  broker_.Deliver("in/1", "a");
  EXPECT_FALSE(gateway_->Shutdown(Millis(0)));
}

TEST_F(GatewayLife, OneIsDestroyedWhileItsBrokerIsAwayAndRepliesWait) {
  broker_.Down("plant");
  const auto worker = Worker({"c"});
  worker->Leave();
  End();
  EXPECT_THAT(broker_.Subscribed(), IsEmpty());
}

}  // namespace
}  // namespace sluice
