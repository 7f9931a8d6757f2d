#include "server/telemetry/process_metrics.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

namespace sluice {
namespace {

double Read(const MetricsRegistry& registry, const std::string& wanted) {
  double value = -1;
  registry.Visit([&](const std::string& name, const MetricsRegistry::Family& family) {
    if (name != wanted) return;
    const MetricsRegistry::Series& series = family.series.front();
    value = series.read ? series.read() : static_cast<double>(series.gauge->value());
  });
  return value;
}

TEST(ProcessMetrics, ReadTheProcessAtEachExposition) {
  MetricsRegistry registry;
  AddProcessMetrics(registry);
  EXPECT_GT(Read(registry, "process_resident_memory_bytes"), 100'000);
  EXPECT_GT(Read(registry, "process_cpu_seconds_total"), 0);
  EXPECT_GT(Read(registry, "process_start_time_seconds"), 1'700'000'000);

  double before = Read(registry, "process_open_fds");
  EXPECT_GE(before, 3);
  int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(Read(registry, "process_open_fds"), before + 1);
  close(fd);
  EXPECT_GT(Read(registry, "process_max_fds"), before);
}

TEST(ProcessMetrics, NameTheVersion) {
  MetricsRegistry registry;
  AddProcessMetrics(registry);
  EXPECT_EQ(registry.GetGauge("sluice_build_info", "", {{"version", std::string(Version())}}).value(), 1);
  EXPECT_FALSE(Version().empty());
}

}  // namespace
}  // namespace sluice
