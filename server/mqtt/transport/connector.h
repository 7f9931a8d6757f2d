// From a host's name to a connected socket.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/mqtt/transport/endpoint.h"
#include "server/net/loop.h"

namespace sluice {

// Looks the host's name up and tries its addresses one after the other, until one answers. Each gets an equal share of
// the time that is left, so that a first one that swallows everything does not take it from the others. On the loop's
// thread only. Its outstanding operations keep it alive.
class Connector : public std::enable_shared_from_this<Connector> {
 public:
  using Done = std::function<void(absl::StatusOr<Socket>)>;

  Connector(EventLoop& loop, const Endpoint& endpoint);

  // Once. `done` never runs within, and by `deadline` at the latest.
  void Start(SteadyTime deadline, Done done);
  // `done` does not run any more.
  void Cancel();

 private:
  using Resolver = asio::ip::basic_resolver<asio::ip::tcp, Executor>;

  void Resolve();
  void OnResolved(const error_code& error, const Resolver::results_type& found);
  void TryNext();
  void OnConnected(const error_code& error);
  void Finish(absl::StatusOr<Socket> result);
  // "HOST:PORT" of the address that is being tried, with the name it belongs to.
  std::string Where() const;

  const std::string host_;
  const uint16_t port_;
  EventLoop& loop_;
  Resolver resolver_;
  Socket socket_;
  Timer timer_;
  SteadyTime deadline_;
  Done done_;
  std::vector<asio::ip::tcp::endpoint> addresses_;
  size_t tried_ = 0;        // Of addresses_.
  bool timed_out_ = false;  // The address that is being tried.
};

}  // namespace sluice
