// A Channel over a socket, plain or with TLS.
#pragma once

#include <memory>

#include "server/net/channel.h"
#include "server/net/connection_slot.h"
#include "server/net/listen_socket.h"
#include "server/net/tls_session.h"

namespace sluice {

// What is left of a connection once it is accepted, and may move to another loop.
struct AcceptedSocket {
  // Destroyed from the last to the first: the place is free only when the descriptor is.
  ConnectionSlot slot;
  FileDescriptor fd;
  std::unique_ptr<TlsSession> tls;  // Null: plain.
  Peer peer;
};

// On `loop`'s thread. Null: the loop has no room for one more descriptor.
std::unique_ptr<Channel> MakeSocketChannel(EventLoop& loop, AcceptedSocket accepted);

}  // namespace sluice
