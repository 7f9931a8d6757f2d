// An accepted connection on its way through the TLS handshake.
#pragma once

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "server/net/loop.h"
#include "server/net/refusals.h"
#include "server/net/socket_channel.h"

namespace sluice {

// On the loop's thread, or while that does not run. Its outstanding operations keep it alive.
class TlsHandshake : public std::enable_shared_from_this<TlsHandshake> {
 public:
  // `socket` once the handshake is done; nothing: it failed, which was counted. Never within Start().
  using Done = std::function<void(std::optional<AcceptedSocket> socket)>;

  // `socket.tls` is set. `refusals` outlives it.
  TlsHandshake(EventLoop& loop, AcceptedSocket socket, Refusals& refusals);

  void Start(Millis timeout, Done done);
  // `done` does not run any more, and the connection is closed.
  void Cancel();

 private:
  using Descriptor = asio::posix::basic_stream_descriptor<Executor>;

  void Wait();
  void GoOn();
  void OnTimeout(Millis timeout);
  void Finish(bool good);

  AcceptedSocket socket_;
  Refusals& refusals_;
  Descriptor descriptor_;
  Timer timer_;
  Done done_;
};

}  // namespace sluice
