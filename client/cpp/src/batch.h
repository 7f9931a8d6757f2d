// The deliveries of one frame on their way through the handlers.
#pragma once

#include <grpcpp/support/slice.h>

#include <atomic>
#include <memory>
#include <vector>

#include "client/cpp/src/lease_keeper.h"
#include "sluice/message.h"

namespace sluice::client {

class Stream;

// Shared by the handler threads that work on it, each of which claims one message at a time.
struct Batch : HeldGroup {
  grpc::Slice frame;  // Owns the bytes that `messages` view. Stays where it is: short slices hold their bytes inline.
  std::vector<Message> messages;
  std::shared_ptr<Stream> stream;  // Takes the settles.
  std::atomic<size_t> next = 0;    // The first message that nobody has claimed; may pass the end.
  std::atomic<size_t> left = 0;    // Not yet finished.
};

}  // namespace sluice::client
