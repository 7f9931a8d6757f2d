// Nobody slows another: what one broker, chain or worker does, told of what the others get.
#include <gmock/gmock.h>

#include "tests/support/gateway_fixture.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class GatewayIsolation : public GatewayFixture {
 protected:
  void SetUp() override {
    Start(R"(
connections: {slow: {server: "tcp://127.0.0.1:1"}, swift: {server: "tcp://127.0.0.1:2"}}
routes:
- {id: slow, connection: slow, from: {path: "slow/#", qos: 1}, to: {path: "chain:slow"}}
- {id: swift, connection: swift, from: {path: "swift/#", qos: 1}, to: {path: "chain:swift"}}
- {id: slow-too, connection: slow, from: {path: "both/slow", qos: 1}, to: {path: "chain:both"}}
- {id: swift-too, connection: swift, from: {path: "both/swift", qos: 1}, to: {path: "chain:both"}}
chainDefaults: {queue: {maxMessages: 10}}
replies: {maxOutstandingMessages: 4}
)");
  }
  void ExpectSwift() {
    const auto worker = Worker({"swift"});
    EXPECT_TRUE(broker_.Deliver("swift/1", "x"));
    EXPECT_EQ(worker->Echo("out/swift"), 1u);
    EXPECT_THAT(broker_.Replied("swift"), SizeIs(1));
    worker->Leave();
  }
};

TEST_F(GatewayIsolation, AChainWithoutWorkersStopsTheConnectionThatFeedsItAlone) {
  for (int i = 0; i < 20 && !broker_.paused("slow"); ++i) broker_.Deliver("slow/1", "x");
  EXPECT_TRUE(broker_.paused("slow"));
  EXPECT_FALSE(broker_.paused("swift"));
  ExpectSwift();

  const auto worker = Worker({"slow"});
  while (worker->Echo("out/slow") > 0) {
    Advance(Millis(0));
  }
  Advance(Millis(1'000));
  EXPECT_FALSE(broker_.paused("slow")) << "its queue has room again";
}

TEST_F(GatewayIsolation, AWorkerThatDoesNotReadHoldsItsWindowAndNoMore) {
  const auto deaf = Worker({"slow"}, 2);
  for (int i = 0; i < 5; ++i) broker_.Deliver("slow/1", std::to_string(i));
  const auto other = Worker({"slow"}, 10);
  EXPECT_THAT(other->Payloads(), ElementsAre("2", "3", "4"));
  ExpectSwift();
}

TEST_F(GatewayIsolation, ABrokerThatConfirmsNothingStopsItsOwnMessagesWithinAChainToo) {
  broker_.WithholdConfirmations("slow");
  const auto worker = Worker({"both"});
  for (int i = 0; i < 8; ++i) {
    broker_.Deliver("both/slow", std::to_string(i));
    worker->Echo("out/slow");
  }
  EXPECT_THAT(worker->Payloads(), IsEmpty()) << "nothing more is asked for a connection that is full";
  EXPECT_TRUE(broker_.Deliver("both/swift", "x"));
  EXPECT_EQ(worker->Echo("out/swift"), 1u);
  EXPECT_THAT(broker_.Replied("swift"), SizeIs(1));

  broker_.Confirm("slow");
  while (worker->Echo("out/slow") > 0) {
  }
  EXPECT_THAT(broker_.Replied("slow"), SizeIs(8));
}

}  // namespace
}  // namespace sluice
