// One accepted connection after its handshake: a stream of bytes over TCP, a Unix socket or TLS.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/net/event_loop.h"
#include "server/net/peer.h"

namespace sluice {

// On its loop's thread only, or while that does not run. Must not outlive the loop. Every completion runs on the loop's
// thread, never within the call that asked for it; none runs after the object is destroyed. A completion may destroy
// the Channel. No call allocates once the connection is warm, but for TLS's own needs.
class Channel {
 public:
  // What there is, and how much; an error is the end.
  using ReadDone = std::function<void(absl::Status, size_t bytes)>;

  virtual ~Channel() = default;  // Closes at once. What the kernel has taken is still sent.

  virtual const Peer& peer() const = 0;
  virtual EventLoop& loop() = 0;

  // At least one byte, and what there is up to buffer.size() without waiting for more. `buffer` (not empty) must stay
  // until `done`, or until the Channel is destroyed. One at a time. The end of the stream is UNAVAILABLE "closed by the
  // peer"; after an error all that is left is to close or destroy.
  virtual void Read(std::span<char> buffer, ReadDone done) = 0;

  // Writes what can be written without waiting: `pieces` one after the other, as few system calls as can be. Returns
  // how many bytes were taken, which will be sent without further calls. Fewer than there are: call again after
  // WaitWritable(). An error: the connection is gone. A piece may be empty.
  virtual absl::StatusOr<size_t> TryWrite(std::span<const std::string_view> pieces) = 0;
  // `ready` runs once when TryWrite() would take something again, or fail. One at a time; may run beside a Read.
  virtual void WaitWritable(std::function<void()> ready) = 0;

  // Ends politely: sends what was taken, TLS close_notify, FIN; then reads and drops what comes until the peer closes
  // too, so that a reset does not overtake the last bytes. `done` when that is over, or after `timeout`; the connection
  // is closed then. Completions of Read and WaitWritable do not run any more. Once.
  virtual void Close(Millis timeout, std::function<void()> done) = 0;
};

}  // namespace sluice
