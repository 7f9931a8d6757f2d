// RuleGo's contract for routers that come and go while an endpoint runs, told of routes that are put at run time.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "tests/support/gateway_fixture.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class GatewayRouters : public GatewayFixture {
 protected:
  void SetUp() override {
    Start(R"(
connections: {plant: {server: "tcp://127.0.0.1:1"}}
routes: [{id: own, connection: plant, from: {path: "own/#", qos: 1}, to: {path: "chain:c"}}]
)");
  }
  absl::Status Add(const std::string& id, const std::string& filter, const std::string& chain = "c") {
    ParsedItems parsed = ParseItems(absl::StrCat("{id: ", id, ", connection: plant, from: {path: \"", filter,
                                                 "\", qos: 1}, to: {path: \"chain:", chain, "\"}}"),
                                    "a test", ItemKind::kRoute);
    EXPECT_TRUE(parsed.errors.empty());
    ItemEdit edit;
    edit.put = std::move(parsed.items);
    return Apply(std::move(edit));
  }
  absl::Status Remove(const std::string& id) {
    ItemEdit edit;
    edit.removed.push_back({.kind = ItemKind::kRoute, .id = id});
    return Apply(std::move(edit));
  }

 private:
  absl::Status Apply(ItemEdit edit) {
    const absl::Status status = gateway_->configuration().Edit(std::move(edit), "a test", false).status();
    gateway_->Tick();
    return status;
  }
};

TEST_F(GatewayRouters, OneThatIsAddedIsSubscribedAtOnceAndOneThatIsRemovedIsLeft) {
  ASSERT_TRUE(Add("r", "in/#").ok());
  EXPECT_THAT(broker_.Subscribed(), ElementsAre("in/#", "own/#"));
  const auto worker = Worker({"c"});
  EXPECT_TRUE(broker_.Deliver("in/1", "x"));
  EXPECT_THAT(worker->Payloads(), ElementsAre("x"));
  ASSERT_TRUE(Remove("r").ok());
  EXPECT_THAT(broker_.Subscribed(), ElementsAre("own/#"));
  EXPECT_EQ(broker_.made("plant"), 1);
}

TEST_F(GatewayRouters, AnUnknownIdIsAnErrorAndSoIsOneOfTheFile) {
  EXPECT_FALSE(Remove("nosuch").ok());
  EXPECT_FALSE(Remove("own").ok());
  EXPECT_FALSE(Add("own", "else/#").ok());
  EXPECT_THAT(broker_.Subscribed(), ElementsAre("own/#"));
}

TEST_F(GatewayRouters, AnEqualIdReplaces) {
  ASSERT_TRUE(Add("r", "in/#").ok());
  ASSERT_TRUE(Add("r", "other/#").ok());
  EXPECT_THAT(broker_.Subscribed(), ElementsAre("other/#", "own/#"));
}

TEST_F(GatewayRouters, OfTwoWithOneFilterTheOtherGoesOnWhenOneIsRemoved) {
  ASSERT_TRUE(Add("first", "in/#", "first").ok());
  ASSERT_TRUE(Add("second", "in/#", "second").ok());
  const auto first = Worker({"first"});
  const auto second = Worker({"second"});
  EXPECT_TRUE(broker_.Deliver("in/1", "x"));
  EXPECT_THAT(first->Payloads(), ElementsAre("x"));
  EXPECT_THAT(second->Payloads(), ElementsAre("x"));
  ASSERT_TRUE(Remove("first").ok());
  EXPECT_THAT(broker_.Subscribed(), ElementsAre("in/#", "own/#")) << "the second has it still";
  EXPECT_TRUE(broker_.Deliver("in/1", "y"));
  EXPECT_THAT(first->Payloads(), IsEmpty());
  EXPECT_THAT(second->Payloads(), ElementsAre("y"));
}

TEST_F(GatewayRouters, OneThatIsAddedWhileTheBrokerRefusesItIsSubscribedWhenItIsGranted) {
  broker_.Refuse("in/#");
  ASSERT_TRUE(Add("r", "in/#").ok());
  EXPECT_FALSE(broker_.Deliver("in/1", "x"));
  EXPECT_TRUE(broker_.Deliver("own/1", "x")) << "the others' are not touched";
  broker_.Grant("in/#");
  EXPECT_TRUE(broker_.Deliver("in/1", "y"));
}

TEST_F(GatewayRouters, OneThatIsAddedWhileTheBrokerIsAwayIsSubscribedWhenItIsBack) {
  broker_.Down("plant");
  ASSERT_TRUE(Add("r", "in/#").ok());
  Advance(Millis(3'000));
  EXPECT_THAT(broker_.Subscribed(), ElementsAre("own/#"));
  broker_.Up("plant");
  EXPECT_THAT(broker_.Subscribed(), ElementsAre("in/#", "own/#"));
}

}  // namespace
}  // namespace sluice
