#include "server/certificates/watch.h"

#include "server/certificates/expiry.h"
#include "server/certificates/pem.h"
#include "server/telemetry/log.h"

namespace sluice {

CertificateWatch::CertificateWatch(const std::vector<File>& files, const Clock& clock, MetricsRegistry& metrics)
    : clock_(clock) {
  for (const File& file : files) {
    Gauge& expiry = metrics.GetGauge("sluice_certificate_expiry_timestamp_seconds",
                                     "When the certificate of a file that ends first ends, in seconds since the Unix "
                                     "epoch. 0: the file could not be read.",
                                     {{"setting", file.setting}, {"file", file.path}});
    watched_.push_back({.file = file, .expiry = expiry, .said = "", .tell_from = {}});
  }
}

SteadyTime CertificateWatch::Tick(SteadyTime now) {
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
    watched.expiry.Set(expiry->unix_s);
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
