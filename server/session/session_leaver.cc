#include "server/session/session_leaver.h"

#include "server/telemetry/log.h"

namespace sluice {
namespace {

constexpr Millis kLook{500};
// A broker sends what waits as fast as it is acknowledged.
constexpr Millis kQuiet{5'000};
constexpr Millis kDisconnect{1'000};

}  // namespace

void SessionLeaver::Start() {
  MutexLock lock(mutex_);
  for (Entry& entry : all_) entry.leaving.connection->Start();
}

SteadyTime SessionLeaver::Tick(SteadyTime now) {
  MutexLock lock(mutex_);
  if (stopped_) return kNever;
  bool more = false;
  for (Entry& entry : all_) {
    if (entry.end) continue;
    more = true;
    const uint64_t taken = entry.leaving.sink->taken();
    if (!entry.leaving.connection->State().ready || taken != entry.taken || entry.since == SteadyTime{}) {
      entry.taken = taken;
      entry.since = now;
      continue;
    }
    if (now - entry.since < kQuiet) continue;
    // It is up, so that nothing of this waits for the network.
    entry.leaving.connection->Stop(clock_.Now() + kDisconnect);
    log::Info("mqtt session left; it is ended", {{"client_id", entry.leaving.client_id}});
    entry.end = entry.leaving.end();
    entry.end->Start();
  }
  return more ? now + kLook : kNever;
}

void SessionLeaver::Stop(SteadyTime deadline) {
  MutexLock lock(mutex_);
  stopped_ = true;
  for (Entry& entry : all_) {
    entry.leaving.connection->Stop(deadline);
    if (entry.end) entry.end->Stop(deadline);
  }
}

}  // namespace sluice
