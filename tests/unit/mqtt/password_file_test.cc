#include "server/mqtt/password_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temp_dir.h"

namespace sluice {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class PasswordFileTest : public testing::Test {
 protected:
  std::string Write(const std::string& content) {
    std::ofstream(path_, std::ios::binary) << content;
    return path_;
  }
  static std::string ErrorOf(const std::string& path) { return std::string(ReadPasswordFile(path).status().message()); }

  TempDir directory_;
  const std::filesystem::path path_ = directory_.path() / "password";
};

TEST_F(PasswordFileTest, OneLineBreakAtTheEndDoesNotCount) {
  EXPECT_EQ(PasswordOf("secret"), "secret");
  EXPECT_EQ(PasswordOf("secret\n"), "secret");
  EXPECT_EQ(PasswordOf("secret\r\n"), "secret");
  EXPECT_EQ(PasswordOf("secret\n\n"), "secret\n");
  EXPECT_EQ(PasswordOf(""), "");
}

TEST_F(PasswordFileTest, HoldsWhatStandsInItNow) {
  EXPECT_EQ(*ReadPasswordFile(Write("old\n")), "old");
  EXPECT_EQ(*ReadPasswordFile(Write("new\n")), "new");
  EXPECT_EQ(*ReadPasswordFile(Write(std::string(65'535, 'x') + "\r\n")), std::string(65'535, 'x'));
}

TEST_F(PasswordFileTest, SaysWhyItCannotBeReadAndNothingOfWhatItHolds) {
  EXPECT_EQ(ErrorOf(directory_.path() / "none"),
            "passwordFile '" + (directory_.path() / "none").string() + "': No such file or directory");
  EXPECT_THAT(ErrorOf(directory_.path()), HasSubstr("Is a directory"));
  EXPECT_THAT(ErrorOf(Write(std::string(65'536, 'x'))), AllOf(HasSubstr("65,535 bytes"), Not(HasSubstr("xxx"))));
}

TEST_F(PasswordFileTest, APipeOrADeviceIsNoFileAndHoldsUpNobody) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_THAT(ErrorOf(path_), HasSubstr("': it is no regular file"));
  EXPECT_THAT(ErrorOf("/dev/zero"), HasSubstr("it is no regular file"));
}

}  // namespace
}  // namespace sluice
