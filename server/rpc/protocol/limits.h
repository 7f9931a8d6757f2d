// What one connection may ask of the server, and for how long it may do nothing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "server/runtime/clock.h"

namespace sluice::rpc {

// So many at once, and then so many a second.
struct Rate {
  uint32_t burst = 0;
  uint32_t per_second = 0;
};

// A breach ends the connection with GOAWAY ENHANCE_YOUR_CALM, unless it says otherwise.
struct Limits {
  uint32_t streams = 100;  // Calls at once on a connection (SETTINGS_MAX_CONCURRENT_STREAMS).
  // Names and values of a call's headers, 32 bytes more for each (SETTINGS_MAX_HEADER_LIST_SIZE). One larger list ends
  // its call with RESOURCE_EXHAUSTED; one four times as large the connection.
  size_t header_list_bytes = 16u << 10;
  // Of one message, also after it was unpacked. A larger one ends its call with RESOURCE_EXHAUSTED, before it is kept.
  size_t message_bytes = 4u << 20;
  // Of messages that are not whole or not taken yet, over all calls of a connection; at least one message of the
  // largest size always fits. More ends the call that it came for with RESOURCE_EXHAUSTED.
  size_t receive_bytes = 64u << 20;
  // What a client may send ahead of what was taken: for one call, beside a large message whose begin was taken, and for
  // the connection.
  uint32_t stream_window = 256u << 10;
  uint32_t connection_window = 1u << 20;
  // Messages that were packed with gzip are accepted.
  bool gzip = false;
  // Kept for the socket of a client that does not read; then nothing more is read from it either.
  size_t output_bytes = 256u << 10;

  // Frames by kind. Pings come with data as gRPC's clients measure the network, and so do window updates: what is
  // counted are those in excess of the data.
  Rate pings{.burst = 20, .per_second = 1};
  Rate resets{.burst = 200, .per_second = 20};  // Of the client, and of the server for what was wrong in a stream.
  Rate settings{.burst = 20, .per_second = 1};
  Rate window_updates{.burst = 2'000, .per_second = 200};
  Rate priorities{.burst = 200, .per_second = 20};    // And frames of unknown types.
  Rate empty_frames{.burst = 100, .per_second = 10};  // DATA and CONTINUATION without bytes, that end nothing.

  // From the connection's begin until its preface and SETTINGS are there.
  Millis handshake_timeout{10'000};
  // From a frame's first byte until its last, and from a header block's first frame until its last.
  Millis frame_timeout{20'000};
  // From a message's first byte until its last, and a second more for each 64 KiB of it. The call ends with
  // DEADLINE_EXCEEDED.
  Millis message_timeout{60'000};
  // The socket takes nothing while there is something to send: the connection is closed.
  Millis write_timeout{20'000};
  // The client does not read what stands before the status: the call ends with UNAVAILABLE.
  Millis finish_timeout{30'000};
  // Nothing was received for `time`: PING. Nothing after it for `timeout`: the connection is closed. 0: none.
  Millis keepalive_time{30'000};
  Millis keepalive_timeout{10'000};
  // No call for so long: GOAWAY, and the end. 0: never.
  Millis idle_timeout{300'000};
};

}  // namespace sluice::rpc
