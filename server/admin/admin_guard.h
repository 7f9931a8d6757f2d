// Who may administer, and the audit line of each act and each refusal.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/identity/authenticator.h"
#include "server/identity/permissions.h"
#include "server/net/peer.h"
#include "server/rpc/service/service.h"
#include "server/rpc/service/sync_call.h"
#include "server/runtime/mutex.h"
#include "server/telemetry/audit_log.h"

namespace sluice {

// A call that was let in.
struct AdminCaller {
  std::string who;   // "unix:1000", "email:ops@plant", …; "anybody": nobody was asked.
  std::string from;  // Its address.
  AdminRole role = AdminRole::kAdmin;
};

// A call that was let in and may last: as long as this lives, its caller is asked for again. Thread-safe.
class AdminStay {
 public:
  const AdminCaller& caller() const { return caller_; }
  // Why the caller was let in no more, and the call ended; OK: it was not.
  absl::Status ended() const {
    MutexLock lock(mutex_);
    return ended_;
  }

 private:
  friend class AdminGuard;

  AdminStay(std::string_view what, AdminRole needed, rpc::SyncCall& call);

  const std::string what_;
  const AdminRole needed_;
  const std::shared_ptr<const Peer> peer_;
  const std::vector<std::string> authorization_;
  const std::function<void(const absl::Status&)> end_;
  AdminCaller caller_;  // Constant once it is let in.

  mutable Mutex mutex_;
  absl::Status ended_ ABSL_GUARDED_BY(mutex_);
};

// Thread-safe.
class AdminGuard {
 public:
  // How often whoever stays is asked for again although nothing was withdrawn: a token may have run out.
  static constexpr Millis kAskAgain{60'000};

  // `authenticator` null: nobody is asked, and whoever reaches the listener has the role `unasked`. All outlive it.
  // `check_certificate`: whether one that TLS let in would be let in now, since a connection may outlive that. Null: yes.
  AdminGuard(Authenticator* authenticator, const Permissions& permissions, AuditLog& audit,
             std::function<absl::Status(const PeerCertificate& certificate)> check_certificate = nullptr,
             AdminRole unasked = AdminRole::kAdmin)
      : authenticator_(authenticator),
        permissions_(permissions),
        audit_(audit),
        check_certificate_(std::move(check_certificate)),
        unasked_(unasked) {}

  // The owner's socket lets in whom its mode lets in, as administrators. Others by certificate or token, and their role.
  // UNAUTHENTICATED, or PERMISSION_DENIED, which names the role that is needed; both are noted.
  absl::StatusOr<AdminCaller> Enter(std::string_view what, AdminRole needed, const Peer& peer,
                                    std::span<const std::string_view> authorization);
  // By what the call carries.
  absl::StatusOr<AdminCaller> Enter(std::string_view what, AdminRole needed, const rpc::CallInfo& call);
  // The same of a call that may last. While the result lives, CheckAgain ends the call when its caller would be let in no
  // more.
  absl::StatusOr<std::shared_ptr<const AdminStay>> EnterToStay(std::string_view what, AdminRole needed,
                                                               rpc::SyncCall& call);
  // What lets callers in has changed: asks for all of them again who stay.
  void CheckAgain();
  // CheckAgain when it is time to, or when `generation` (of the TLS files) is another one. One thread at a time.
  SteadyTime Tick(SteadyTime now, uint64_t generation);
  // Notes what was not let in before anybody was asked who it is.
  void NoteRefusal(std::string_view what, const Peer& peer, std::string_view why);
  // How it went. Of a look at how things stand (a viewer's) nothing is noted.
  void Note(std::string_view what, AdminRole needed, const AdminCaller& caller, const absl::Status& status,
            std::string_view detail);

 private:
  absl::StatusOr<AdminCaller> Decide(AdminRole needed, const Peer& peer,
                                     std::span<const std::string_view> authorization, AdminCaller& caller,
                                     std::string& why);

  Authenticator* const authenticator_;
  const Permissions& permissions_;
  AuditLog& audit_;
  const std::function<absl::Status(const PeerCertificate& certificate)> check_certificate_;
  const AdminRole unasked_;

  // Of Tick's thread.
  uint64_t generation_ = 0;
  SteadyTime ask_at_{};

  Mutex mutex_;
  std::vector<std::weak_ptr<AdminStay>> stays_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
