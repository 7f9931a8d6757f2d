// gRPC's framing of a stream's bytes into messages: a flag, four bytes of length, the message.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/rpc/protocol/budget.h"

namespace sluice::rpc {

// How a call's messages may be packed (grpc-encoding).
enum class Packing : uint8_t { kNone, kGzip };

class MessageReader {
 public:
  // `share` is charged for what is kept of a message until it is whole; outlives the reader.
  MessageReader(ReceiveShare& share, Packing packing, size_t max_bytes)
      : share_(share), packing_(packing), max_bytes_(max_bytes) {}
  ~MessageReader() { share_.Return(charged_); }
  MessageReader(const MessageReader&) = delete;
  MessageReader& operator=(const MessageReader&) = delete;

  // Takes bytes off the front of `bytes` until a message is whole, which it returns, or they are used up (none). After
  // an error it is of no use any more: RESOURCE_EXHAUSTED (too large, or too much is being received), INTERNAL (what
  // came is no message). A message's size is checked as soon as its length is known, and memory is taken only for what
  // has come.
  absl::StatusOr<std::optional<std::string>> Take(std::string_view& bytes);

  // Of messages that begin from now on.
  void set_max_bytes(size_t bytes) { max_bytes_ = bytes; }

  bool within_message() const { return have_prefix_ > 0; }
  // Of the message that is being received, as far as known; 0 with none.
  size_t length() const { return have_prefix_ == kPrefix ? length_ : 0; }

 private:
  static constexpr size_t kPrefix = 5;

  absl::Status BeginMessage();
  absl::StatusOr<std::string> Finish(std::string whole) const;

  ReceiveShare& share_;
  const Packing packing_;
  size_t max_bytes_;

  std::array<uint8_t, kPrefix> prefix_{};
  size_t have_prefix_ = 0;
  size_t length_ = 0;
  std::string message_;
  size_t charged_ = 0;
};

// The prefix of a message that is sent.
std::array<char, 5> MessagePrefix(size_t size);

}  // namespace sluice::rpc
