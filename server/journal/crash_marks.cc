#include "server/journal/crash_marks.h"

#include <sys/mman.h>

#include <atomic>
#include <type_traits>

#include "server/journal/mapped_file.h"

namespace sluice {
namespace {

constexpr uint64_t kMagic = 0x316b72614d636c53;  // "SlcMark1" on a little-endian machine; others start anew.
constexpr size_t kPlaces = 256;
constexpr size_t kCounts = 256;
constexpr uint64_t kSome = UINT64_MAX;
// By part.
constexpr std::array<size_t, CrashMarks::kParts> kCarefulItems = {10'000, 500, 1'000};

enum State : uint64_t { kWell, kRunning, kPardoned };

}  // namespace

struct CrashMarks::Count {
  uint64_t item = 0;  // 0: free.
  uint32_t part = 0;
  uint32_t deaths = 0;
};

struct CrashMarks::File {
  struct Place {
    uint64_t part = 0;
    uint64_t item = 0;  // kSome, or 0: none.
  };
  uint64_t magic = 0;
  uint64_t state = 0;
  std::array<Place, kPlaces> places{};
  std::array<Count, kCounts> counts{};
};

absl::StatusOr<std::unique_ptr<CrashMarks>> CrashMarks::Open(const std::string& path) {
  static_assert(std::is_trivially_copyable_v<File>);
  const absl::StatusOr<void*> mapped = MapFile(path, sizeof(File));
  if (!mapped.ok()) return mapped.status();
  auto marks = std::unique_ptr<CrashMarks>(new CrashMarks(static_cast<File*>(*mapped)));
  marks->TakeUp();
  return marks;
}

CrashMarks::~CrashMarks() { munmap(file_, sizeof(File)); }

void CrashMarks::TakeUp() {
  if (file_->magic != kMagic) {
    *file_ = File();
    file_->magic = kMagic;
  }
  const bool crashed = file_->state == kRunning;
  for (File::Place& place : file_->places) {
    if (crashed && place.item != 0 && place.part < kParts) {
      careful_[place.part] = true;
      Count* count = place.item == kSome ? nullptr : Find(static_cast<Part>(place.part), place.item, /*make=*/true);
      if (count != nullptr) ++count->deaths;
    }
    place = {};
  }
  file_->state = kRunning;
}

CrashMarks::Count* CrashMarks::Find(Part part, uint64_t item, bool make) const {
  Count* free = nullptr;
  for (Count& count : file_->counts) {
    if (count.item == item && count.part == static_cast<uint32_t>(part)) return &count;
    if (count.item == 0 && free == nullptr) free = &count;
  }
  if (!make || free == nullptr) return nullptr;
  *free = {.item = item, .part = static_cast<uint32_t>(part)};
  return free;
}

uint32_t CrashMarks::Deaths(Part part, uint64_t item) const {
  MutexLock lock(mutex_);
  const Count* count = Find(part, item, /*make=*/false);
  return count == nullptr ? 0 : count->deaths;
}

void CrashMarks::Survived(Part part, uint64_t item) {
  MutexLock lock(mutex_);
  if (Count* count = Find(part, item, /*make=*/false); count != nullptr) *count = {};
}

uint64_t* CrashMarks::NewPlace(Part part) {
  MutexLock lock(mutex_);
  if (places_ == kPlaces) return nullptr;
  File::Place& place = file_->places[places_++];
  place.part = static_cast<uint64_t>(part);
  return &place.item;
}

void CrashMarks::Pardon() {
  if (file_->state == kRunning) file_->state = kPardoned;
}

void CrashMarks::EndWell() {
  MutexLock lock(mutex_);
  for (Count& count : file_->counts) {
    const bool comes_again = count.part != static_cast<uint32_t>(Part::kIntake);
    if (!comes_again || count.deaths < kMostDeaths) count = {};
  }
  file_->state = kWell;
}

CrashMark::CrashMark(CrashMarks* marks, Part part)
    : marks_(marks), part_(part), place_(marks == nullptr ? nullptr : marks->NewPlace(part)) {
  if (marks_ != nullptr && marks_->careful(part)) careful_left_ = kCarefulItems[static_cast<size_t>(part)];
}

// Stays in its order for whoever reads the file after a kill, and is not left out by the compiler.
void CrashMark::Store(uint64_t value) {
  if (place_ != nullptr) std::atomic_ref(*place_).store(value, std::memory_order_release);
}

void CrashMark::Some() {
  item_ = 0;
  Store(kSome);
}

void CrashMark::One(uint64_t item) {
  item_ = item;
  Store(item);
}

void CrashMark::None() {
  Store(0);
  if (marks_ == nullptr || item_ == 0) return;
  if (careful_left_ > 0) --careful_left_;
  marks_->Survived(part_, item_);
  item_ = 0;
}

Counter& LeftOutAfterCrashes(MetricsRegistry& metrics, const char* part) {
  return metrics.GetCounter("sluice_left_out_after_crashes_total",
                            "What was in hand when the gateway was killed or crashed again and again, and is left out "
                            "since: a message to be taken in, or a reply or a dead letter that the journal holds.",
                            {{"part", part}});
}

}  // namespace sluice
