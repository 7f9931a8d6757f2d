#include "client/cpp/src/resolver.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/support/recorder.h"

namespace sluice::client {
namespace {

constexpr Millis kInterval{3'600'000};
constexpr Millis kLongest{10};

// No label is that long: the system says no without asking anybody.
const std::string kNowhere = std::string(64, 'x') + ".invalid";

std::vector<Target> Targets(const std::vector<std::string>& names) {
  std::vector<Target> targets(names.size());
  for (size_t i = 0; i < names.size(); ++i) EXPECT_TRUE(ParseTarget(names[i], targets[i]).ok());
  return targets;
}

struct Seen {
  size_t index = 0;
  bool found = false;
  Millis again{0};
  std::vector<Address> addresses;
};

class ResolverTest : public ::testing::Test {
 protected:
  Resolver LookUp(const std::vector<std::string>& names, ResolverFunction ask = {}) {
    return {Targets(names),
            Options::Family::kPreferIpv4,
            std::move(ask),
            kInterval,
            Backoff(Millis(1), kLongest, 1),
            [this](size_t index, const Lookup& lookup, Millis again) {
              seen_.Add({index, lookup.status.ok(), again, lookup.addresses});
            }};
  }
  Recorder<Seen> seen_;
};

TEST_F(ResolverTest, ANameThatIsNotThereIsLookedForAgainSoon) {
  const Resolver resolver = LookUp({kNowhere});
  const std::vector<Seen> seen = seen_.WaitFor(5);
  ASSERT_GE(seen.size(), 5u);
  for (const Seen& one : seen) {
    EXPECT_FALSE(one.found);
    EXPECT_LE(one.again, kLongest);
  }
}

TEST_F(ResolverTest, ANameThatIsThereIsLookedUpAtItsInterval) {
  const Resolver resolver = LookUp({"localhost"});
  const std::vector<Seen> seen = seen_.WaitFor(1);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_TRUE(seen[0].found);
  EXPECT_EQ(seen[0].again, kInterval);
}

TEST_F(ResolverTest, OneThatIsMissingIsEnoughToLookAgainSoon) {
  const Resolver resolver = LookUp({"localhost", kNowhere});
  const std::vector<Seen> seen = seen_.WaitFor(6);
  ASSERT_GE(seen.size(), 6u);
  for (const Seen& one : seen) EXPECT_EQ(one.found, one.index == 0);
}

TEST_F(ResolverTest, TheUsersOwnIsAskedInPlaceOfTheSystems) {
  const Resolver resolver = LookUp({kNowhere + ":7001"}, [](const std::string& host, std::vector<std::string>& ips) {
    EXPECT_EQ(host, kNowhere);
    ips = {"192.0.2.7", "192.0.2.6", "192.0.2.7"};
    return Status();
  });
  const std::vector<Seen> seen = seen_.WaitFor(1);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].addresses, (std::vector<Address>{{"192.0.2.6", 7001, kNowhere}, {"192.0.2.7", 7001, kNowhere}}));
  EXPECT_EQ(seen[0].again, kInterval);
}

TEST_F(ResolverTest, TheUsersOwnIsAskedAgainSoonWhenItFindsNothing) {
  const Resolver resolver = LookUp({"replicas"}, [](const std::string&, std::vector<std::string>&) {
    return Status(StatusCode::kNotFound, "no such name");
  });
  const std::vector<Seen> seen = seen_.WaitFor(3);
  ASSERT_GE(seen.size(), 3u);
  for (const Seen& one : seen) EXPECT_LE(one.again, kLongest);
}

}  // namespace
}  // namespace sluice::client
