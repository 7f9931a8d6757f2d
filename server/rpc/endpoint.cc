#include "server/rpc/endpoint.h"

#include <algorithm>
#include <atomic>
#include <random>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/net/event_loop.h"
#include "server/net/listener.h"
#include "server/net/refusals.h"
#include "server/net/tls_server.h"
#include "server/rpc/server.h"
#include "server/telemetry/log.h"

namespace sluice::rpc {
namespace {

// How often the loops are asked whether they turn.
constexpr Millis kAskEvery{1'000};
// What a loop may take to end after its last connection has.
constexpr Millis kLoopGrace{2'000};

absl::Status WithSetting(const std::string& name, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(name, ".listen: ", status.message()));
}

// A loop, and when it was asked whether it turns and has not answered yet.
struct Turning {
  explicit Turning(const std::string& name) : loop(name) {}

  EventLoop loop;
  std::atomic<SteadyTime> asked = kNever;
};

}  // namespace

struct Endpoint::Impl {
  std::string name;
  std::vector<std::unique_ptr<Turning>> loops;
  std::shared_ptr<TlsServer> tls;  // Null: plain text.
  std::shared_ptr<Refusals> refusals;
  std::unique_ptr<Listener> listener;
  std::unique_ptr<Server> server;
  std::atomic<bool> stopped = false;
  SteadyTime ask_at{};  // Of the ticker's thread.
};

absl::StatusOr<std::unique_ptr<Endpoint>> Endpoint::Bind(Options options, std::vector<Service> services,
                                                         const Clock& clock, MetricsRegistry& metrics) {
  auto impl = std::make_shared<Impl>();
  impl->name = options.name;
  if (options.tls) {
    TlsServerSettings settings = SettingsOf(absl::StrCat(options.name, ".tls"), *options.tls);
    settings.client_certificate_optional = options.client_certificate_optional;
    absl::StatusOr<std::shared_ptr<TlsServer>> tls = TlsServer::Load(std::move(settings), clock);
    if (!tls.ok()) return tls.status();
    impl->tls = *std::move(tls);
  }
  // What connections do waits for real sockets, so it has the real time.
  const Clock& real = Clock::Real();
  impl->refusals = std::make_shared<Refusals>(options.name, std::initializer_list<std::string_view>{}, real, metrics);
  for (const std::string_view reason : Server::RefusalReasons()) impl->refusals->AddReasons({reason});
  absl::StatusOr<std::unique_ptr<Listener>> listener = Listener::Bind({.name = options.name,
                                                                       .listen = options.listen,
                                                                       .socket_mode = options.socket_mode,
                                                                       .tls = impl->tls,
                                                                       .limits = options.accept,
                                                                       .refusals = impl->refusals},
                                                                      real, metrics);
  if (!listener.ok()) return WithSetting(options.name, listener.status());
  impl->listener = *std::move(listener);
  std::vector<EventLoop*> loops;
  try {
    for (size_t i = 0; i < std::max<size_t>(options.threads, 1); ++i) {
      impl->loops.push_back(std::make_unique<Turning>(absl::StrCat(options.name, "-", i)));
      loops.push_back(&impl->loops.back()->loop);
    }
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(absl::StrCat(options.name, ".listen: ", error.what()));
  }
  ServerOptions server{.name = options.name,
                       .services = std::move(services),
                       .limits = options.limits,
                       .refused = [refusals = impl->refusals](auto reason, auto peer,
                                                              auto detail) { refusals->Count(reason, peer, detail); },
                       .seed = std::random_device{}()};
  impl->server = std::make_unique<Server>(std::move(server), loops, real, metrics);
  return std::unique_ptr<Endpoint>(new Endpoint(std::move(impl)));
}

void Endpoint::Serve() {
  std::vector<EventLoop*> loops;
  for (const std::unique_ptr<Turning>& one : impl_->loops) loops.push_back(&one->loop);
  for (EventLoop* loop : loops) loop->Start(impl_);
  impl_->listener->Start(*loops.front(), loops, [server = impl_->server.get()](std::unique_ptr<Channel> channel) {
    server->Serve(std::move(channel));
  });
}

Endpoint::Endpoint(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Endpoint::~Endpoint() { Stop(Clock::Real().Now()); }

const std::string& Endpoint::address() const { return impl_->listener->address(); }
int Endpoint::port() const { return impl_->listener->port(); }
absl::Status Endpoint::CheckCertificate(const PeerCertificate& certificate) const {
  return impl_->tls == nullptr ? absl::OkStatus() : impl_->tls->CheckAgain(certificate);
}
uint64_t Endpoint::tls_generation() const { return impl_->tls == nullptr ? 0 : impl_->tls->generation(); }

absl::Status Endpoint::state() const { return impl_->listener->state(); }

absl::Status Endpoint::Alive(Millis patience) const {
  const SteadyTime now = Clock::Real().Now();
  if (impl_->stopped) return absl::OkStatus();
  for (const std::unique_ptr<Turning>& one : impl_->loops) {
    const SteadyTime asked = one->asked.load();
    if (asked == kNever || now - asked < patience) continue;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - asked).count();
    return absl::UnavailableError(absl::StrCat("a thread of ", impl_->name, ".listen is stuck for ", seconds, " s"));
  }
  return absl::OkStatus();
}

void Endpoint::Stop(SteadyTime deadline) {
  if (impl_->stopped.exchange(true)) return;
  impl_->listener->Stop();
  if (!impl_->server->Stop(deadline, "the gateway is shutting down; connect again")) {
    log::Error("a listener's thread does not end", {{"listener", impl_->name}});
  }
  const SteadyTime end = std::max(deadline, Clock::Real().Now()) + kLoopGrace;
  for (const std::unique_ptr<Turning>& one : impl_->loops) one->loop.Stop(end);
}

SteadyTime Endpoint::Tick(SteadyTime now) {
  const SteadyTime tls_at = impl_->tls == nullptr ? kNever : impl_->tls->Tick(now);
  if (now >= impl_->ask_at && !impl_->stopped) {
    impl_->ask_at = now + kAskEvery;
    for (const std::unique_ptr<Turning>& one : impl_->loops) {
      if (one->asked.load() != kNever) continue;
      one->asked.store(Clock::Real().Now());
      one->loop.Post([turning = one.get()] { turning->asked.store(kNever); });
    }
  }
  return std::min(tls_at, impl_->stopped ? kNever : impl_->ask_at);
}

}  // namespace sluice::rpc
