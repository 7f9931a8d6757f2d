#include "server/journal/in_hand.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <type_traits>

#include "server/journal/mapped_file.h"

namespace sluice {
namespace {

constexpr uint64_t kMagic = 0x31646e6148636c53;  // "SlcHand1" on a little-endian machine; others start anew.

// In a place, beside the record.
constexpr uint64_t kBegunBit = uint64_t{1} << 63;
constexpr uint64_t kAloneBit = uint64_t{1} << 62;
constexpr uint64_t kRecordBits = kAloneBit - 1;

// In File::reading, for more than one.
constexpr uint64_t kSome = UINT64_MAX;

enum State : uint64_t { kWell, kRunning, kPardoned };

// Stays in its order for whoever reads the file after a kill, and is not left out by the compiler.
void Store(uint64_t& to, uint64_t value) { std::atomic_ref(to).store(value, std::memory_order_release); }
uint64_t Load(uint64_t& from) { return std::atomic_ref(from).load(std::memory_order_acquire); }

void Increment(uint16_t& count) {
  if (count < UINT16_MAX) ++count;
}

}  // namespace

struct InHand::Count {
  uint64_t record = 0;  // 0: free.
  uint16_t crashes = 0;
  uint16_t uncounted = 0;
  uint16_t reads = 0;
  uint16_t alone = 0;
};

struct InHand::File {
  uint64_t magic = 0;
  uint64_t state = 0;
  uint64_t reading = 0;  // A record, kSome, or 0.
  std::array<uint64_t, 5> unused{};
  std::array<uint64_t, kMost> places{};
  std::array<Count, kMost> counts{};
};

absl::StatusOr<std::unique_ptr<InHand>> InHand::Open(const std::string& path) {
  static_assert(std::is_trivially_copyable_v<File>);
  const absl::StatusOr<void*> mapped = MapFile(path, sizeof(File));
  if (!mapped.ok()) return mapped.status();
  auto in_hand = std::unique_ptr<InHand>(new InHand(static_cast<File*>(*mapped)));
  in_hand->TakeUp();
  return in_hand;
}

InHand::InHand(File* file) : file_(file), asked_(kMost) {
  free_.reserve(kMost);
  for (Place place = kMost; place-- > 0;) free_.push_back(place);
}

InHand::~InHand() { munmap(file_, sizeof(File)); }

void InHand::TakeUp() {
  if (file_->magic != kMagic) {
    *file_ = File();
    file_->magic = kMagic;
  }
  crashed_ = file_->state == kRunning;
  ended_well_ = file_->state == kWell;
  for (size_t i = 0; i < kMost; ++i) {
    Count& count = file_->counts[i];
    count.alone = 0;
    if (file_->state == kWell) count.crashes = count.uncounted = 0;
    if (count.crashes == 0 && count.reads == 0) count.record = 0;
    if (count.record != 0) {
      counts_.emplace(count.record, i);
    } else {
      free_counts_.push_back(i);
    }
  }
  for (uint64_t& place : file_->places) {
    if (place == 0) continue;
    ++found_;
    if (Count* count = crashed_ ? CountOf(place & kRecordBits) : nullptr; count != nullptr) {
      Increment(count->crashes);
      count->alone = (place & kAloneBit) != 0 ? 1 : 0;
      if ((place & (kBegunBit | kAloneBit)) != 0) Increment(count->uncounted);
    }
    Store(place, 0);
  }
  read_carefully_ = crashed_ && file_->reading != 0;
  if (read_carefully_ && file_->reading != kSome) {
    if (Count* count = CountOf(file_->reading); count != nullptr) Increment(count->reads);
  }
  Store(file_->reading, 0);
  Store(file_->state, kRunning);
}

InHand::Count* InHand::CountOf(RecordId record) {
  if (const auto known = counts_.find(record); known != counts_.end()) return &file_->counts[known->second];
  if (free_counts_.empty()) return nullptr;
  const size_t at = free_counts_.back();
  free_counts_.pop_back();
  file_->counts[at] = {.record = record};
  counts_.emplace(record, at);
  return &file_->counts[at];
}

InHand::Past InHand::Find(RecordId record) const {
  const auto known = counts_.find(record);
  if (known == counts_.end()) return {};
  asked_[known->second] = true;
  const Count& count = file_->counts[known->second];
  return {.crashes = count.crashes, .uncounted = count.uncounted, .reads = count.reads, .alone = count.alone != 0};
}

void InHand::ReadingSome() { Store(file_->reading, kSome); }

void InHand::Reading(RecordId record) { Store(file_->reading, record); }

void InHand::ReadingDone() { Store(file_->reading, 0); }

void InHand::Counted(RecordId record) {
  if (const auto known = counts_.find(record); known != counts_.end()) file_->counts[known->second].uncounted = 0;
}

void InHand::Suspect(RecordId record) {
  MutexLock lock(mutex_);
  suspects_.insert(record);
  any_suspects_.store(true, std::memory_order_release);
}

bool InHand::Suspected(RecordId record) const {
  if (!any_suspects_.load(std::memory_order_acquire)) return false;
  MutexLock lock(mutex_);
  return suspects_.contains(record);
}

void InHand::ForgetOthers() {
  absl::erase_if(counts_, [this](const auto& entry) {
    if (asked_[entry.second]) return false;
    file_->counts[entry.second] = {};
    free_counts_.push_back(entry.second);
    return true;
  });
}

InHand::Place InHand::Take(RecordId record, bool begun, bool alone) {
  if (free_.empty()) return kNowhere;
  const Place place = free_.back();
  free_.pop_back();
  Store(file_->places[place], record | (begun ? kBegunBit : 0) | (alone ? kAloneBit : 0));
  return place;
}

void InHand::Begun(Place place) {
  if (place != kNowhere) Store(file_->places[place], file_->places[place] | kBegunBit);
}

void InHand::Drop(Place place) {
  if (place == kNowhere) return;
  Store(file_->places[place], 0);
  free_.push_back(place);
}

void InHand::Pardon() {
  if (Load(file_->state) == kRunning) Store(file_->state, kPardoned);
}

void InHand::EndWell() { Store(file_->state, kWell); }

}  // namespace sluice
