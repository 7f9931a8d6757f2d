#include "server/deadletter/store.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/deadletter/tables.h"
#include "server/runtime/directories.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

// How many are removed while the lock is held.
constexpr uint64_t kChunk = 1'000;

Counter& EvictedCounter(MetricsRegistry& metrics, const char* bound) {
  return metrics.GetCounter(
      "sluice_dead_letters_evicted_total",
      "Dead letters that were let go, the oldest first, by the bound of deadLetters they were over",
      {{"bound", bound}});
}

}  // namespace

absl::StatusOr<std::unique_ptr<DeadLetterStore>> DeadLetterStore::Open(const std::string& path, DeadLetterLimits limits,
                                                                       const Clock& clock, MetricsRegistry& metrics) {
  if (const std::filesystem::path folder = std::filesystem::path(path).parent_path(); !folder.empty()) {
    if (const std::error_code error = MakePrivateDirectories(folder)) {
      return absl::UnavailableError(
          absl::StrCat("the dead letters' folder ", folder.string(), " cannot be made: ", error.message()));
    }
  }
  absl::StatusOr<std::unique_ptr<LetterTables>> tables = LetterTables::Open(path);
  if (!tables.ok()) return tables.status();
  std::unique_ptr<DeadLetterStore> store(new DeadLetterStore(*std::move(tables), limits, clock, metrics));
  // The bounds may be lower than they were.
  if (absl::Status status = store->Put({}); !status.ok()) return status;
  if (absl::Status status = store->Expire(); !status.ok()) return status;
  return store;
}

DeadLetterStore::DeadLetterStore(std::unique_ptr<LetterTables> tables, DeadLetterLimits limits, const Clock& clock,
                                 MetricsRegistry& metrics)
    : clock_(clock),
      log_limit_(clock, {.burst = 1, .interval = Millis(10'000)}),
      over_messages_(EvictedCounter(metrics, "maxMessages")),
      over_bytes_(EvictedCounter(metrics, "maxBytes")),
      over_age_(EvictedCounter(metrics, "maxAge")),
      limits_(limits),
      tables_(std::move(tables)) {
  metrics.AddCallbackGauge("sluice_dead_letters_kept", "Dead letters in the database", {},
                           [this] { return static_cast<double>(totals().messages); });
  metrics.AddCallbackGauge("sluice_dead_letters_kept_bytes", "Their bytes, as deadLetters.maxBytes counts them", {},
                           [this] { return static_cast<double>(totals().bytes); });
}

DeadLetterStore::~DeadLetterStore() = default;

absl::Status DeadLetterStore::Put(std::span<const StoredLetter> letters) {
  Evicted evicted;
  absl::Status status;
  {
    MutexLock lock(mutex_);
    status = tables_->Transact([&]() -> absl::Status {
      mutex_.AssertHeld();
      if (absl::Status inserted = tables_->Insert(letters); !inserted.ok()) return inserted;
      return EvictOverBounds(evicted);
    });
  }
  if (status.ok()) Tell(evicted);
  return status;
}

absl::StatusOr<std::vector<DeadLetterStore::Added>> DeadLetterStore::AddMissing(std::span<const StoredLetter> letters) {
  std::vector<Added> added;
  MutexLock lock(mutex_);
  const int64_t too_old = TooOld();
  absl::Status status = tables_->Transact([&]() -> absl::Status {
    mutex_.AssertHeld();
    for (const StoredLetter& letter : letters) {
      const absl::StatusOr<bool> present = tables_->Holds(letter.id);
      if (!present.ok()) return present.status();
      if (*present || letter.died_unix_ms < too_old) {
        added.push_back(*present ? Added::kPresent : Added::kTooOld);
        continue;
      }
      const Totals& totals = tables_->totals();
      if (totals.messages >= limits_.max_messages || totals.bytes + letter.bytes() > limits_.max_bytes) break;
      if (absl::Status inserted = tables_->Insert({&letter, 1}); !inserted.ok()) return inserted;
      added.push_back(Added::kAdded);
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return added;
}

absl::Status DeadLetterStore::EvictOverBounds(Evicted& evicted) {
  const Totals& totals = tables_->totals();
  using Which = LetterTables::Which;
  const uint64_t half = limits_.max_messages / 2;
  if (totals.messages > limits_.max_messages && totals.unroutable_messages > half) {
    const uint64_t most = std::min(totals.messages - limits_.max_messages, totals.unroutable_messages - half);
    absl::StatusOr<uint64_t> removed = tables_->DeleteOldest(most, Which::kUnroutable);
    if (!removed.ok()) return removed.status();
    evicted.over_messages = *removed;
  }
  if (totals.messages > limits_.max_messages) {
    absl::StatusOr<uint64_t> removed = tables_->DeleteOldest(totals.messages - limits_.max_messages, Which::kAll);
    if (!removed.ok()) return removed.status();
    evicted.over_messages += *removed;
  }
  while (totals.bytes > limits_.max_bytes && totals.messages > 1) {
    const bool most_unroutable = totals.unroutable_messages > 1 && totals.unroutable_bytes > limits_.max_bytes / 2;
    absl::StatusOr<uint64_t> removed = tables_->DeleteOldest(1, most_unroutable ? Which::kUnroutable : Which::kAll);
    if (!removed.ok()) return removed.status();
    evicted.over_bytes += *removed;
  }
  return absl::OkStatus();
}

int64_t DeadLetterStore::TooOld() const {
  return limits_.max_age.count() > 0 ? clock_.UnixMillis() - limits_.max_age.count() : INT64_MIN;
}

absl::Status DeadLetterStore::SetLimits(DeadLetterLimits limits) {
  {
    MutexLock lock(mutex_);
    limits_ = limits;
  }
  if (absl::Status status = Put({}); !status.ok()) return status;
  return Expire();
}

absl::Status DeadLetterStore::Expire() {
  Evicted evicted;
  absl::Status status;
  uint64_t removed = kChunk;
  while (status.ok() && removed == kChunk) {
    removed = 0;
    MutexLock lock(mutex_);
    const int64_t before = TooOld();
    if (before == INT64_MIN) break;
    status = tables_->Transact([&]() -> absl::Status {
      mutex_.AssertHeld();
      const absl::StatusOr<uint64_t> chunk = tables_->DeleteDiedBefore(before, kChunk);
      if (chunk.ok()) removed = *chunk;
      return chunk.status();
    });
    if (status.ok()) evicted.over_age += removed;
  }
  Tell(evicted);
  if (!status.ok()) return status;
  MutexLock lock(mutex_);
  return tables_->GiveBackRoom();
}

void DeadLetterStore::Tell(const Evicted& evicted) {
  const uint64_t all = evicted.over_messages + evicted.over_bytes + evicted.over_age;
  if (all == 0) return;
  over_messages_.Add(evicted.over_messages);
  over_bytes_.Add(evicted.over_bytes);
  over_age_.Add(evicted.over_age);
  if (!log_limit_.Admit("dead letters let go", "")) return;
  log::Warning("dead letters let go: the oldest, over a bound of deadLetters",
               {{"over_max_messages", evicted.over_messages},
                {"over_max_bytes", evicted.over_bytes},
                {"over_max_age", evicted.over_age}});
}

absl::StatusOr<std::vector<KeptLetter>> DeadLetterStore::List(const LetterFilter& filter, Position after,
                                                              Page page) const {
  MutexLock lock(mutex_);
  return tables_->List(filter, after, page);
}

absl::StatusOr<KeptLetter> DeadLetterStore::Get(MessageId id) const {
  MutexLock lock(mutex_);
  return tables_->Get(id);
}

absl::StatusOr<uint64_t> DeadLetterStore::Count(const LetterFilter& filter) const {
  MutexLock lock(mutex_);
  return tables_->Count(filter);
}

absl::StatusOr<uint64_t> DeadLetterStore::Remove(std::span<const int64_t> numbers) {
  MutexLock lock(mutex_);
  uint64_t removed = 0;
  absl::Status status = tables_->Transact([&]() -> absl::Status {
    mutex_.AssertHeld();
    const absl::StatusOr<uint64_t> gone = tables_->Delete(numbers);
    if (gone.ok()) removed = *gone;
    return gone.status();
  });
  if (!status.ok()) return status;
  return removed;
}

absl::StatusOr<uint64_t> DeadLetterStore::RemoveMatching(const LetterFilter& filter) {
  const absl::StatusOr<int64_t> last = LastNumber();
  if (!last.ok()) return last.status();
  uint64_t all = 0;
  for (uint64_t removed = kChunk; removed == kChunk; all += removed) {
    // Others have their turn between the chunks.
    MutexLock lock(mutex_);
    absl::Status status = tables_->Transact([&]() -> absl::Status {
      mutex_.AssertHeld();
      const absl::StatusOr<uint64_t> chunk = tables_->DeleteMatching(filter, *last, kChunk);
      removed = chunk.ok() ? *chunk : 0;
      return chunk.status();
    });
    if (status.ok()) status = tables_->GiveBackRoom();
    if (!status.ok()) return status;
  }
  return all;
}

absl::StatusOr<int64_t> DeadLetterStore::LastNumber() const {
  MutexLock lock(mutex_);
  return tables_->LastNumber();
}

DeadLetterStore::Totals DeadLetterStore::totals() const {
  MutexLock lock(mutex_);
  return tables_->totals();
}

}  // namespace sluice
