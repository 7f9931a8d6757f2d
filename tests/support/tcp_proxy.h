// A TCP connection's bad luck: stands between a client and a server on 127.0.0.1, and cuts.
#pragma once

#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "server/runtime/mutex.h"

namespace sluice {

// Thread-safe.
class TcpProxy {
 public:
  explicit TcpProxy(uint16_t server_port);
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  std::string uri() const { return "tcp://127.0.0.1:" + std::to_string(port_); }
  // Cuts every connection there is, to both sides: what is under way is lost. New ones pass.
  void Cut();

 private:
  void Accept();
  // Copies until either side ends.
  static void Pump(int from, int to);

  const uint16_t server_port_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::thread acceptor_;
  Mutex mutex_;
  std::vector<int> sockets_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> pumps_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
