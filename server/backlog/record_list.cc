#include "server/backlog/record_list.h"

#include <algorithm>

namespace sluice {
namespace {

constexpr size_t kChunkBytes = 4'096;

}  // namespace

void RecordList::PushBack(RecordId record) {
  if (chunks_.empty() || chunks_.back().size() >= kChunkBytes) {
    if (chunks_.empty()) first_ = last_;
    chunks_.emplace_back();
  }
  const auto difference = static_cast<int64_t>(record - last_);
  auto left = static_cast<uint64_t>(difference) << 1 ^ static_cast<uint64_t>(difference >> 63);
  std::string& bytes = chunks_.back();
  for (; left >= 0x80; left >>= 7) bytes.push_back(static_cast<char>(left | 0x80));
  bytes.push_back(static_cast<char>(left));
  last_ = record;
  ++size_;
}

RecordId RecordList::Next(const std::string& chunk, size_t& at, RecordId previous) {
  uint64_t number = 0;
  for (unsigned shift = 0;; shift += 7) {
    const auto byte = static_cast<uint8_t>(chunk[at++]);
    number |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return previous + (number >> 1 ^ -(number & 1));
}

std::vector<RecordId> RecordList::Front(size_t most) const {
  std::vector<RecordId> records;
  records.reserve(std::min(most, size_));
  size_t at = read_;
  RecordId previous = first_;
  for (const std::string& chunk : chunks_) {
    while (at < chunk.size() && records.size() < most) {
      previous = Next(chunk, at, previous);
      records.push_back(previous);
    }
    if (records.size() == most) break;
    at = 0;
  }
  return records;
}

void RecordList::PopFront(size_t count) {
  size_ -= count;
  for (; count > 0; --count) {
    first_ = Next(chunks_.front(), read_, first_);
    if (read_ == chunks_.front().size()) {
      chunks_.pop_front();
      read_ = 0;
    }
  }
}

}  // namespace sluice
