#include "server/admin/replay.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice {
namespace {

constexpr size_t kBatchMessages = 100;
constexpr size_t kReplayBatchBytes = 8u << 20;

constexpr char kCancelled[] = "the call was cancelled";

void AddFailure(ReplayReport& report, MessageId id, const absl::Status& status) {
  ++report.failed;
  if (report.failures.size() == ReplayReport::kMostFailures) return;
  report.failures.push_back({.id = id.ToString(), .message = std::string(status.message())});
}

// Nothing else will fare better.
bool Stops(const absl::Status& status) { return absl::IsResourceExhausted(status) || absl::IsUnavailable(status); }

}  // namespace

absl::StatusOr<ReplayReport> Replay::ByIds(std::span<const MessageId> ids, const std::function<bool()>& cancelled) {
  MutexLock lock(mutex_);
  ReplayReport report;
  std::vector<KeptLetter> batch;
  size_t bytes = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    absl::StatusOr<KeptLetter> kept = store_.Get(ids[i]);
    if (kept.ok()) {
      bytes += kept->letter.bytes();
      batch.push_back(*std::move(kept));
    } else if (absl::IsNotFound(kept.status())) {
      AddFailure(report, ids[i], kept.status());
    } else {
      return kept.status();
    }
    if (i + 1 < ids.size() && batch.size() < kBatchMessages && bytes < kReplayBatchBytes) continue;
    if (cancelled()) {
      report.stopped = kCancelled;
      return report;
    }
    if (!ReplayBatch(std::exchange(batch, {}), report)) return report;
    bytes = 0;
  }
  return report;
}

absl::StatusOr<ReplayReport> Replay::Matching(const LetterFilter& filter, const std::function<bool()>& cancelled) {
  MutexLock lock(mutex_);
  const absl::StatusOr<int64_t> last = store_.LastNumber();
  if (!last.ok()) return last.status();
  ReplayReport report;
  DeadLetterStore::Position after;
  while (true) {
    if (cancelled()) {
      report.stopped = kCancelled;
      return report;
    }
    absl::StatusOr<std::vector<KeptLetter>> page =
        store_.List(filter, after, {.max_entries = kBatchMessages, .max_bytes = kReplayBatchBytes});
    if (!page.ok()) return page.status();
    if (page->empty()) return report;
    after = {.died_unix_ms = page->back().letter.died_unix_ms, .number = page->back().number};
    std::erase_if(*page, [&](const KeptLetter& kept) { return kept.number > *last; });
    if (!ReplayBatch(*std::move(page), report)) return report;
  }
}

bool Replay::ReplayBatch(std::vector<KeptLetter> letters, ReplayReport& report) {
  if (letters.empty()) return true;
  std::vector<MessageId> ids;
  std::vector<int64_t> numbers;
  std::vector<StoredLetter> batch;
  for (KeptLetter& kept : letters) {
    ids.push_back(kept.letter.id);
    numbers.push_back(kept.number);
    batch.push_back(std::move(kept.letter));
  }
  const std::vector<absl::Status> statuses = sink_.Replay(std::move(batch));
  std::vector<int64_t> gone;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (statuses[i].ok()) {
      gone.push_back(numbers[i]);
    } else if (Stops(statuses[i])) {
      report.stopped = std::string(statuses[i].message());
    } else {
      AddFailure(report, ids[i], statuses[i]);
    }
  }
  report.replayed += gone.size();
  if (const absl::StatusOr<uint64_t> removed = store_.Remove(gone); !removed.ok()) {
    report.stopped =
        absl::StrCat("the last ", gone.size(), " were replayed but could not be removed: ", removed.status().message());
  }
  return report.stopped.empty();
}

}  // namespace sluice
