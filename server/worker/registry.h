// All worker streams of a gateway.
#pragma once

#include <map>
#include <memory>
#include <random>
#include <string>

#include "absl/status/statusor.h"
#include "server/identity/authenticator.h"
#include "server/runtime/mutex.h"
#include "server/runtime/ticker.h"
#include "server/worker/session.h"

namespace sluice {

struct RegistryLimits {
  size_t max_streams = 1'000;
  // Of one principal or, where nobody asks who comes, of one address.
  uint32_t max_streams_per_principal = 1'000;
  Millis max_stream_age{0};  // Give or take 20 %; 0: none.
};

// Thread-safe. Outlives its sessions' streams (WaitEmpty).
class SessionRegistry final : public Tickable {
 public:
  // `context.wake_by` asks the ticker; `seed` is for jitter and for the names of sessions.
  SessionRegistry(SessionContext context, RegistryLimits limits, uint64_t seed);

  // `peer` is for the log, `address` what counts as one host. ResourceExhausted: there are max_streams, or as many of
  // this principal or address as it may have. Unavailable: after DrainAll or EndAll. Unauthenticated: `credentials` are
  // not taken.
  absl::StatusOr<std::shared_ptr<Session>> Open(Stream& stream, const std::string& peer, const std::string& address,
                                                const Credentials& credentials = {});
  // The session's stream is done.
  void Remove(const Session& session);

  // No new streams and no new deliveries; streams end at `deadline` at the latest.
  void DrainAll(SteadyTime deadline, const std::string& reason);
  // No new streams, and those that are there end now with Unavailable.
  void EndAll(const std::string& reason);
  // True when no stream is left; waits for it until `deadline`.
  bool WaitEmpty(SteadyTime deadline);
  // What lets workers in has changed: ends the streams of those that it would not let in any more.
  void CheckAgain();
  // The rules are others: Session::CheckRules of each.
  void CheckRules();
  void LookForChains();
  size_t size() const;
  // The open stream of this name, see Session::Description::IsCalled(). NOT_FOUND; FAILED_PRECONDITION: there are several.
  absl::StatusOr<std::shared_ptr<Session>> FindOpen(std::string_view worker) const;
  // Of at most `limit` streams that are open.
  std::vector<Session::Description> Describe(size_t limit) const;

  SteadyTime Tick(SteadyTime now) override;

 private:
  absl::StatusOr<std::shared_ptr<Session>> Make(Stream& stream, const std::string& peer, StreamIdentity identity);
  // What the registry's context says of who comes. Counts and logs who is not let in.
  absl::StatusOr<StreamIdentity> Identify(const std::string& peer, const std::string& address,
                                          const Credentials& credentials);
  // Makes it one of the streams that its principal, or `address`, may have.
  absl::Status Count(StreamIdentity& identity, const std::string& address);
  std::vector<std::shared_ptr<Session>> Refuse(const std::string& reason);
  std::vector<std::shared_ptr<Session>> All() const;
  void Wake(SteadyTime deadline);

  const std::function<void(SteadyTime)> wake_ticker_;
  const SessionContext context_;
  const RegistryLimits limits_;
  PrincipalUses uses_;
  const std::string prefix_;  // Of session names: differs from process to process.

  mutable Mutex mutex_;
  CondVar removed_;
  std::mt19937_64 random_ ABSL_GUARDED_BY(mutex_);
  uint64_t opened_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string refusal_ ABSL_GUARDED_BY(mutex_);  // Not empty: no new streams.
  std::map<const Session*, std::shared_ptr<Session>> sessions_ ABSL_GUARDED_BY(mutex_);
  SteadyTime next_tick_ ABSL_GUARDED_BY(mutex_) = kNever;
};

}  // namespace sluice
