#include "server/telemetry/log.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace sluice {
namespace {

using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;

class LogTest : public testing::Test {
 protected:
  void TearDown() override { log::Configure(log::Level::kInfo, log::Format::kAuto); }

  // What one call wrote, without its time.
  template <typename F>
  static std::string Written(log::Format format, F write) {
    log::Configure(log::Level::kInfo, format);
    CaptureStderr();
    write();
    std::string line = GetCapturedStderr();
    size_t time_end = line.find(format == log::Format::kJson ? R"(","level)" : " ");
    return time_end == std::string::npos ? line : line.substr(time_end);
  }
};

TEST_F(LogTest, WritesOneJsonObjectALine) {
  std::string line = Written(log::Format::kJson, [] {
    log::Info("mqtt connected", {{"connection", "plant"}, {"port", 1883}, {"session_present", true}});
  });
  EXPECT_EQ(line,
            R"(","level":"info","event":"mqtt connected","connection":"plant","port":1883,"session_present":true})"
            "\n");
}

TEST_F(LogTest, StaysJsonWhateverAFieldHolds) {
  std::string line = Written(log::Format::kJson, [] {
    log::Error("bad", {{"topic", "a\"b\n\xff%v{}"}, {"ratio", std::numeric_limits<double>::quiet_NaN()}});
  });
  EXPECT_EQ(line, R"(","level":"error","event":"bad","topic":"a\"b\n\ufffd%v{}","ratio":"nan"})"
                  "\n");
}

TEST_F(LogTest, WritesTextThatQuotesOnlyWhatNeedsIt) {
  std::string line = Written(log::Format::kText, [] {
    log::Warning("stream ended", {{"worker", "alarm/1"}, {"reason", "went away"}, {"detail", ""}});
  });
  EXPECT_EQ(line, " warning stream ended worker=alarm/1 reason=\"went away\" detail=\"\"\n");
}

TEST_F(LogTest, KeepsTerminalControlsOutOfText) {
  std::string line = Written(log::Format::kText, [] { log::Info("x", {{"a", "\x1b[2J"}, {"b", "\xc2\x9b"}}); });
  EXPECT_EQ(line, " info    x a=\"\\u001b[2J\" b=\"\\u009b\"\n");
}

TEST_F(LogTest, OmitsWhatIsBelowTheLevel) {
  EXPECT_EQ(Written(log::Format::kJson, [] { log::Debug("frame"); }), "");
}

}  // namespace
}  // namespace sluice
