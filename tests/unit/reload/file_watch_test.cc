#include "server/reload/file_watch.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(FileChange, CountsOnceItIsSeenTwice) {
  FileChange change("a");
  EXPECT_FALSE(change.Look("a", "a"));
  EXPECT_FALSE(change.Look("b", "a"));
  EXPECT_TRUE(change.Look("b", "a"));
  EXPECT_FALSE(change.Look("b", "a")) << "it was refused: not again before it says something else";
  EXPECT_FALSE(change.Look("a", "a"));
  EXPECT_FALSE(change.Look("a", "a")) << "what runs is back";
}

TEST(FileChange, WhatIsStillBeingWrittenIsWaitedFor) {
  FileChange change("a");
  EXPECT_FALSE(change.Look("b", "a"));
  EXPECT_FALSE(change.Look("bc", "a"));
  EXPECT_FALSE(change.Look("", "a")) << "renamed away";
  EXPECT_FALSE(change.Look("bc", "a"));
  EXPECT_TRUE(change.Look("bc", "a"));
}

TEST(FileChange, WhatIsAppliedFromElsewhereStaysUntilTheFileChanges) {
  FileChange change("a");
  EXPECT_FALSE(change.Look("a", "sent"));
  EXPECT_FALSE(change.Look("a", "sent"));
  EXPECT_FALSE(change.Look("b", "sent"));
  EXPECT_TRUE(change.Look("b", "sent"));
}

}  // namespace
}  // namespace sluice
