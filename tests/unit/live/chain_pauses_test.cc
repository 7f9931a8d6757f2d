#include "server/live/chain_pauses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "tests/support/memory_files.h"

namespace sluice {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kPausesPath[] = "/journal/paused-chains";

class ChainPausesTest : public testing::Test {
 protected:
  // As a process that starts.
  std::unique_ptr<ChainPauses> Start() {
    absl::StatusOr<std::unique_ptr<ChainPauses>> pauses = ChainPauses::Open(kPausesPath, files_);
    EXPECT_TRUE(pauses.ok()) << pauses.status();
    return *std::move(pauses);
  }
  absl::StatusOr<bool> Add(ChainPauses& pauses, const std::string& chain) {
    return pauses.Add(chain, {.since_unix_ms = 1'700'000'000'000, .by = "unix:0", .reason = "bad \"deploy\"\n"},
                      [this] { ++carried_out_; });
  }

  MemoryFiles files_;
  int carried_out_ = 0;
};

TEST_F(ChainPausesTest, OutliveAProcess) {
  {
    const auto pauses = Start();
    EXPECT_THAT(pauses->all(), IsEmpty());
    EXPECT_TRUE(*Add(*pauses, "a chain \xc3\xa4 \"quoted\""));
    EXPECT_TRUE(*Add(*pauses, "b"));
    EXPECT_FALSE(*Add(*pauses, "b")) << "it was before";
    EXPECT_EQ(carried_out_, 2);
  }
  files_.LosePower();
  files_.Reboot();
  const auto pauses = Start();
  const ChainPauses::Pauses all = pauses->all();
  ASSERT_THAT(all, SizeIs(2));
  const ChainPauses::Pause& pause = all.at("a chain \xc3\xa4 \"quoted\"");
  EXPECT_EQ(pause.since_unix_ms, 1'700'000'000'000);
  EXPECT_EQ(pause.by, "unix:0");
  EXPECT_EQ(pause.reason, "bad \"deploy\"\n");

  EXPECT_TRUE(*pauses->Remove("b", [] {}));
  EXPECT_FALSE(*pauses->Remove("b", [] { FAIL() << "it was not paused"; }));
  EXPECT_THAT(Start()->all(), SizeIs(1));
}

TEST_F(ChainPausesTest, WhatCannotBeWrittenIsNotDone) {
  const auto pauses = Start();
  files_.FailWritesAfter(0, ENOSPC);
  const absl::StatusOr<bool> added = Add(*pauses, "a");
  EXPECT_TRUE(absl::IsUnavailable(added.status())) << added.status();
  EXPECT_EQ(carried_out_, 0);
  EXPECT_THAT(pauses->all(), IsEmpty());
  files_.Heal();
  EXPECT_TRUE(*Add(*pauses, "a"));
}

TEST_F(ChainPausesTest, AFileThatCannotBeReadIsAnErrorAndNoReasonToDeliver) {
  for (const char* content : {"", "no JSON", R"({"a": 1})", R"({"a": {"by": "x", "reason": ""}})"}) {
    files_.Put(kPausesPath, content);
    const absl::StatusOr<std::unique_ptr<ChainPauses>> pauses = ChainPauses::Open(kPausesPath, files_);
    EXPECT_TRUE(absl::IsDataLoss(pauses.status())) << content << ": " << pauses.status();
    EXPECT_THAT(std::string(pauses.status().message()), HasSubstr(kPausesPath));
  }
}

TEST_F(ChainPausesTest, WithoutAPathTheyStandInMemory) {
  const absl::StatusOr<std::unique_ptr<ChainPauses>> pauses = ChainPauses::Open("", files_);
  ASSERT_TRUE(pauses.ok());
  EXPECT_FALSE((*pauses)->durable());
  EXPECT_TRUE(*Add(**pauses, "a"));
  EXPECT_THAT(files_.Paths(), IsEmpty());
}

}  // namespace
}  // namespace sluice
