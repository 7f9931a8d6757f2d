#include "server/config/directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "tests/support/temp_dir.h"

namespace sluice {
namespace {

using testing::HasSubstr;

std::string ErrorOf(const std::string& path) { return std::string(DiskOf(path).status().message()); }

TEST(DiskOf, TakesADirectoryThatIsThereOrCanBeMade) {
  TempDir folder;
  EXPECT_GT(*DiskOf(folder.path()), 0u);
  EXPECT_GT(*DiskOf(folder / "made/later"), 0u);
  EXPECT_GT(*DiskOf(folder / ""), 0u);
  EXPECT_FALSE(std::filesystem::exists(folder / "made"));
  EXPECT_GT(*DiskOf("relative-and-not-there"), 0u);
}

TEST(DiskOf, NamesThePartThatIsNoDirectory) {
  TempDir folder;
  const std::string file = folder.Write("file", "");
  EXPECT_EQ(ErrorOf(file), "'" + file + "' is no directory");
  EXPECT_EQ(ErrorOf(file + "/below/it"), "'" + file + "' is no directory");
}

TEST(DiskOf, NamesALinkThatLeadsNowhere) {
  TempDir folder;
  std::filesystem::create_symlink(folder / "nowhere", folder / "link");
  EXPECT_EQ(ErrorOf(folder / "link"), "'" + (folder / "link") + "' is a symbolic link that leads nowhere");
}

TEST(DiskOf, NamesADirectoryThatMayNotBeWrittenTo) {
  // Root may write anywhere but there.
  EXPECT_THAT(ErrorOf("/proc/self/journal"), HasSubstr("'/proc/self'"));
  if (geteuid() == 0) return;
  TempDir folder;
  std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_read);
  EXPECT_THAT(ErrorOf(folder.path()), HasSubstr("Permission denied"));
  std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_all);
}

}  // namespace
}  // namespace sluice
