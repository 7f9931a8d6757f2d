// Who may administer, and the audit line of each act and each refusal.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/identity/authenticator.h"
#include "server/identity/permissions.h"
#include "server/net/peer.h"
#include "server/rpc/service/service.h"
#include "server/telemetry/audit_log.h"

namespace sluice {

// A call that was let in.
struct AdminCaller {
  std::string who;   // "unix:1000", "email:ops@plant", …; "anybody": nobody was asked.
  std::string from;  // Its address.
  AdminRole role = AdminRole::kAdmin;
};

// Thread-safe.
class AdminGuard {
 public:
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
};

}  // namespace sluice
