#include "server/route/route_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/route/target.h"
#include "tests/unit/route/route_fixture.h"

namespace sluice {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class RouteTableTest : public ::testing::Test {
 protected:
  std::string WhyNot(const RouteSpec& spec) {
    const absl::Status status = MakeRoute(spec, chains_).status();
    EXPECT_FALSE(status.ok());
    return std::string(status.message());
  }

  ChainDirectory chains_{ChainOptions{}};
  RouteTable table_;
};

TEST_F(RouteTableTest, MakesARouteOfWords) {
  RouteSpec spec = Spec("$share/g/a/+", "temperature:node3", Qos::kExactlyOnce);
  spec.from_processors = {"setJsonDataType", "headersToMetadata"};
  spec.to_processors = {"metadataToHeaders", "responseToBody"};
  const auto route = MakeRoute(spec, chains_);
  ASSERT_TRUE(route.ok()) << route.status();
  EXPECT_EQ(route->Subscription(), "$share/g/a/+");
  EXPECT_EQ(route->qos, Qos::kExactlyOnce);
  EXPECT_EQ(route->data_type, DataType::kJson);
  EXPECT_TRUE(route->headers_to_metadata);
  EXPECT_TRUE(route->metadata_to_headers);
  EXPECT_EQ(route->target.chain, chains_.Find("temperature"));
  EXPECT_EQ(route->target.start_node, "node3");
}

TEST_F(RouteTableTest, NamesTheRouteAndTheFieldThatIsWrong) {
  RouteSpec filter = Spec("a/b");
  filter.filter = "a/b+";
  EXPECT_EQ(WhyNot(filter), "route 'a/b': filter has a '+' that does not fill a whole level at byte 4");
  RouteSpec share = Spec("a");
  share.share = "g/h";
  EXPECT_EQ(WhyNot(share), "route 'a': share has a '/' at byte 2");
  RouteSpec processor = Spec("a");
  processor.from_processors = {"toOctal"};
  EXPECT_THAT(WhyNot(processor), HasSubstr("route 'a': from: unknown processor 'toOctal'; there are"));
  EXPECT_EQ(WhyNot(Spec("a", "x:")), "route 'a': target 'x:' names no start node behind ':'");
  RouteSpec length = Spec("a");
  length.share = "g";
  length.filter = std::string(65'535, 'a');
  EXPECT_THAT(WhyNot(length), HasSubstr("subscription has 65544 bytes"));
}

TEST_F(RouteTableTest, TakesAnIdOnce) {
  EXPECT_TRUE(BuildRoutes(std::vector{Spec("a"), Spec("b")}, chains_, table_).ok());
  EXPECT_EQ(BuildRoutes(std::vector{Spec("b")}, chains_, table_).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(table_.RoutesOf("plant"), SizeIs(2));
}

TEST_F(RouteTableTest, RoutesStandWithTheirConnectionInOrder) {
  RouteSpec other = Spec("x");
  other.connection = "office";
  ASSERT_TRUE(BuildRoutes(std::vector{Spec("b"), other, Spec("a")}, chains_, table_).ok());
  const auto routes = table_.RoutesOf("plant");
  ASSERT_THAT(routes, SizeIs(2));
  EXPECT_EQ(routes[0]->id, "b");
  EXPECT_EQ(routes[1]->id, "a");
  EXPECT_THAT(table_.RoutesOf("office"), SizeIs(1));
  EXPECT_THAT(table_.RoutesOf("nowhere"), SizeIs(0));
}

TEST_F(RouteTableTest, FindsARouteByItsId) {
  ASSERT_TRUE(BuildRoutes(std::vector{Spec("a"), Spec("b")}, chains_, table_).ok());
  ASSERT_NE(table_.Find("b"), nullptr);
  EXPECT_EQ(table_.Find("b")->id, "b");
  EXPECT_EQ(table_.Find("c"), nullptr);
}

TEST_F(RouteTableTest, ReplacesWhatDiffersAndStillFindsWhatWent) {
  ASSERT_TRUE(table_.Replace(std::vector{Spec("a"), Spec("b"), Spec("c")}, chains_).ok());
  const Route* a = table_.Find("a");
  const Route* b = table_.Find("b");
  const Route* c = table_.Find("c");
  ASSERT_TRUE(table_.Replace(std::vector{Spec("d"), Spec("b", "other"), Spec("a")}, chains_).ok());
  EXPECT_EQ(table_.Find("a"), a) << "the same object";
  EXPECT_NE(table_.Find("b"), b);
  EXPECT_EQ(b->target.text, "chain") << "what it has taken in is as it was";
  EXPECT_EQ(table_.Find("c"), c);
  const auto routes = table_.RoutesOf("plant");
  ASSERT_THAT(routes, SizeIs(3));
  EXPECT_EQ(routes[0]->id, "d");
  EXPECT_EQ(routes[1], table_.Find("b"));
  EXPECT_EQ(routes[2], a);
}

TEST_F(RouteTableTest, AWrongRouteReplacesNothing) {
  ASSERT_TRUE(table_.Replace(std::vector{Spec("a")}, chains_).ok());
  RouteSpec wrong = Spec("b");
  wrong.filter = "b+";
  EXPECT_FALSE(table_.Replace(std::vector{Spec("c"), wrong}, chains_).ok());
  EXPECT_EQ(table_.Find("c"), nullptr);
  EXPECT_THAT(table_.RoutesOf("plant"), SizeIs(1));
}

}  // namespace
}  // namespace sluice
