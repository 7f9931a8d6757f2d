// WorkerFrames off the wire. Decoded by hand: a frame of some megabytes can name a hundred million empty items, which
// protobuf would build before anybody can count them; and text that is not UTF-8 can be answered for one reply
// instead of ending the stream.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "server/worker/frame.h"

namespace sluice {

// Longest Settle.reason and Drain.reason kept, and longest worker and chain names of a Hello, in bytes.
inline constexpr size_t kMaxReasonBytes = 1'024;
inline constexpr size_t kMaxNameBytes = 256;
inline constexpr size_t kMaxSdkBytes = 128;
// A Hello, and so a worker's first frame.
inline constexpr size_t kMaxHelloBytes = 1u << 20;
inline constexpr size_t kMaxHelloChains = 1'000;
inline constexpr Millis kMaxRetryAfter{3'600'000};
// Settles, replies, extends, user properties and metadata entries of one frame together.
inline constexpr size_t kMaxFrameItems = 100'000;

// InvalidArgument: not a WorkerFrame, or one that breaks a rule of worker.proto as a whole; the message says which. A
// bad item does not fail the frame: a settle with an unknown outcome is left out and answered in `invalid`; a reply's
// topic and QoS are checked later (its topic may be no UTF-8 here; all other text is). Thread-safe.
absl::StatusOr<IncomingFrame> DecodeFrame(std::string_view bytes);

}  // namespace sluice
