// Carries out a replay: letters out of the store, into the sink, and only then away.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/admin/replay_sink.h"
#include "server/deadletter/store.h"
#include "server/runtime/mutex.h"

namespace sluice {

struct ReplayReport {
  struct Failure {
    std::string id;
    std::string message;
  };
  static constexpr size_t kMostFailures = 100;

  uint64_t replayed = 0;
  uint64_t failed = 0;
  std::vector<Failure> failures;  // The first kMostFailures.
  std::string stopped;            // Why the rest was not tried; empty: all was.
};

// Thread-safe; one replay at a time, so that none is done twice.
class Replay {
 public:
  Replay(DeadLetterStore& store, ReplaySink& sink) : store_(store), sink_(sink) {}
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

  // `cancelled` is asked now and then. An error: the store cannot be read.
  absl::StatusOr<ReplayReport> ByIds(std::span<const MessageId> ids, const std::function<bool()>& cancelled);
  // What matches now; what dies again meanwhile is left out.
  absl::StatusOr<ReplayReport> Matching(const LetterFilter& filter, const std::function<bool()>& cancelled);

 private:
  // False: to be stopped.
  bool ReplayBatch(std::vector<KeptLetter> letters, ReplayReport& report) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  DeadLetterStore& store_;
  ReplaySink& sink_;
  Mutex mutex_;  // Held while the store and the sink are called.
};

}  // namespace sluice
