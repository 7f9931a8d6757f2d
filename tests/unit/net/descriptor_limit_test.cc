#include "server/net/descriptor_limit.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace sluice {
namespace {

TEST(DescriptorLimit, IsRaisedToTheHardOne) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit low = before;
  low.rlim_cur = 128;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_EQ(DescriptorLimit(), 128u);
  const size_t raised = RaiseDescriptorLimit();
  EXPECT_GT(raised, 128u);
  rlimit after{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &after), 0);
  EXPECT_EQ(after.rlim_cur, after.rlim_max);
  setrlimit(RLIMIT_NOFILE, &before);
}

TEST(DescriptorLimit, SomeAreLeftToTheRest) {
  EXPECT_EQ(DescriptorsForConnections(1'024), 768u);
  EXPECT_EQ(DescriptorsForConnections(65'536), 65'024u);
}

}  // namespace
}  // namespace sluice
