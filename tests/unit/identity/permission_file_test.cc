#include "server/identity/permission_file.h"

#include <gmock/gmock.h>

#include "tests/support/manual_clock.h"

namespace sluice {
namespace {

// A rule of the text's name; "junk" is none.
absl::StatusOr<PermissionFile::Parsed> Parse(const std::string& text) {
  if (text == "junk") return absl::InvalidArgumentError("rules.yaml:1:1: junk");
  return PermissionFile::Parsed{.rules = {{.name = text, .who = {"**"}, .chains = {text}}}};
}

class PermissionFileTest : public testing::Test {
 protected:
  void Look() {
    clock_.Advance(PermissionFile::kLookEvery);
    file_.Tick(clock_.Now());
  }
  int64_t Good() { return metrics_.GetGauge("sluice_permissions_file_good", "", {}).value(); }

  ManualClock clock_;
  MetricsRegistry metrics_;
  absl::StatusOr<std::string> text_ = "one";
  std::vector<Permissions> changes_;
  PermissionFile file_{"rules.yaml",
                       Parse("one")->rules,
                       {.read_file = [this](const std::string&) { return text_; },
                        .parse = Parse,
                        .changed = [this](Permissions rules) { changes_.push_back(std::move(rules)); }},
                       metrics_};
};

TEST_F(PermissionFileTest, OtherRulesAreHandedOnOnce) {
  Look();
  EXPECT_EQ(changes_.size(), 0) << "they are in use";
  text_ = "two";
  Look();
  Look();
  ASSERT_EQ(changes_.size(), 1);
  const Principal anybody{.names = {"sub:a"}};
  EXPECT_TRUE(changes_[0].For(anybody)->MayServe("two"));
  EXPECT_FALSE(changes_[0].For(anybody)->MayServe("one"));
}

TEST_F(PermissionFileTest, WhatCannotBeUsedChangesNothingAndShows) {
  Look();
  EXPECT_EQ(Good(), 1);
  text_ = "junk";
  Look();
  EXPECT_EQ(Good(), 0);
  Look();
  EXPECT_EQ(Good(), 0) << "still";
  text_ = absl::NotFoundError("cannot be read: No such file or directory");
  Look();
  EXPECT_EQ(Good(), 0);
  EXPECT_EQ(changes_.size(), 0);
  text_ = "one";
  Look();
  EXPECT_EQ(Good(), 1);
  EXPECT_EQ(changes_.size(), 0) << "as they were";
}

TEST_F(PermissionFileTest, IsReadOnceASecondAtMost) {
  Look();
  text_ = "two";
  const SteadyTime next = file_.Tick(clock_.Now());
  EXPECT_EQ(next, clock_.Now() + PermissionFile::kLookEvery);
  EXPECT_EQ(changes_.size(), 0);
}

}  // namespace
}  // namespace sluice
