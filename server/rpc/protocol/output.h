// What a connection has to send: small parts copied together, large ones where they are.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "server/rpc/service/payload.h"

namespace sluice::rpc {

// Not thread-safe.
class Output {
 public:
  // Parts of at least this many bytes are not copied.
  static constexpr size_t kSharedBytes = 2'048;

  void Copy(std::string_view bytes);
  // `bytes` stay where they are until they were sent: their Payload is given to Keep() before that.
  void Refer(std::string_view bytes);
  // Holds a payload until all that is in here now was sent.
  void Keep(Payload payload);

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // At most `pieces.size()` pieces from the front, one after the other; returns how many. Valid until the next call
  // that changes something.
  size_t Front(std::vector<std::string_view>& pieces, size_t max_pieces) const;
  // `bytes` at the front were sent.
  void Sent(size_t bytes);

 private:
  struct Part {
    const char* referred;  // Null: copied, at the front of what is left of `copied_`.
    size_t size;
  };
  struct Kept {
    Payload payload;
    uint64_t until;  // Goes once so many bytes were sent in all.
  };

  std::string copied_;
  size_t copied_sent_ = 0;  // Of copied_, at its front.
  std::vector<Part> parts_;
  size_t first_part_ = 0;  // Those before it were sent.
  std::deque<Kept> kept_;
  size_t size_ = 0;
  uint64_t sent_ = 0;
};

}  // namespace sluice::rpc
