#include "server/net/listener.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "server/net/acceptor.h"
#include "server/net/descriptor_limit.h"
#include "server/net/tls_server.h"

namespace sluice {
namespace {

// Runs `task` on `loop`'s thread, which is another one, and waits for it; here if that runs no more.
void RunOn(EventLoop& loop, const std::function<void()>& task) {
  struct Done {
    Mutex mutex;
    CondVar changed;
    bool gone ABSL_GUARDED_BY(mutex) = false;
    bool ran ABSL_GUARDED_BY(mutex) = false;
  };
  // Destroyed after it has run, and also when the loop drops it.
  struct Ticket {
    explicit Ticket(std::shared_ptr<Done> d) : done(std::move(d)) {}
    ~Ticket() {
      MutexLock lock(done->mutex);
      done->gone = true;
      done->changed.NotifyAll();
    }
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    const std::shared_ptr<Done> done;
  };
  auto done = std::make_shared<Done>();
  {
    auto ticket = std::make_shared<Ticket>(done);
    loop.Post([ticket = std::move(ticket), &task] {
      task();
      MutexLock lock(ticket->done->mutex);
      ticket->done->ran = true;
    });
  }
  bool ran = false;
  {
    MutexLock lock(done->mutex);
    while (!done->gone) done->changed.Wait(done->mutex);
    ran = done->ran;
  }
  if (!ran) task();
}

// Where connections go once they are let in. Outlives the Listener in tasks that loops have yet to run.
struct Serving {
  Listener::Accepted accepted;  // Constant once it serves.
  Mutex mutex;                  // Held while `accepted` runs.
  bool stopped ABSL_GUARDED_BY(mutex) = false;

  void Serve(EventLoop& loop, AcceptedSocket socket) {
    std::unique_ptr<Channel> channel = MakeSocketChannel(loop, std::move(socket));
    if (channel == nullptr) return;
    MutexLock lock(mutex);
    if (!stopped) accepted(std::move(channel));
  }
};

class SocketListener final : public Listener {
 public:
  SocketListener(ListenerOptions options, ListenSockets sockets, const Clock& clock, MetricsRegistry& metrics)
      : options_(std::move(options)),
        sockets_(std::move(sockets)),
        clock_(clock),
        metrics_(metrics),
        open_(metrics.GetGauge("sluice_connections", "Connections that are open, those in their handshake included.",
                               {{"listener", options_.name}})) {}
  ~SocketListener() override { Stop(); }
  SocketListener(const SocketListener&) = delete;
  SocketListener& operator=(const SocketListener&) = delete;

  const std::string& address() const override { return sockets_.address; }
  int port() const override { return sockets_.port; }

  void Start(EventLoop& loop, std::vector<EventLoop*> serving, Accepted accepted) override {
    if (serving.empty()) serving.push_back(&loop);
    serving_->accepted = std::move(accepted);
    loop_ = &loop;
    acceptor_ = std::make_shared<Acceptor>(
        loop, options_, options_.refusals, std::make_shared<AcceptGate>(options_.limits, open_), clock_, metrics_,
        [&loop, serving = std::move(serving), to = serving_, next = size_t{0}](AcceptedSocket socket) mutable {
          EventLoop& its = *serving[next++ % serving.size()];
          if (&its == &loop) return to->Serve(its, std::move(socket));
          its.Post([to, &its, moved = std::make_shared<AcceptedSocket>(std::move(socket))] {
            to->Serve(its, std::move(*moved));
          });
        });
    // A vector cannot be moved through std::function.
    auto listening = std::make_shared<std::vector<FileDescriptor>>(std::move(sockets_.sockets));
    loop.Post([acceptor = acceptor_, listening] { acceptor->Start(std::move(*listening)); });
  }

  void Stop() override {
    if (acceptor_ != nullptr) {
      RunOn(*loop_, [this] { acceptor_->Stop(); });
      MutexLock lock(serving_->mutex);
      serving_->stopped = true;
    }
    if (stopped_) return;
    stopped_ = true;
    sockets_.sockets.clear();
    // While the claim is still ours: nobody else has a socket there.
    if (IsUnixAddress(sockets_.address)) unlink(UnixPath(sockets_.address).c_str());
    sockets_.claim = SocketClaim();
  }

  absl::Status state() const override { return acceptor_ == nullptr ? absl::OkStatus() : acceptor_->state(); }

  void Probe(std::function<void(absl::Status)> answer) override {
    loop_->Post([acceptor = acceptor_, answer = std::move(answer)] { answer(acceptor->state()); });
  }

 private:
  const ListenerOptions options_;
  ListenSockets sockets_;
  const Clock& clock_;
  MetricsRegistry& metrics_;
  Gauge& open_;
  const std::shared_ptr<Serving> serving_ = std::make_shared<Serving>();
  // Constant after Start().
  EventLoop* loop_ = nullptr;
  std::shared_ptr<Acceptor> acceptor_;
  bool stopped_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Bind(ListenerOptions options, const Clock& clock,
                                                         MetricsRegistry& metrics) {
  absl::StatusOr<ListenSockets> sockets = ListenOn(options.listen, options.socket_mode);
  if (!sockets.ok()) return sockets.status();
  if (options.refusals == nullptr) {
    options.refusals =
        std::make_shared<Refusals>(options.name, std::initializer_list<std::string_view>{}, clock, metrics);
  }
  options.refusals->AddReasons({"connections", "per_address", "handshake_rate", "descriptors"});
  if (options.tls != nullptr) {
    options.refusals->AddReasons({"handshake_timeout", "tls_version", "tls_cipher", "tls_protocol", "tls_not_tls",
                                  "tls_no_certificate", "tls_certificate", "tls_certificate_authority",
                                  "tls_certificate_crl", "tls_certificate_expired", "tls_certificate_not_yet_valid",
                                  "tls_certificate_revoked", "tls_refused", "tls_closed", "tls_other"});
  }
  const size_t most = DescriptorsForConnections(DescriptorLimit());
  if (options.limits.connections == 0 || options.limits.connections > most) options.limits.connections = most;
  return std::make_unique<SocketListener>(std::move(options), *std::move(sockets), clock, metrics);
}

}  // namespace sluice
