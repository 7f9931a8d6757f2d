#include "server/telemetry/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

namespace sluice {
namespace {

double CpuSeconds() {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double ResidentBytes() {
  // Sizes in pages: total, resident, … (proc(5)).
  std::ifstream statm("/proc/self/statm");
  double total = 0;
  double resident = 0;
  statm >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double OpenFds() {
  std::error_code error;
  std::filesystem::directory_iterator entries("/proc/self/fd", error);
  if (error) return 0;
  double count = 0;
  while (entries != std::filesystem::directory_iterator()) {
    ++count;
    entries.increment(error);
    if (error) break;
  }
  return count - 1;  // Less the one that reads the directory.
}

double MaxFds() {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<double>(limit.rlim_cur) : 0;
}

}  // namespace

std::string_view Version() { return SLUICE_VERSION; }

void AddProcessMetrics(MetricsRegistry& registry) {
  registry
      .GetGauge("sluice_build_info", "Always 1; the label says which version runs.",
                {{"version", std::string(Version())}})
      .Set(1);
  registry.AddCallbackCounter("process_cpu_seconds_total", "User and system CPU time, in seconds.", {}, CpuSeconds);
  registry.AddCallbackGauge("process_resident_memory_bytes", "Resident memory, in bytes.", {}, ResidentBytes);
  registry.AddCallbackGauge("process_open_fds", "Open file descriptors.", {}, OpenFds);
  registry.AddCallbackGauge("process_max_fds", "File descriptors that the process may have.", {}, MaxFds);
  registry.GetGauge("process_start_time_seconds", "When the process began to count, in seconds since the Unix epoch.")
      .Set(std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
               .count());
}

}  // namespace sluice
