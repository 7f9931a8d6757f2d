#include "server/certificates/watch.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "server/certificates/expiry.h"
#include "server/certificates/pem.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

constexpr std::string_view kFamily = "sluice_certificate_expiry_timestamp_seconds";

}  // namespace

CertificateWatch::CertificateWatch(const std::vector<File>& files, const Clock& clock, MetricsRegistry& metrics)
    : clock_(clock), metrics_(metrics) {
  Take(files);
}

void CertificateWatch::SetFiles(std::vector<File> files) {
  MutexLock lock(mutex_);
  changed_ = std::move(files);
}

void CertificateWatch::Take(const std::vector<File>& files) {
  std::vector<Watched> before = std::exchange(watched_, {});
  for (const File& file : files) {
    const auto known = std::ranges::find(before, file, &Watched::file);
    if (known != before.end()) {
      watched_.push_back(std::move(*known));
      before.erase(known);
      continue;
    }
    Gauge& expiry = metrics_.GetGauge(kFamily,
                                      "When the certificate of a file that ends first ends, in seconds since the Unix "
                                      "epoch. 0: the file could not be read.",
                                      {{"setting", file.setting}, {"file", file.path}});
    watched_.push_back({.file = file, .expiry = &expiry, .said = "", .tell_from = {}});
  }
  for (const Watched& gone : before) {
    metrics_.Retire(std::array{kFamily}, {{"setting", gone.file.setting}, {"file", gone.file.path}});
  }
}

SteadyTime CertificateWatch::Tick(SteadyTime now) {
  std::optional<std::vector<File>> changed;
  {
    MutexLock lock(mutex_);
    changed.swap(changed_);
  }
  if (changed) {
    Take(*changed);
    next_.reset();
  }
  if (watched_.empty()) return kNever;
  if (next_ && now < *next_) return *next_;
  for (Watched& watched : watched_) Look(watched, now);
  next_ = now + kLookEvery;
  return *next_;
}

void CertificateWatch::Look(Watched& watched, SteadyTime now) const {
  absl::StatusOr<std::string> pem = ReadPemFile(watched.file.path);
  absl::StatusOr<Expiry> expiry = pem.ok() ? CheckCertificates(*pem) : pem.status();
  std::string problem;
  if (expiry.ok()) {
    watched.expiry->Set(expiry->unix_s);
    problem = ExpiresSoon(*expiry, clock_.UnixMillis() / 1'000);
  } else {
    problem = std::string(expiry.status().message());
  }
  // What is new is said at once: another certificate, or that this one has expired meanwhile.
  if (problem == watched.said && now < watched.tell_from) return;
  watched.said = problem;
  if (problem.empty()) return;
  watched.tell_from = now + kTellEvery;
  log::Warning("a certificate needs to be renewed",
               {{"setting", watched.file.setting}, {"file", watched.file.path}, {"why", problem}});
}

}  // namespace sluice
