// The protocols between MQTT's bytes and a connected socket, as a Connection drives them.
#pragma once

#include <boost/asio/buffer.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "server/net/loop.h"

namespace sluice {

class Connection;
class TlsClient;
struct Endpoint;

// Handler of a read or write: a method of the Connection, which it keeps alive, and so the stream. A concrete type, so
// that it passes through virtual functions and Asio can keep it in memory that it has used before.
struct IoDone {
  std::shared_ptr<Connection> connection;
  void (Connection::*method)(const error_code& error, size_t bytes);

  void operator()(const error_code& error, size_t bytes) const { ((*connection).*method)(error, bytes); }
};

// On the loop's thread only. Completions never run within the call. What a completion holds keeps the stream alive.
class ByteStream {
 public:
  virtual ~ByteStream() = default;

  virtual Socket& socket() = 0;
  // The buffers of ReadSome and WriteSome are left alone once the socket's operations are cancelled. Else they must
  // stay until the operation's own end.
  virtual bool in_place() const = 0;
  // "TLS handshake": what Handshake() waits for at the moment, when that is the peer.
  virtual std::string_view waiting_for() const = 0;

  // After TCP's own.
  virtual void Handshake(std::function<void(absl::Status)> done) = 0;
  // May bring nothing without an error.
  virtual void ReadSome(asio::mutable_buffer buffer, IoDone done) = 0;
  virtual void WriteSome(asio::const_buffer buffer, IoDone done) = 0;
  // Says good-bye in the protocols above TCP. No write is under way; a read may be. No time limit.
  virtual void Goodbye(std::function<void()> done) = 0;
  // An error of ReadSome or WriteSome for people. `heard`: the broker has sent something since the handshake.
  virtual absl::Status Explain(const error_code& error, bool heard) const = 0;
};

using StreamFactory = std::function<std::unique_ptr<ByteStream>(Socket)>;

StreamFactory PlainStreams();
StreamFactory TlsStreams(std::shared_ptr<TlsClient> tls);
// Over TLS unless `tls` is null.
StreamFactory WebSocketStreams(const Endpoint& endpoint, std::shared_ptr<TlsClient> tls);

}  // namespace sluice
