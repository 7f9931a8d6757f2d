// What a Listener does on its loop.
#pragma once

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "server/net/accept_gate.h"
#include "server/net/listen_socket.h"
#include "server/net/listener.h"
#include "server/net/loop.h"
#include "server/net/tls_handshake.h"

namespace sluice {

// On the loop's thread, or while that does not run, but for state() and the constructor. Its outstanding operations
// keep it alive.
class Acceptor : public std::enable_shared_from_this<Acceptor> {
 public:
  // Connections that are let in, their handshakes done. It may be destroyed after the Listener.
  using Deliver = std::function<void(AcceptedSocket)>;

  Acceptor(EventLoop& loop, const ListenerOptions& options, std::shared_ptr<Refusals> refusals,
           std::shared_ptr<AcceptGate> gate, const Clock& clock, MetricsRegistry& metrics, Deliver deliver);

  void Start(std::vector<FileDescriptor> sockets);
  void Stop();
  absl::Status state() const;  // Thread-safe.

 private:
  using Descriptor = asio::posix::basic_stream_descriptor<Executor>;

  void WaitFor(size_t socket);
  // Accepts some; false: it rests, and waits for nothing.
  bool AcceptFrom(size_t socket);
  void Take(FileDescriptor fd, const sockaddr_storage& address);
  void Refuse(ConnectionTable::Verdict verdict, const FileDescriptor& fd, const sockaddr_storage& address);
  void BeginHandshake(AcceptedSocket accepted);
  // Stops accepting until a time, or until somebody calls GoOn().
  void RestUntil(SteadyTime when);
  void RestForDescriptors(int error);
  void GoOn();
  void SetState(const absl::Status& state);
  // As many spare descriptors as there should be, or can be.
  void KeepSpares();

  EventLoop& loop_;
  const AcceptLimits limits_;
  const std::shared_ptr<TlsServer> tls_;
  const std::shared_ptr<Refusals> refusals_;
  const std::shared_ptr<AcceptGate> gate_;
  const Clock& clock_;
  Counter& accepted_;
  Counter& waits_;
  Gauge& accepting_;
  Deliver deliver_;

  std::vector<std::unique_ptr<Descriptor>> sockets_;
  const size_t wanted_spares_;
  std::vector<FileDescriptor> spares_;
  Timer timer_;
  bool resting_ = false;
  bool stopped_ = false;
  std::set<std::shared_ptr<TlsHandshake>> handshakes_;

  mutable Mutex mutex_;
  absl::Status state_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
