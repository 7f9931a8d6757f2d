// A change of the configuration while messages flow: what is named in it changes, and nothing else is touched.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "tests/support/gateway_fixture.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class GatewayReload : public GatewayFixture {
 protected:
  static std::string Yaml(const std::string& routes, const std::string& plant = "", const std::string& rest = "") {
    return absl::StrCat("connections: {plant: {server: \"tcp://127.0.0.1:1\"", plant,
                        "}, other: {server: \"tcp://127.0.0.1:2\"}}\nroutes:\n", routes, rest);
  }
  static std::string Route(const std::string& id, const std::string& filter, const std::string& chain,
                           const std::string& connection = "plant") {
    return absl::StrCat("- {id: ", id, ", connection: ", connection, ", from: {path: \"", filter,
                        "\", qos: 1}, to: {path: \"chain:", chain, "\"}}\n");
  }
  const std::string a_ = Route("a", "a/#", "c");
  const std::string b_ = Route("b", "b/#", "c");
  const std::string o_ = Route("o", "o/#", "c", "other");
};

TEST_F(GatewayReload, ARouteThatIsAddedIsSubscribedAndOneThatGoesIsLeft) {
  Start(Yaml(a_ + o_));
  EXPECT_THAT(broker_.Subscribed(), ElementsAre("a/#", "o/#"));
  ASSERT_TRUE(Reload(Yaml(b_ + o_)).ok());
  EXPECT_THAT(broker_.Subscribed(), ElementsAre("b/#", "o/#"));
  EXPECT_EQ(broker_.made("plant"), 1) << "it keeps its connection";
  EXPECT_EQ(broker_.made("other"), 1);

  const auto worker = Worker({"c"});
  EXPECT_TRUE(broker_.Deliver("b/1", "x"));
  EXPECT_FALSE(broker_.Deliver("a/1", "x"));
  EXPECT_THAT(worker->Payloads(), ElementsAre("x"));
}

TEST_F(GatewayReload, WhatARemovedRouteHasTakenInIsDeliveredAndAnswered) {
  Start(Yaml(a_ + b_));
  const auto worker = Worker({"c"});
  broker_.Deliver("a/1", "x");
  ASSERT_TRUE(Reload(Yaml(b_)).ok());
  EXPECT_EQ(worker->Echo("out"), 1u);
  EXPECT_THAT(broker_.Replied("plant"), SizeIs(1));
}

TEST_F(GatewayReload, ARouteOfAnotherChainChangesItsTargetWithoutASubscription) {
  Start(Yaml(a_));
  const auto former = Worker({"c"});
  ASSERT_TRUE(Reload(Yaml(Route("a", "a/#", "d"))).ok());
  const auto next = Worker({"d"});
  EXPECT_TRUE(broker_.Deliver("a/1", "x"));
  EXPECT_THAT(former->Payloads(), IsEmpty());
  EXPECT_THAT(next->Payloads(), ElementsAre("x"));
}

TEST_F(GatewayReload, AConnectionWhoseOptionsChangeIsMadeAnewAndItsRepliesWaitMeanwhile) {
  Start(Yaml(a_ + o_));
  broker_.WithholdConfirmations("plant");
  const auto worker = Worker({"c"});
  broker_.Deliver("a/1", "x");
  EXPECT_EQ(worker->Echo("out"), 1u);
  ASSERT_TRUE(Reload(Yaml(a_ + o_, ", keepAlive: 17s")).ok());
  EXPECT_EQ(broker_.made("plant"), 2);
  EXPECT_EQ(broker_.made("other"), 1);
  EXPECT_THAT(broker_.Subscribed(), ElementsAre("a/#", "o/#"));
  broker_.Confirm("plant");
  EXPECT_THAT(broker_.Replied("plant"), SizeIs(1)) << "the new connection has what the old one had not confirmed";
  EXPECT_TRUE(broker_.Deliver("a/1", "y"));
  EXPECT_EQ(worker->Echo("out"), 1u);
}

TEST_F(GatewayReload, WhatWorkersMayPublishChangesWithTheNextReply) {
  Start(Yaml(a_));
  const auto worker = Worker({"c"});
  broker_.Deliver("a/1", "x");
  worker->Echo("out/1");
  ASSERT_TRUE(Reload(Yaml(a_, "", "replies: {allow: [\"allowed/#\"]}\n")).ok());
  broker_.Deliver("a/1", "y");
  worker->Echo("out/1");
  broker_.Deliver("a/1", "z");
  worker->Echo("allowed/1");
  EXPECT_THAT(broker_.Replied("plant"),
              ElementsAre(MemoryBroker::Published{"out/1", "x"}, MemoryBroker::Published{"allowed/1", "z"}));
}

TEST_F(GatewayReload, OneThatIsWrongChangesNothing) {
  Start(Yaml(a_));
  const std::string hash = gateway_->config_version().hash;
  const absl::Status status = Reload(Yaml(b_ + "- {id: b}\n"));
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(broker_.Subscribed(), ElementsAre("a/#"));
  EXPECT_EQ(gateway_->config_version().hash, hash);
}

TEST_F(GatewayReload, WhatNeedsARestartIsRefusedAndTheRestOfTheChangeWithIt) {
  Start(Yaml(a_));
  EXPECT_FALSE(Reload(Yaml(b_, "", "gateway: {name: another}\n")).ok());
  EXPECT_THAT(broker_.Subscribed(), ElementsAre("a/#"));
}

}  // namespace
}  // namespace sluice
