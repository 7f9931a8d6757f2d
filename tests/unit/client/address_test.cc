#include "client/cpp/src/address.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace sluice::client {
namespace {

struct Good {
  const char* text;
  Target target;
};

class GoodTargetTest : public ::testing::TestWithParam<Good> {};

TEST_P(GoodTargetTest, IsTakenApart) {
  Target target;
  ASSERT_TRUE(ParseTarget(GetParam().text, target).ok());
  EXPECT_EQ(target, GetParam().target);
}

INSTANTIATE_TEST_SUITE_P(Targets, GoodTargetTest,
                         ::testing::Values(Good{"gateway:7000", {"gateway", 7000, false}},
                                           Good{"gateway", {"gateway", 7443, false}},
                                           Good{"192.0.2.7:1", {"192.0.2.7", 1, true}},
                                           Good{"[2001:db8::7]:65535", {"2001:db8::7", 65535, true}},
                                           Good{"[::1]", {"::1", 7443, true}}, Good{"::1", {"::1", 7443, true}}));

class BadTargetTest : public ::testing::TestWithParam<const char*> {};

TEST_P(BadTargetTest, IsRefusedByName) {
  Target target;
  const Status status = ParseTarget(GetParam(), target);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find('"' + std::string(GetParam()) + '"'), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Targets, BadTargetTest,
                         ::testing::Values("", ":7443", "gateway:", "gateway:0", "gateway:65536", "gateway:7x",
                                           "gateway:-1", "[::1", "[::1]7443", "[::1]:", "http://gateway:80", "a:b:c"));

TEST(AddressTest, IsWrittenAsUsersAndGrpcWantIt) {
  EXPECT_EQ((Address{"192.0.2.7", 80, "x"}.ToString()), "192.0.2.7:80");
  EXPECT_EQ((Address{"2001:db8::7", 80, "x"}.ToString()), "[2001:db8::7]:80");
  EXPECT_EQ((Address{"192.0.2.7", 80, "x"}.Uri()), "ipv4:192.0.2.7:80");
  EXPECT_EQ((Address{"2001:db8::7", 80, "x"}.Uri()), "ipv6:[2001:db8::7]:80");
}

TEST(AddressTest, ALiteralStandsForItself) {
  const Lookup lookup = Resolve({"192.0.2.7", 80, true}, Options::Family::kPreferIpv4);
  ASSERT_TRUE(lookup.status.ok());
  ASSERT_EQ(lookup.addresses.size(), 1U);
  EXPECT_EQ(lookup.addresses[0].ToString(), "192.0.2.7:80");
}

Lookup AskFor(const std::vector<std::string>& ips, Options::Family family = Options::Family::kPreferIpv4) {
  return Resolve({"replicas", 80, false}, family, [&](const std::string&, std::vector<std::string>& addresses) {
    addresses = ips;
    return Status();
  });
}

TEST(ResolveTest, TakesWhatTheUsersResolverSays) {
  EXPECT_EQ(AskFor({"192.0.2.7", "2001:db8::7"}).addresses, (std::vector<Address>{{"192.0.2.7", 80, "replicas"}}));
  EXPECT_EQ(AskFor({"192.0.2.7", "2001:db8::7"}, Options::Family::kPreferIpv6).addresses,
            (std::vector<Address>{{"2001:db8::7", 80, "replicas"}}));
  EXPECT_EQ(AskFor({"192.0.2.7", "2001:db8::7"}, Options::Family::kAll).addresses.size(), 2u);
}

TEST(ResolveTest, RefusesWhatIsNoAddress) {
  const Lookup lookup = AskFor({"192.0.2.7", "elsewhere.example"});
  EXPECT_EQ(lookup.status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(lookup.status.message().find("elsewhere.example"), std::string::npos);
  EXPECT_TRUE(lookup.addresses.empty());
}

TEST(ResolveTest, NoAddressIsNoneFound) { EXPECT_EQ(AskFor({}).status.code(), StatusCode::kNotFound); }

TEST(ResolveTest, AnExceptionOfTheUsersResolverIsAnError) {
  const Lookup lookup = Resolve({"replicas", 80, false}, Options::Family::kAll,
                                [](const std::string&, std::vector<std::string>&) -> Status {
                                  throw std::runtime_error("the registry is down");
                                });
  EXPECT_NE(lookup.status.message().find("the registry is down"), std::string::npos);
}

TEST(CompareTest, FindsWhatCameAndWhatWent) {
  const Address a{"192.0.2.1", 80, "g"};
  const Address b{"192.0.2.2", 80, "g"};
  const Address c{"192.0.2.3", 80, "g"};
  const AddressChanges changes = Compare({a, b}, {b, c});
  EXPECT_EQ(changes.added, std::vector{c});
  EXPECT_EQ(changes.gone, std::vector{a});
}

TEST(CompareTest, TakesAReplicaUnderTwoNamesForOne) {
  const Address one{"192.0.2.1", 80, "g"};
  const Address same{"192.0.2.1", 80, "other"};
  EXPECT_EQ(Compare({}, {one, same}).added.size(), 1U);
  EXPECT_TRUE(Compare({one}, {same}).added.empty());
  EXPECT_TRUE(Compare({one, same}, {same}).gone.empty());
}

TEST(CompareTest, TellsPortsApart) {
  EXPECT_EQ(Compare({{"192.0.2.1", 80, "g"}}, {{"192.0.2.1", 81, "g"}}).added.size(), 1U);
}

}  // namespace
}  // namespace sluice::client
