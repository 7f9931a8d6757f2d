// Looks after certificates while the gateway runs: when they end, in the metrics and, from 14 days before, in the log.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"
#include "server/runtime/ticker.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// Tick() is called by one thread at a time.
class CertificateWatch final : public Tickable {
 public:
  struct File {
    std::string setting;  // "workers.tls.certFile".
    std::string path;
    friend bool operator==(const File&, const File&) = default;
  };
  // How often the files are read, which are replaced while the gateway runs, and how often a warning is repeated.
  static constexpr Millis kLookEvery{60'000};
  static constexpr Millis kTellEvery{86'400'000};

  // `clock` and `metrics` outlive it.
  CertificateWatch(const std::vector<File>& files, const Clock& clock, MetricsRegistry& metrics);

  // From the next Tick on these are the files. From any thread.
  void SetFiles(std::vector<File> files);

  // Reads the files if it is time to. The first call always does.
  SteadyTime Tick(SteadyTime now) override;

 private:
  struct Watched {
    File file;
    Gauge* expiry;
    std::string said;  // The last warning.
    SteadyTime tell_from;
  };
  void Look(Watched& watched, SteadyTime now) const;

  void Take(const std::vector<File>& files);

  const Clock& clock_;
  MetricsRegistry& metrics_;
  std::vector<Watched> watched_;
  std::optional<SteadyTime> next_;

  Mutex mutex_;
  std::optional<std::vector<File>> changed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
