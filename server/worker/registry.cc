#include "server/worker/registry.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

SessionContext WithWake(SessionContext context, std::function<void(SteadyTime)> wake_by) {
  context.wake_by = std::move(wake_by);
  return context;
}

}  // namespace

SessionRegistry::SessionRegistry(SessionContext context, RegistryLimits limits, uint64_t seed)
    : wake_ticker_(context.wake_by),
      context_(WithWake(std::move(context), [this](SteadyTime deadline) { Wake(deadline); })),
      limits_(limits),
      prefix_(absl::StrCat(absl::Hex(seed & UINT32_MAX, absl::kZeroPad8), "-")),
      random_(seed) {}

absl::StatusOr<std::shared_ptr<Session>> SessionRegistry::Open(Stream& stream, const std::string& peer,
                                                               const std::string& address,
                                                               const Credentials& credentials) {
  absl::StatusOr<StreamIdentity> identity = Identify(peer, address, credentials);
  if (!identity.ok()) return identity.status();
  absl::StatusOr<std::shared_ptr<Session>> session = Make(stream, peer, *std::move(identity));
  if (session.ok()) {
    // Its connection may have outlived what let it in, and both may have changed before the registry knew the session.
    (*session)->CheckAgain();
    (*session)->CheckRules();
    Wake(context_.clock.Now() + context_.limits.hello_timeout);
  } else {
    NoteRefusal(context_, "", peer, session.status());
  }
  return session;
}

absl::StatusOr<std::shared_ptr<Session>> SessionRegistry::Make(Stream& stream, const std::string& peer,
                                                               StreamIdentity identity) {
  MutexLock lock(mutex_);
  if (!refusal_.empty()) return absl::UnavailableError(refusal_);
  if (sessions_.size() >= limits_.max_streams) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the gateway has ", limits_.max_streams, " worker streams already (workers.maxStreams)"));
  }
  SteadyTime age_limit = kNever;
  if (limits_.max_stream_age > Millis(0)) {
    double factor = std::uniform_real_distribution<double>(0.8, 1.2)(random_);
    age_limit = context_.clock.Now() +
                Millis(static_cast<int64_t>(static_cast<double>(limits_.max_stream_age.count()) * factor));
  }
  auto session = std::make_shared<Session>(context_, stream, absl::StrCat(prefix_, ++opened_), peer, age_limit,
                                           std::move(identity));
  sessions_.emplace(session.get(), session);
  return session;
}

absl::StatusOr<StreamIdentity> SessionRegistry::Identify(const std::string& peer, const std::string& address,
                                                         const Credentials& credentials) {
  StreamIdentity identity{.certificate = credentials.certificate,
                          .user_agent = std::string(credentials.user_agent.substr(0, 256))};
  if (context_.authenticator != nullptr) {
    OrRefusal<PrincipalPtr> result = context_.authenticator->Authenticate(credentials);
    if (const auto* refusal = std::get_if<AuthenticationRefusal>(&result)) {
      context_.metrics.refused.Add();
      const std::string_view check = AuthenticationCheckName(refusal->check);
      if (context_.log_limit.Admit("worker not let in", check)) {
        log::Warning("worker not let in", {{"peer", peer}, {"check", check}, {"detail", refusal->detail}});
      }
      return refusal->ToCaller();
    }
    identity.principal = std::get<PrincipalPtr>(std::move(result));
  }
  if (context_.permissions != nullptr && identity.principal != nullptr) {
    identity.grants = context_.permissions->For(*identity.principal);
  }
  const absl::Status status = Count(identity, address);
  if (status.ok()) return identity;
  NoteRefusal(context_, "", peer, status);
  return status;
}

absl::Status SessionRegistry::Count(StreamIdentity& identity, const std::string& address) {
  Grants::Bounds bounds = identity.grants == nullptr ? Grants::Bounds() : identity.grants->bounds();
  const bool by_rule = bounds.streams && *bounds.streams <= limits_.max_streams_per_principal;
  if (!by_rule) bounds.streams = limits_.max_streams_per_principal;
  const std::string whose = identity.principal == nullptr ? address : identity.name();
  identity.use = uses_.Enter(whose, bounds);
  if (identity.use != nullptr) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat(whose, " has ", *bounds.streams, " worker streams already, as many as it may have (",
                   by_rule ? "permissions[].streams" : "workers.maxStreamsPerPrincipal", ")"));
}

void SessionRegistry::CheckAgain() {
  for (const std::shared_ptr<Session>& session : All()) session->CheckAgain();
}

void SessionRegistry::CheckRules() {
  for (const std::shared_ptr<Session>& session : All()) session->CheckRules();
}

void SessionRegistry::LookForChains() {
  for (const std::shared_ptr<Session>& session : All()) session->LookForChains();
}

void SessionRegistry::Remove(const Session& session) {
  std::shared_ptr<Session> last;  // May be destroyed by this; not under the lock.
  MutexLock lock(mutex_);
  auto it = sessions_.find(&session);
  if (it == sessions_.end()) return;
  last = std::move(it->second);
  sessions_.erase(it);
  removed_.NotifyAll();
}

std::vector<std::shared_ptr<Session>> SessionRegistry::Refuse(const std::string& reason) {
  {
    MutexLock lock(mutex_);
    refusal_ = reason;
  }
  return All();
}

std::vector<std::shared_ptr<Session>> SessionRegistry::All() const {
  MutexLock lock(mutex_);
  std::vector<std::shared_ptr<Session>> all;
  all.reserve(sessions_.size());
  for (const auto& [key, session] : sessions_) all.push_back(session);
  return all;
}

void SessionRegistry::DrainAll(SteadyTime deadline, const std::string& reason) {
  for (const std::shared_ptr<Session>& session : Refuse(reason)) session->Drain(deadline, reason);
}

void SessionRegistry::EndAll(const std::string& reason) {
  for (const std::shared_ptr<Session>& session : Refuse(reason)) session->Shutdown(reason);
}

bool SessionRegistry::WaitEmpty(SteadyTime deadline) {
  MutexLock lock(mutex_);
  while (!sessions_.empty() && std::chrono::steady_clock::now() < deadline) removed_.WaitUntil(mutex_, deadline);
  return sessions_.empty();
}

std::vector<Session::Description> SessionRegistry::Describe(size_t limit) const {
  std::vector<Session::Description> all;
  for (const std::shared_ptr<Session>& session : All()) {
    if (all.size() == limit) break;
    if (std::optional<Session::Description> one = session->Describe()) all.push_back(*std::move(one));
  }
  return all;
}

absl::StatusOr<std::shared_ptr<Session>> SessionRegistry::FindOpen(std::string_view worker) const {
  std::vector<std::string> numbers;
  std::shared_ptr<Session> found;
  for (const std::shared_ptr<Session>& session : All()) {
    const std::optional<Session::Description> one = session->Describe();
    if (!one || !one->IsCalled(worker)) continue;
    numbers.push_back(one->number);
    found = session;
  }
  if (numbers.size() == 1) return found;
  if (numbers.empty())
    return absl::NotFoundError(absl::StrCat("no worker stream is open that is called '", std::string(worker), "'"));
  constexpr size_t kMostShown = 10;
  const size_t all = numbers.size();
  std::ranges::sort(numbers);
  numbers.resize(std::min(all, kMostShown));
  return absl::FailedPreconditionError(absl::StrCat(all, " worker streams are called '", std::string(worker),
                                                    "'; name one by its session: ", absl::StrJoin(numbers, ", "),
                                                    all > kMostShown ? ", …" : ""));
}

size_t SessionRegistry::size() const {
  MutexLock lock(mutex_);
  return sessions_.size();
}

void SessionRegistry::Wake(SteadyTime deadline) {
  {
    MutexLock lock(mutex_);
    next_tick_ = std::min(next_tick_, deadline);
  }
  wake_ticker_(deadline);
}

SteadyTime SessionRegistry::Tick(SteadyTime now) {
  std::vector<std::shared_ptr<Session>> all;
  {
    MutexLock lock(mutex_);
    // Others' deadlines wake the ticker far more often.
    if (now < next_tick_) return next_tick_;
    next_tick_ = kNever;
    all.reserve(sessions_.size());
    for (const auto& [key, session] : sessions_) all.push_back(session);
  }
  SteadyTime next = kNever;
  for (const std::shared_ptr<Session>& session : all) next = std::min(next, session->Tick(now));
  MutexLock lock(mutex_);
  next_tick_ = std::min(next_tick_, next);
  return next_tick_;
}

}  // namespace sluice
