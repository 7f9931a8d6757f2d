// What the parts of the process were about to do when it died, remembered over its kill: an item that is the end of
// the process wherever it is touched is found, and left out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/runtime/mutex.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// A small file that is mapped into memory, beside InHand, which has what workers hold. Each thread that takes items in
// hand has a mark in it, and sets it before it does and clears it after: two stores, for a whole batch. When a process
// has died with a mark set, the next one takes that part's items one at a time, and marks each by name. An item that
// was so marked when kMostDeaths processes in a row died is to be left out.
//
// Thread-safe, save that a mark is one thread's.
class CrashMarks {
 public:
  enum class Part : uint8_t {
    kIntake,       // Messages, until they stand in the journal.
    kReplies,      // Of an earlier process, until the broker has confirmed them.
    kDeadLetters,  // Until they stand in their database.
  };
  static constexpr size_t kParts = 3;
  static constexpr uint32_t kMostDeaths = 2;

  // Takes up what the last process left, and counts. One process at a time: the journal's lock is held.
  static absl::StatusOr<std::unique_ptr<CrashMarks>> Open(const std::string& path);
  ~CrashMarks();
  CrashMarks(const CrashMarks&) = delete;
  CrashMarks& operator=(const CrashMarks&) = delete;

  // The last process died with something of this part in hand.
  bool careful(Part part) const { return careful_[static_cast<size_t>(part)]; }
  // So many processes in a row have died with this very item in hand.
  uint32_t Deaths(Part part, uint64_t item) const;
  // Nothing happened to it this time.
  void Survived(Part part, uint64_t item);

  // See CrashMark.
  uint64_t* NewPlace(Part part);

  // Whatever follows is no item's doing.
  void Pardon();
  // The process ends as it should: only what is left out stays known, where it comes again.
  void EndWell();

 private:
  struct File;
  struct Count;
  explicit CrashMarks(File* file) : file_(file) {}
  void TakeUp();
  Count* Find(Part part, uint64_t item, bool make) const;

  File* const file_;
  std::array<bool, kParts> careful_{};
  mutable Mutex mutex_;
  size_t places_ ABSL_GUARDED_BY(mutex_) = 0;
};

// A thread's mark. Without a file it does nothing, and is never careful.
class CrashMark {
 public:
  using Part = CrashMarks::Part;

  // `marks` may be null, and outlives this.
  CrashMark(CrashMarks* marks, Part part);

  // The last process died over something of this part, and this one has not got past it yet.
  bool careful() const { return careful_left_ > 0; }
  // Kept in a file.
  bool kept() const { return place_ != nullptr; }
  // Several items are in hand.
  void Some();
  // This one alone is; see ItemOf().
  void One(uint64_t item);
  // What was in hand is done with.
  void None();
  uint32_t Deaths(uint64_t item) const { return marks_ == nullptr ? 0 : marks_->Deaths(part_, item); }

 private:
  void Store(uint64_t value);

  CrashMarks* marks_;
  const Part part_;
  uint64_t* place_ = nullptr;
  uint64_t item_ = 0;
  // So many are taken one at a time. What kills is among the first that come again.
  size_t careful_left_ = 0;
};

// Counts what is left out because processes died of it.
Counter& LeftOutAfterCrashes(MetricsRegistry& metrics, const char* part);

}  // namespace sluice
