// What a Transport does, apart from its lifetime: kept alive by its outstanding operations until those have noticed
// that the Transport is gone.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/mqtt/transport/byte_stream.h"
#include "server/mqtt/transport/connector.h"
#include "server/mqtt/transport/endpoint.h"
#include "server/mqtt/transport/transport.h"

namespace sluice {

// Owned by the loop's thread, except for TryWrite().
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(EventLoop& loop, Millis connect_timeout);

  struct Plan {
    Endpoint endpoint;
    StreamFactory streams;
  };
  // As Transport's; `plan`'s error is its outcome.
  void Open(absl::StatusOr<Plan> plan, Transport::Done done);
  void Read(std::span<char> buffer, Transport::ReadDone done);
  void Write(std::string_view bytes, Transport::Done done);
  size_t TryWrite(std::string_view bytes);
  void Close(Millis timeout, Transport::Done done);
  // No completion runs any more, and no buffer is touched.
  void Abandon();

 private:
  void OnConnected(absl::StatusOr<Socket> socket);
  void FinishOpen(const absl::Status& status);
  void ReadNext();
  void OnRead(const error_code& error, size_t bytes);
  void WriteNext();
  void OnWritten(const error_code& error, size_t bytes);
  void CancelOutstanding();
  void SayGoodbye();
  void Drain();
  bool DrainNow();
  void FinishClose(const absl::Status& status);
  void CloseSocket();

  EventLoop& loop_;
  const Millis connect_timeout_;
  Timer timer_;  // Of the handshake, then of the good-bye.

  // Opening.
  Transport::Done open_done_;
  StreamFactory streams_;
  SteadyTime deadline_;
  std::string where_;  // HOST:PORT as configured.
  std::shared_ptr<Connector> connector_;

  // Open.
  std::unique_ptr<ByteStream> stream_;
  bool in_place_ = true;
  int direct_fd_ = -1;  // For TryWrite(), where the socket takes MQTT's bytes as they are.
  bool heard_ = false;  // Any byte yet.
  // A read or write has failed. No good-bye then: Asio's next write after one that failed may wait for ever.
  bool broken_ = false;
  Transport::ReadDone read_done_;
  std::span<char> read_buffer_;
  Transport::Done write_done_;
  std::string_view unwritten_;
  bool writing_ = false;  // A WriteSome is under way, wanted or not.
  // Stand in for the caller's buffers, which may be gone while TLS or WebSocket still works on them.
  std::vector<char> read_copy_;
  std::vector<char> write_copy_;

  // Closing.
  bool closing_ = false;
  Transport::Done close_done_;
};

}  // namespace sluice
