// The null broker's loop: one thread, one epoll set, one read and one write per client and turn.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include "absl/status/status.h"
#include "bench/null_broker/load_source.h"
#include "bench/null_broker/session.h"
#include "bench/socket.h"

namespace sluice::bench {

struct BrokerOptions {
  uint16_t port = 0;       // 0: a free one.
  uint16_t window = 1000;  // Unacknowledged publishes of QoS 1 and 2, each way; announced as Receive Maximum.
  // The load begins when all subscribers are there, and not before this file descriptor brought a byte or its end.
  int start_fd = -1;  // -1: at once.
  int stop_fd = -1;   // Readable: the load ends at once. -1: never.
  LoadOptions load;
};

class NullBroker {
 public:
  explicit NullBroker(BrokerOptions options) : options_(std::move(options)), load_(options_.load) {}
  NullBroker(const NullBroker&) = delete;
  NullBroker& operator=(const NullBroker&) = delete;

  absl::Status Listen();
  uint16_t port() const { return port_; }
  // Serves until the load is done, then closes all connections. Prints the events of SteadyRun, and "ready" when the
  // load could begin.
  absl::Status Run();
  JsonObject Result() const;

 private:
  struct Client {
    Client(Fd socket, uint16_t window, SessionListener& listener) : fd(std::move(socket)), session(window, listener) {}
    Fd fd;
    Session session;
    ReadBuffer in;
    bool wants_write = false;  // Registered for EPOLLOUT.
  };

  absl::Status Watch(int fd, uint32_t events, int operation) const;
  void Accept();
  // False: the client is gone.
  bool Read(Client& client);
  void FlushAll();
  void Close(Client& client);
  void MaybeStart(int64_t now);

  const BrokerOptions options_;
  LoadSource load_;
  Fd listener_;
  Fd epoll_;
  uint16_t port_ = 0;
  bool may_start_ = false;
  bool told_ready_ = false;
  std::unordered_map<int, std::unique_ptr<Client>> clients_;  // By file descriptor.
  uint64_t accepted_ = 0;
  uint64_t protocol_errors_ = 0;
};

}  // namespace sluice::bench
