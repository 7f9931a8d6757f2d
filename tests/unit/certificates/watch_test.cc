#include "server/certificates/watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/telemetry/log.h"
#include "tests/support/manual_clock.h"
#include "tests/support/pem.h"
#include "tests/support/temp_dir.h"

namespace sluice {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;

constexpr int64_t kOneDay = 86'400;

class CertificateWatchTest : public testing::Test {
 protected:
  void SetUp() override { log::Configure(log::Level::kInfo, log::Format::kJson); }
  void TearDown() override { log::Configure(log::Level::kInfo, log::Format::kAuto); }

  int64_t Now() const { return clock_.UnixMillis() / 1'000; }
  void Put(int64_t not_after) { folder_.Write("cert.pem", MakePem("plant", not_after).cert); }
  void Advance(Millis by) { clock_.Advance(by); }
  std::string Said() {
    CaptureStderr();
    watch_.Tick(clock_.Now());
    return GetCapturedStderr();
  }
  int64_t Expiry() {
    return metrics_
        .GetGauge("sluice_certificate_expiry_timestamp_seconds", "",
                  {{"setting", "workers.tls.certFile"}, {"file", folder_ / "cert.pem"}})
        .value();
  }

  TempDir folder_;
  ManualClock clock_;
  MetricsRegistry metrics_;
  CertificateWatch watch_{{{"workers.tls.certFile", folder_ / "cert.pem"}}, clock_, metrics_};
};

TEST_F(CertificateWatchTest, CountsWhenACertificateEnds) {
  Put(Now() + 100 * kOneDay);
  EXPECT_EQ(Said(), "");
  EXPECT_EQ(Expiry(), Now() + 100 * kOneDay);
}

TEST_F(CertificateWatchTest, WatchesOtherFilesFromTheNextLookOn) {
  Put(Now() + 1 * kOneDay);
  EXPECT_THAT(Said(), HasSubstr("cert.pem"));
  folder_.Write("other.pem", MakePem("other", Now() + 2 * kOneDay).cert);
  watch_.SetFiles(
      {{"workers.tls.certFile", folder_ / "cert.pem"}, {"connections.hall.certFile", folder_ / "other.pem"}});
  const std::string said = Said();
  EXPECT_THAT(said, AllOf(HasSubstr("other.pem"), testing::Not(HasSubstr("/cert.pem")))) << "that was said";
  watch_.SetFiles({});
  EXPECT_EQ(Said(), "");
  size_t series = 0;
  metrics_.Visit([&](const std::string&, const MetricsRegistry::Family& family) { series += family.series.size(); });
  EXPECT_EQ(series, 0u);
}

TEST_F(CertificateWatchTest, WarnsFromFourteenDaysBeforeOnceADay) {
  Put(Now() + 15 * kOneDay);
  EXPECT_EQ(Said(), "");
  Advance(Millis(kOneDay * 1'000));
  EXPECT_THAT(Said(), AllOf(HasSubstr("\"level\":\"warning\""), HasSubstr("workers.tls.certFile"),
                            HasSubstr("expires in less than 14 days (CN = plant, ")));
  Advance(CertificateWatch::kLookEvery);
  EXPECT_EQ(Said(), "");
  Advance(CertificateWatch::kTellEvery);
  EXPECT_THAT(Said(), HasSubstr("expires in less than 14 days"));
  Advance(Millis(20 * kOneDay * 1'000));
  EXPECT_THAT(Said(), HasSubstr("has expired"));
}

TEST_F(CertificateWatchTest, SeesWhatIsPutInPlaceOfAFile) {
  Put(Now() + 1 * kOneDay);
  EXPECT_NE(Said(), "");
  const int64_t renewed = Now() + 90 * kOneDay;
  Put(renewed);
  Advance(CertificateWatch::kLookEvery);
  EXPECT_EQ(Said(), "");
  EXPECT_EQ(Expiry(), renewed);
  Put(Now() + 2 * kOneDay);
  Advance(CertificateWatch::kLookEvery);
  EXPECT_NE(Said(), "") << "loaded, and near its end";
}

TEST_F(CertificateWatchTest, SaysThatAFileCannotBeRead) {
  EXPECT_THAT(Said(), HasSubstr("cannot be read: No such file or directory"));
  EXPECT_EQ(Expiry(), 0);
}

}  // namespace
}  // namespace sluice
