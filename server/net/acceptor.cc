#include "server/net/acceptor.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "server/net/descriptor_limit.h"
#include "server/net/tls_session.h"
#include "server/runtime/error_text.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

// Of one socket before others have their turn.
constexpr int kMostAtOnce = 32;
// How soon accept is tried again where the process had no descriptor left, and none of ours was closed meanwhile.
constexpr Millis kTryAgain{100};

}  // namespace

Acceptor::Acceptor(EventLoop& loop, const ListenerOptions& options, std::shared_ptr<Refusals> refusals,
                   std::shared_ptr<AcceptGate> gate, const Clock& clock, MetricsRegistry& metrics, Deliver deliver)
    : loop_(loop),
      limits_(options.limits),
      tls_(options.tls),
      refusals_(std::move(refusals)),
      gate_(std::move(gate)),
      clock_(clock),
      accepted_(metrics.GetCounter("sluice_connections_accepted_total", "Connections that a listener let in.",
                                   {{"listener", options.name}})),
      waits_(metrics.GetCounter("sluice_listener_handshake_waits_total",
                                "How often accept rested because connections came faster than handshakesPerSecond.",
                                {{"listener", options.name}})),
      accepting_(metrics.GetGauge("sluice_listener_accepting",
                                  "0 while a listener accepts nothing because the process has no file descriptor left.",
                                  {{"listener", options.name}})),
      deliver_(std::move(deliver)),
      wanted_spares_(options.spare_descriptors),
      timer_(loop) {
  KeepSpares();
}

void Acceptor::Start(std::vector<FileDescriptor> sockets) {
  if (stopped_) return;
  for (FileDescriptor& fd : sockets) {
    sockets_.push_back(std::make_unique<Descriptor>(loop_.impl().io.get_executor(), fd.Release()));
  }
  accepting_.Set(1);
  for (size_t i = 0; i < sockets_.size(); ++i) WaitFor(i);
}

void Acceptor::Stop() {
  stopped_ = true;
  timer_.Cancel();
  gate_->WhenFreed(nullptr);
  error_code ignored;
  for (const auto& socket : sockets_) socket->close(ignored);
  spares_.clear();
  for (const auto& handshake : std::exchange(handshakes_, {})) handshake->Cancel();
  deliver_ = nullptr;
  accepting_.Set(0);
}

void Acceptor::WaitFor(size_t socket) {
  sockets_[socket]->async_wait(Descriptor::wait_read, [self = shared_from_this(), socket](const error_code& error) {
    if (self->stopped_ || error || self->resting_) return;
    if (self->AcceptFrom(socket)) self->WaitFor(socket);
  });
}

bool Acceptor::AcceptFrom(size_t socket) {
  for (int i = 0; i < kMostAtOnce; ++i) {
    const SteadyTime now = clock_.Now();
    if (!gate_->Open(now)) {
      waits_.Add();
      RestUntil(gate_->NextAdmission());
      return false;
    }
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    FileDescriptor fd(accept4(sockets_[socket]->native_handle(), reinterpret_cast<sockaddr*>(&address), &size,
                              SOCK_CLOEXEC | SOCK_NONBLOCK));
    const int error = fd.valid() ? 0 : errno;
    if (error == EMFILE && !spares_.empty()) {
      spares_.pop_back();
      continue;
    }
    if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) {
      RestForDescriptors(error);
      return false;
    }
    SetState(absl::OkStatus());
    if (error == EAGAIN) {
      KeepSpares();
      return true;
    }
    // Others are a connection's own, which has gone before it was accepted.
    if (error == 0) Take(std::move(fd), address);
    if (stopped_) return false;
  }
  return true;
}

void Acceptor::Take(FileDescriptor fd, const sockaddr_storage& address) {
  AcceptGate::Admission admission = gate_->Admit(KeyOf(address), clock_.Now());
  if (admission.verdict != ConnectionTable::Verdict::kAdmitted) return Refuse(admission.verdict, fd, address);
  accepted_.Add();
  if (address.ss_family != AF_UNIX) {
    const int yes = 1;
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  }
  AcceptedSocket accepted{.slot = std::move(admission.slot), .fd = std::move(fd), .tls = nullptr, .peer = {}};
  accepted.peer = PeerOf(accepted.fd.get(), address);
  if (tls_ == nullptr) return deliver_(std::move(accepted));
  accepted.tls = std::make_unique<TlsSession>(tls_, accepted.fd.get());
  BeginHandshake(std::move(accepted));
}

void Acceptor::Refuse(ConnectionTable::Verdict verdict, const FileDescriptor& fd, const sockaddr_storage& address) {
  const std::string peer = PeerOf(fd.get(), address).text;
  switch (verdict) {
    case ConnectionTable::Verdict::kTooMany:
      return refusals_->Count("connections", peer,
                              text::Concat(limits_.connections, " connections are open (maxConnections)"));
    case ConnectionTable::Verdict::kPerAddress:
      return refusals_->Count("per_address", peer,
                              text::Concat(limits_.connections_per_address,
                                           " connections of this address are open (maxConnectionsPerAddress)"));
    case ConnectionTable::Verdict::kTooFast:
      return refusals_->Count("handshake_rate", peer,
                              text::Concat("more than ", limits_.handshakes_per_second_per_address,
                                           " connections a second of this address (handshakesPerSecondPerAddress)"));
    case ConnectionTable::Verdict::kLater:
    case ConnectionTable::Verdict::kAdmitted:
      break;
  }
}

void Acceptor::BeginHandshake(AcceptedSocket accepted) {
  auto handshake = std::make_shared<TlsHandshake>(loop_, std::move(accepted), *refusals_);
  handshakes_.insert(handshake);
  const std::weak_ptr<TlsHandshake> weak = handshake;
  handshake->Start(limits_.handshake_timeout, [self = shared_from_this(), weak](std::optional<AcceptedSocket> socket) {
    self->handshakes_.erase(weak.lock());
    if (socket && self->deliver_) self->deliver_(*std::move(socket));
  });
}

void Acceptor::RestUntil(SteadyTime when) {
  resting_ = true;
  timer_.Set(when, [this] { GoOn(); });
}

void Acceptor::RestForDescriptors(int error) {
  const bool of_process = error == EMFILE;
  const std::string why = of_process
                              ? text::Concat("the process has no file descriptors left (limit ", DescriptorLimit(), ")")
                              : text::Concat("the machine has no room for one more: ", ErrorText(error));
  SetState(absl::ResourceExhaustedError(text::Concat("accepts no connections: ", why)));
  refusals_->Count("descriptors", "", why);
  RestUntil(Clock::Real().Now() + kTryAgain);
  gate_->WhenFreed([weak = weak_from_this(), loop = &loop_] {
    if (weak.expired()) return;
    loop->Post([weak] {
      const std::shared_ptr<Acceptor> self = weak.lock();
      if (self != nullptr) self->GoOn();
    });
  });
}

void Acceptor::GoOn() {
  if (stopped_ || !resting_) return;
  resting_ = false;
  timer_.Cancel();
  for (size_t i = 0; i < sockets_.size() && !resting_; ++i) {
    if (AcceptFrom(i)) WaitFor(i);
  }
}

void Acceptor::KeepSpares() {
  while (spares_.size() < wanted_spares_) {
    FileDescriptor spare(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!spare.valid()) return;  // Another time: a connection that goes leaves one.
    spares_.push_back(std::move(spare));
  }
}

void Acceptor::SetState(const absl::Status& state) {
  accepting_.Set(state.ok() ? 1 : 0);
  MutexLock lock(mutex_);
  state_ = state;
}

absl::Status Acceptor::state() const {
  MutexLock lock(mutex_);
  return state_;
}

}  // namespace sluice
