// Where dead letters are kept: an SQLite database, by message id, bounded by number, bytes and age.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/deadletter/letter.h"
#include "server/deadletter/letter_sink.h"
#include "server/deadletter/limits.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"
#include "server/telemetry/log_limit.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// Which letters: those that all that is set holds for.
struct LetterFilter {
  std::optional<StoredLetter::Kind> kind;
  std::string chain;         // Empty: all.
  std::string topic_filter;  // A valid topic filter; wildcards as MQTT has them. Empty: all.
  std::string reason;        // A part of the reason, in any case (of ASCII letters). Empty: all.
  // Died before that time, or at it or after it: Unix milliseconds.
  std::optional<int64_t> died_before_unix_ms;
  std::optional<int64_t> died_after_unix_ms;
};

// A letter in the store. `number` names this version of it: when its message dies again it gets another.
struct KeptLetter {
  int64_t number = 0;
  uint64_t payload_bytes = 0;  // `letter.message` may have fewer of them.
  StoredLetter letter;
};

class LetterTables;

// Thread-safe; one call at a time reads or writes.
class DeadLetterStore final : public LetterSink {
 public:
  // Positions in the order of List(): the time of death, then the number.
  struct Position {
    int64_t died_unix_ms = INT64_MIN;
    int64_t number = 0;
  };
  struct Page {
    size_t max_entries = 100;
    size_t max_bytes = 1u << 20;  // One is always returned, if there is one.
    // How much of each payload is read.
    size_t max_payload_bytes = SIZE_MAX;
  };
  struct Totals {
    uint64_t messages = 0;
    uint64_t bytes = 0;
    // Among them, messages that no chain could take.
    uint64_t unroutable_messages = 0;
    uint64_t unroutable_bytes = 0;
  };

  // `path` is a file, whose folder is made if it is not there, or ":memory:". FAILED_PRECONDITION: it was written by a
  // newer version; DATA_LOSS: it is no database or a damaged one; others: it cannot be opened. Each says what to do.
  static absl::StatusOr<std::unique_ptr<DeadLetterStore>> Open(const std::string& path, DeadLetterLimits limits,
                                                               const Clock& clock, MetricsRegistry& metrics);
  ~DeadLetterStore() override;
  DeadLetterStore(const DeadLetterStore&) = delete;
  DeadLetterStore& operator=(const DeadLetterStore&) = delete;

  absl::Status Put(std::span<const StoredLetter> letters) override;
  // Puts in what a backup held: what is there already, by its id, stays as it is; nothing is let go for it. An outcome
  // for each letter, in order; fewer than letters: a bound leaves no room for the next one.
  enum class Added : uint8_t { kAdded, kPresent, kTooOld };
  absl::StatusOr<std::vector<Added>> AddMissing(std::span<const StoredLetter> letters);
  absl::Status Expire() override;

  // The oldest first, those after `after`. Empty: that was all.
  absl::StatusOr<std::vector<KeptLetter>> List(const LetterFilter& filter, Position after, Page page) const;
  // NOT_FOUND: there is none of that id.
  absl::StatusOr<KeptLetter> Get(MessageId id) const;
  absl::StatusOr<uint64_t> Count(const LetterFilter& filter) const;
  // By KeptLetter::number; unknown ones are ignored: what has died again since is not removed. Returns how many went.
  absl::StatusOr<uint64_t> Remove(std::span<const int64_t> numbers);
  // What matches when it is called; what dies meanwhile stays.
  absl::StatusOr<uint64_t> RemoveMatching(const LetterFilter& filter);

  // Of the letter that came last, even if it is gone: what comes from now on has a higher one.
  absl::StatusOr<int64_t> LastNumber() const;

  Totals totals() const;

  // Hold from now on: what is past them goes. After an error it goes with the next letter.
  absl::Status SetLimits(DeadLetterLimits limits);

 private:
  DeadLetterStore(std::unique_ptr<LetterTables> tables, DeadLetterLimits limits, const Clock& clock,
                  MetricsRegistry& metrics);
  // What has gone over a bound, from one transaction.
  struct Evicted {
    uint64_t over_messages = 0;
    uint64_t over_bytes = 0;
    uint64_t over_age = 0;
  };
  // The oldest go, but first those that no chain could take, as long as they fill more than half: of these, whoever may
  // publish can make as many as he likes, and others' are not to go for them.
  absl::Status EvictOverBounds(Evicted& evicted) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Tell(const Evicted& evicted);

  // Deaths before this are of age; none: INT64_MIN.
  int64_t TooOld() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock& clock_;
  log::Limiter log_limit_;
  Counter& over_messages_;
  Counter& over_bytes_;
  Counter& over_age_;

  mutable Mutex mutex_;
  DeadLetterLimits limits_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<LetterTables> tables_ ABSL_PT_GUARDED_BY(mutex_);
};

}  // namespace sluice
