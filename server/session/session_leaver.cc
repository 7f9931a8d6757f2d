#include "server/session/session_leaver.h"

#include <algorithm>

#include "server/telemetry/log.h"

namespace sluice {
namespace {

constexpr Millis kLook{500};
constexpr Millis kLookForSuccessors{20};
constexpr Millis kSuccessors{60'000};
// A broker sends what waits as fast as it is acknowledged.
constexpr Millis kQuiet{5'000};
constexpr Millis kDisconnect{1'000};

}  // namespace

void SessionLeaver::Add(Leaving leaving) {
  MutexLock lock(mutex_);
  if (stopped_) return;
  all_.push_back({.leaving = std::move(leaving), .added = clock_.Now()});
}

void SessionLeaver::Start() {
  MutexLock lock(mutex_);
  started_ = true;
}

std::vector<std::string> SessionLeaver::GiveUp(const std::string& client_id) {
  std::vector<std::string> names;
  MutexLock lock(mutex_);
  std::erase_if(all_, [&](const Entry& entry) {
    if (entry.leaving.client_id != client_id) return false;
    names.push_back(entry.leaving.name);
    entry.leaving.connection->Stop(clock_.Now() + kDisconnect);
    if (entry.end) entry.end->Stop(clock_.Now() + kDisconnect);
    return true;
  });
  return names;
}

SteadyTime SessionLeaver::Tick(SteadyTime now) {
  MutexLock lock(mutex_);
  if (stopped_) return kNever;
  SteadyTime next = kNever;
  for (Entry& entry : all_) {
    if (entry.end) continue;
    if (!entry.begun) {
      next = now + kLookForSuccessors;
      if (!started_ || (!entry.leaving.may_begin() && now - entry.added < kSuccessors)) continue;
      entry.begun = true;
      entry.leaving.connection->Start();
    }
    next = std::min(next, now + kLook);
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
  return next;
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
