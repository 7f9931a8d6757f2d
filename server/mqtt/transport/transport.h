// A connection's bytes, over TCP, TLS, WebSocket or both: tcp, ssl, ws, wss. For one attempt: a new connection is a new
// object.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "server/mqtt/options.h"
#include "server/net/event_loop.h"

namespace sluice {

// On the loop's thread only, except TryWrite(), or while that does not run. Must not outlive the loop. Every completion
// runs on the loop's thread, never within the call that asked for it; none runs after the object is destroyed, which
// closes at once.
class Transport {
 public:
  using Done = std::function<void(absl::Status)>;
  using ReadDone = std::function<void(absl::Status, size_t bytes)>;

  virtual ~Transport() = default;

  // Looks the name up, tries every address in turn, then the handshakes of TLS and WebSocket; all within the options'
  // connect_timeout. Errors name the cause and the remedy for people: "broker.example: no such host", "127.0.0.1:1883:
  // connection refused: nothing listens there", "the broker's certificate is not trusted: … (caFile)", "… is not for
  // the host name '…'". With several addresses: the last one's, and how many were tried.
  virtual void Open(Done done) = 0;
  // At least one byte, and what there is up to buffer.size() without waiting for more. `buffer` must stay until `done`.
  // One at a time. The end of the stream is UNAVAILABLE "closed by the broker". After an error, of Write too, all that
  // is left is to close or destroy.
  virtual void Read(std::span<char> buffer, ReadDone done) = 0;
  // All of `bytes`, which must stay until `done`. One at a time; may run beside a Read.
  virtual void Write(std::string_view bytes, Done done) = 0;
  // Writes what can be written without waiting, from any thread, and returns how much that was; 0 too where the
  // transport cannot do so (TLS, ws). Not while a Write is under way (the caller serialises, also against Close and
  // destruction). An error shows at the next Read or Write.
  virtual size_t TryWrite(std::string_view bytes) = 0;
  // Ends politely: TLS close_notify, WebSocket close, then the socket; `done` at the latest after `timeout`.
  // Outstanding operations complete with CANCELLED.
  virtual void Close(Millis timeout, Done done) = 0;
};

// Files of `options.tls` are read now. `options.uri` as in MqttOptions.
std::unique_ptr<Transport> MakeTransport(EventLoop& loop, const MqttOptions& options);

}  // namespace sluice
