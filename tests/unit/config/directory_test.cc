#include "server/config/directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <string>

#include "server/config/surroundings.h"
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
  for (const char* path : {"/proc", "/proc/journal", "/sys", "/sys/kernel/journal/deep"}) {
    EXPECT_THAT(ErrorOf(path), HasSubstr("is the kernel's, and keeps no files")) << path;
  }
  if (geteuid() == 0) return;
  TempDir folder;
  std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_read);
  EXPECT_THAT(ErrorOf(folder.path()), HasSubstr("Permission denied"));
  std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_all);
}

std::string Told(const absl::Status& status) { return std::string(status.message()); }

TEST(CheckAppend, TakesAFileThatIsThereOrCanBeMade) {
  TempDir folder;
  EXPECT_EQ(Told(CheckAppend(folder / "made-later")), "");
  EXPECT_EQ(Told(CheckAppend(folder.Write("there", "x"))), "");
  EXPECT_EQ(Told(CheckAppend("/dev/null")), "");
  EXPECT_FALSE(std::filesystem::exists(folder / "made-later"));
}

TEST(CheckAppend, NamesWhatIsInTheWay) {
  TempDir folder;
  const std::string file = folder.Write("file", "");
  std::filesystem::create_symlink(file, folder / "link");
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(Told(CheckAppend(folder.path())), "'" + folder.path().string() + "' is a directory");
  EXPECT_EQ(Told(CheckAppend(folder / "link")),
            "'" + (folder / "link") + "' is a symbolic link, which is not followed");
  EXPECT_EQ(Told(CheckAppend(folder / "pipe")), "'" + (folder / "pipe") + "' is no regular file");
  EXPECT_EQ(Told(CheckAppend(folder / "none/audit.log")), "'" + (folder / "none") + "' is not there");
  EXPECT_EQ(Told(CheckAppend(file + "/audit.log")), "'" + file + "' is no directory");
  EXPECT_EQ(Told(CheckAppend("/proc/audit.log")), "'/proc' is the kernel's, and keeps no files");
}

TEST(CheckSocket, NamesWhatIsInTheWay) {
  TempDir folder;
  const std::string file = folder.Write("file", "");
  EXPECT_EQ(Told(CheckSocket(folder / "sock")), "");
  EXPECT_EQ(Told(CheckSocket(file)), "'" + file + "' is no socket");
  EXPECT_EQ(Told(CheckSocket(folder / "none/sock")), "'" + (folder / "none") + "' is not there");
  EXPECT_EQ(Told(CheckSocket("/sys/sock")), "'/sys' is the kernel's, and keeps no files");
}

TEST(OpenToAll, SaysTheModeOfADirectoryThatEverybodyMayWriteTo) {
  TempDir folder;
  EXPECT_EQ(OpenToAll(folder.path()), std::nullopt);
  EXPECT_EQ(OpenToAll(folder / "none"), std::nullopt);
  std::filesystem::permissions(folder.path(), std::filesystem::perms::all);
  EXPECT_EQ(OpenToAll(folder.path()), "0777");
}

TEST(RealSurroundings, AFileOfTheConfigurationIsARegularOne) {
  TempDir folder;
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  const Surroundings real = Surroundings::Real();
  EXPECT_EQ(Told(real.check_file(folder.Write("file", "x"))), "");
  EXPECT_EQ(Told(real.check_file(folder / "pipe")), "it is no regular file") << "reading it would wait";
  EXPECT_EQ(Told(real.check_file(folder.path())), "Is a directory");
  EXPECT_EQ(Told(real.check_file(folder / "none")), "No such file or directory");
}

TEST(RealSurroundings, RevocationListsAreRegularFiles) {
  TempDir folder;
  const Surroundings real = Surroundings::Real();
  const std::string list = folder.Write("list.crl", "x");
  EXPECT_EQ(*real.files_of(list), std::vector<std::string>{list});
  EXPECT_EQ(*real.files_of(folder.path()), std::vector<std::string>{list});
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(Told(real.files_of(folder / "pipe").status()), "is neither a regular file nor a directory");
  EXPECT_EQ(Told(real.files_of(folder.path()).status()), "holds what is no regular file: '" + (folder / "pipe") + "'");
}

}  // namespace
}  // namespace sluice
