#include "server/grpc/library_log.h"

#include <gmock/gmock.h>
#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "server/telemetry/log.h"
#include "tests/support/manual_clock.h"

namespace sluice {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;

constexpr char kNoTls[] =
    "Handshaking failed: UNKNOWN:Ssl handshake failed: SSL_ERROR_SSL: error:0A00010B:SSL routines::wrong version "
    "number "
    "{tsi_code:10, tsi_error:\"TSI_PROTOCOL_FAILURE\"}";
constexpr char kGone[] =
    "Handshaking failed: UNKNOWN:Handshake read failed {file_line:487, children:[INTERNAL:Socket closed {fd:8, "
    "grpc_status:14, target_address:\"ipv4:127.0.0.1:43664\"}]}";

TEST(FailedHandshakes, AreReadFromWhatGrpcSays) {
  const FailedHandshake no_tls = ParseFailedHandshake(kNoTls);
  EXPECT_EQ(no_tls.reason, "tls");
  EXPECT_EQ(no_tls.detail, "Ssl handshake failed: SSL_ERROR_SSL: error:0A00010B:SSL routines::wrong version number");
  EXPECT_EQ(no_tls.peer, "");
  const FailedHandshake gone = ParseFailedHandshake(kGone);
  EXPECT_EQ(gone.reason, "closed");
  EXPECT_EQ(gone.detail, "Handshake read failed");
  EXPECT_EQ(gone.peer, "ipv4:127.0.0.1:43664");
  EXPECT_EQ(ParseFailedHandshake("Handshaking failed: DEADLINE").reason, "other");
}

class LibraryLogTest : public testing::Test {
 protected:
  void SetUp() override {
    log::Configure(log::Level::kInfo, log::Format::kJson);
    CaptureLibraryLogs(clock_);
    AddLibraryLogMetrics(metrics_);
    CaptureStderr();
  }
  void TearDown() override { log::Configure(log::Level::kInfo, log::Format::kAuto); }

  double Failed(const std::string& reason) {
    double value = -1;
    metrics_.Visit([&](const std::string& name, const MetricsRegistry::Family& family) {
      if (name != "sluice_listener_handshakes_failed_total") return;
      for (const MetricsRegistry::Series& series : family.series) {
        if (series.labels.front().second == reason) value = series.read();
      }
    });
    return value;
  }

  // The process' log function keeps it.
  static inline ManualClock clock_;
  MetricsRegistry metrics_;
};

TEST_F(LibraryLogTest, AThousandJunkConnectionsAreAFewLinesAndAThousandInTheMetric) {
  const double before = Failed("tls");
  for (int i = 0; i < 1'000; ++i) {
    gpr_log(GPR_ERROR, "Handshake failed with fatal error SSL_ERROR_SSL: wrong version number.");
    gpr_log(GPR_DEBUG, "%s", kNoTls);
  }
  const std::string said = GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(said, '\n'), 10);
  EXPECT_THAT(said,
              AllOf(HasSubstr("{\"time\":"), HasSubstr("\"level\":\"warning\""), HasSubstr("wrong version number")));
  EXPECT_EQ(Failed("tls") - before, 1'000);
}

TEST_F(LibraryLogTest, AProbeThatConnectsAndGoesIsCountedAndNoLine) {
  const double before = Failed("closed");
  gpr_log(GPR_DEBUG, "%s", kGone);
  EXPECT_EQ(GetCapturedStderr(), "");
  EXPECT_EQ(Failed("closed") - before, 1);
}

TEST_F(LibraryLogTest, ErrorsOfGrpcAndProtobufAreWarningsOfOurs) {
  gpr_log("/build/src/core/some_file.cc", 7, GPR_LOG_SEVERITY_ERROR, "bad \"thing\"");
  gpr_log("/build/src/core/some_file.cc", 8, GPR_LOG_SEVERITY_DEBUG, "chatter");
  GOOGLE_LOG(ERROR) << "String field holds no UTF-8";
  EXPECT_THAT(
      GetCapturedStderr(),
      AllOf(HasSubstr(R"("level":"warning","event":"gRPC","says":"bad \"thing\"","source":"some_file.cc:7")"),
            HasSubstr(R"("event":"protobuf","says":"String field holds no UTF-8","source":"library_log_test.cc:)"),
            Not(HasSubstr("chatter")), Not(HasSubstr("libprotobuf"))));
}

}  // namespace
}  // namespace sluice
