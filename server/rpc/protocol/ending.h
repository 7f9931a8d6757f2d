// Why a connection ends.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::rpc {

enum class EndCause : uint8_t {
  kClosed,    // By the client, or the network.
  kShutdown,  // The server's wish: it stops, or the connection is old enough.
  kIdle,
  kPreface,   // No HTTP/2 client.
  kProtocol,  // HTTP/2's rules broken.
  kHandshakeTimeout,
  kFrameTimeout,
  kWriteTimeout,
  kKeepalive,
  kHeaderList,
  kPings,
  kResets,
  kSettings,
  kWindowUpdates,
  kPriorities,
  kEmptyFrames,
  kFlood,  // One of nghttp2's own limits.
};
inline constexpr size_t kEndCauses = 17;

// For a metric's label.
constexpr std::string_view EndCauseName(EndCause cause) {
  constexpr std::string_view kNames[kEndCauses] = {
      "closed",        "shutdown",       "idle",       "preface",      "protocol", "http2_handshake_timeout",
      "frame_timeout", "write_timeout",  "keepalive",  "header_list",  "pings",    "resets",
      "settings",      "window_updates", "priorities", "empty_frames", "flood"};
  return kNames[static_cast<size_t>(cause)];
}

// What is the client's doing and not the usual end of a connection.
constexpr bool IsRefusal(EndCause cause) { return cause >= EndCause::kPreface; }

struct Ending {
  EndCause cause = EndCause::kClosed;
  std::string text;  // For people, with the limit: "more than 20 PINGs, and 1 a second, without data".
};

}  // namespace sluice::rpc
