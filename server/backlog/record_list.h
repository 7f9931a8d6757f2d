// A queue of record ids that takes little room: what is known in memory of a message that waits on disk.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "server/route/route.h"

namespace sluice {

// First in, first out. Ids that grow by little, as a journal's do, take a byte or two each. Not thread-safe.
class RecordList {
 public:
  void PushBack(RecordId record);
  // The first `most` ids, in order.
  std::vector<RecordId> Front(size_t most) const;
  // `count` is at most size().
  void PopFront(size_t count);

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }

 private:
  // The id at `at`, which moves behind it.
  static RecordId Next(const std::string& chunk, size_t& at, RecordId previous);

  // Each id as its difference from the one before, a varint in zigzag.
  std::deque<std::string> chunks_;
  size_t read_ = 0;     // In chunks_.front().
  RecordId first_ = 0;  // The id before the one at `read_`.
  RecordId last_ = 0;   // The id that was pushed last.
  size_t size_ = 0;
};

}  // namespace sluice
