#include "server/rpc/protocol/message_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/rpc/protocol/gzip.h"

namespace sluice::rpc {

absl::StatusOr<std::optional<std::string>> MessageReader::Take(std::string_view& bytes) {
  if (have_prefix_ < kPrefix) {
    const size_t taken = std::min(kPrefix - have_prefix_, bytes.size());
    std::memcpy(prefix_.data() + have_prefix_, bytes.data(), taken);
    have_prefix_ += taken;
    bytes.remove_prefix(taken);
    if (have_prefix_ < kPrefix) return std::nullopt;
    if (absl::Status begun = BeginMessage(); !begun.ok()) return begun;
  }
  const std::string_view part = bytes.substr(0, length_ - message_.size());
  if (message_.size() + part.size() < length_) {
    if (part.empty()) return std::nullopt;
    if (!share_.Take(part.size())) {
      return absl::ResourceExhaustedError("too much is being received at once; try again");
    }
    charged_ += part.size();
    // Not the length that the client claims: it may never send it.
    if (message_.empty()) message_.reserve(std::min(length_, 2 * part.size()));
    message_.append(part);
    bytes.remove_prefix(part.size());
    return std::nullopt;
  }
  bytes.remove_prefix(part.size());
  std::string whole = std::exchange(message_, {});
  whole.append(part);
  share_.Return(std::exchange(charged_, 0));
  have_prefix_ = 0;
  absl::StatusOr<std::string> finished = Finish(std::move(whole));
  if (!finished.ok()) return finished.status();
  return *std::move(finished);
}

absl::Status MessageReader::BeginMessage() {
  length_ = size_t{prefix_[1]} << 24 | size_t{prefix_[2]} << 16 | size_t{prefix_[3]} << 8 | prefix_[4];
  if (prefix_[0] > 1) {
    return absl::InternalError(absl::StrCat("a message begins with the flag ", prefix_[0], "; 0 and 1 are known"));
  }
  if (prefix_[0] == 1 && packing_ == Packing::kNone) {
    return absl::InternalError("a message is marked as compressed, but grpc-encoding names no compression");
  }
  if (length_ > max_bytes_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a message of ", length_, " bytes; at most ", max_bytes_, " are allowed"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> MessageReader::Finish(std::string whole) const {
  if (prefix_[0] == 0) return whole;
  return Gunzip(whole, max_bytes_);
}

std::array<char, 5> MessagePrefix(size_t size) {
  return {0, static_cast<char>(size >> 24), static_cast<char>(size >> 16), static_cast<char>(size >> 8),
          static_cast<char>(size)};
}

}  // namespace sluice::rpc
