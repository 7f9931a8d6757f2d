#include "server/rpc/protocol/output.h"

#include <algorithm>
#include <utility>

namespace sluice::rpc {
namespace {

// Below it, what was sent stays at the front rather than that the rest is moved.
constexpr size_t kCompactBytes = 64u << 10;
constexpr size_t kCompactParts = 256;
constexpr size_t kKeptCapacity = 512u << 10;  // More goes back when all was sent.

}  // namespace

void Output::Copy(std::string_view bytes) {
  if (bytes.empty()) return;
  copied_.append(bytes);
  size_ += bytes.size();
  if (!parts_.empty() && parts_.back().referred == nullptr) {
    parts_.back().size += bytes.size();
  } else {
    parts_.push_back({.referred = nullptr, .size = bytes.size()});
  }
}

void Output::Refer(std::string_view bytes) {
  if (bytes.empty()) return;
  parts_.push_back({.referred = bytes.data(), .size = bytes.size()});
  size_ += bytes.size();
}

void Output::Keep(Payload payload) {
  if (size_ > 0) kept_.push_back({.payload = std::move(payload), .until = sent_ + size_});
}

size_t Output::Front(std::vector<std::string_view>& pieces, size_t max_pieces) const {
  pieces.clear();
  size_t copied = copied_sent_;
  for (size_t i = first_part_; i < parts_.size() && pieces.size() < max_pieces; ++i) {
    const Part& part = parts_[i];
    if (part.referred != nullptr) {
      pieces.emplace_back(part.referred, part.size);
    } else {
      pieces.emplace_back(copied_.data() + copied, part.size);
      copied += part.size;
    }
  }
  return pieces.size();
}

void Output::Sent(size_t bytes) {
  size_ -= bytes;
  sent_ += bytes;
  while (bytes > 0) {
    Part& part = parts_[first_part_];
    const size_t taken = std::min(bytes, part.size);
    if (part.referred != nullptr) {
      part.referred += taken;
    } else {
      copied_sent_ += taken;
    }
    part.size -= taken;
    bytes -= taken;
    if (part.size == 0) ++first_part_;
  }
  if (first_part_ == parts_.size()) {
    parts_.clear();
    first_part_ = 0;
  } else if (first_part_ >= kCompactParts && first_part_ >= parts_.size() / 2) {
    parts_.erase(parts_.begin(), parts_.begin() + static_cast<ptrdiff_t>(first_part_));
    first_part_ = 0;
  }
  while (!kept_.empty() && kept_.front().until <= sent_) kept_.pop_front();
  if (copied_sent_ == copied_.size()) {
    copied_.clear();
    if (copied_.capacity() > kKeptCapacity) copied_.shrink_to_fit();
    copied_sent_ = 0;
  } else if (copied_sent_ >= kCompactBytes && copied_sent_ >= copied_.size() / 2) {
    copied_.erase(0, copied_sent_);
    copied_sent_ = 0;
  }
}

}  // namespace sluice::rpc
