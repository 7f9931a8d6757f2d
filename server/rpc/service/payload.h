// A message to send, as the pieces that go out one after the other.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/inlined_vector.h"

namespace sluice::rpc {

// Movable, not copyable: a message goes out once.
class Payload {
 public:
  Payload() = default;
  explicit Payload(std::string bytes) { Append(std::move(bytes)); }
  Payload(Payload&&) noexcept = default;
  Payload& operator=(Payload&&) noexcept = default;
  Payload(const Payload&) = delete;
  Payload& operator=(const Payload&) = delete;
  ~Payload() = default;

  void Append(std::string bytes) {
    if (bytes.empty()) return;
    size_ += bytes.size();
    pieces_.push_back({.owned = std::move(bytes), .shared = {}, .owner = nullptr});
  }
  // `bytes` are not copied; `owner` keeps them until they are sent or given up. It is let go on the call's loop. Pays
  // from about 4 KiB on.
  void AppendShared(std::string_view bytes, std::shared_ptr<const void> owner) {
    if (bytes.empty()) return;
    size_ += bytes.size();
    pieces_.push_back({.owned = {}, .shared = bytes, .owner = std::move(owner)});
  }

  size_t size() const { return size_; }  // In bytes; 0 is a message too.
  size_t pieces() const { return pieces_.size(); }
  // Valid while this object stays where it is.
  std::string_view piece(size_t i) const { return pieces_[i].owner == nullptr ? pieces_[i].owned : pieces_[i].shared; }
  // In one string, for tests and for whoever needs it so.
  std::string Flatten() const {
    std::string all;
    all.reserve(size_);
    for (size_t i = 0; i < pieces(); ++i) all.append(piece(i));
    return all;
  }

 private:
  struct Piece {
    std::string owned;
    std::string_view shared;  // With an owner.
    std::shared_ptr<const void> owner;
  };
  absl::InlinedVector<Piece, 1> pieces_;
  size_t size_ = 0;
};

}  // namespace sluice::rpc
