// What becomes of a stream when what lets its worker in, or what it may do, changes.
#include <utility>

#include "server/identity/authenticator.h"
#include "server/telemetry/log.h"
#include "server/worker/session.h"

namespace sluice {

void Session::CheckAgain() {
  if (identity_.certificate != nullptr && context_.check_certificate) {
    const absl::Status accepted = context_.check_certificate(*identity_.certificate);
    if (!accepted.ok()) {
      if (context_.log_limit.Admit("a client certificate is not taken any more", "")) {
        const std::string detail(accepted.message());
        log::Warning("a client certificate is not taken any more",
                     {{"session", number_}, {"principal", identity_.name()}, {"peer", peer_}, {"detail", detail}});
      }
      return Withdraw(
          absl::UnauthenticatedError("revoked: the client certificate is not taken any more; connect with another"));
    }
  }
  if (identity_.principal == nullptr || context_.authenticator == nullptr) return;
  absl::Status status = context_.authenticator->StillHolds(*identity_.principal);
  if (!status.ok()) Withdraw(std::move(status));
}

void Session::CheckRules() {
  if (identity_.principal == nullptr || context_.permissions == nullptr) return;
  std::shared_ptr<const Grants> grants = context_.permissions->For(*identity_.principal);
  SteadyTime deadline;
  {
    MutexLock lock(mutex_);
    if (state_ >= State::kClosing || ruled_ == nullptr || grants->SameForStreams(*ruled_)) return;
    ruled_ = grants;
    deadline = context_.clock.Now() + longest_lease_;
    // Null before its Hello, which Drain() does not wait for.
    if (const StreamGrants* before = grants_.load(std::memory_order_relaxed)) {
      // The chains outlive this: the dispatcher keeps them for the session until it closes.
      all_grants_.push_back(before->Under(std::move(grants)));
      const StreamGrants& now = *all_grants_.back();
      grants_.store(&now, std::memory_order_release);
      if (!now.MayServeAny()) deadline = kNever;
    }
  }
  if (deadline == kNever) {
    return Withdraw(absl::PermissionDeniedError("revoked: no rule lets this worker serve any of its chains any more"));
  }
  Drain(deadline, "the rules have changed; connect again to serve under them");
}

void Session::Withdraw(absl::Status status) {
  {
    MutexLock lock(mutex_);
    drained_ = true;
    if (OpenLocked()) outgoing_.SetDrain({Millis(0), std::string(status.message())});
  }
  Close(std::move(status), EndReason::kWithdrawn, /*flush=*/true);
}

}  // namespace sluice
