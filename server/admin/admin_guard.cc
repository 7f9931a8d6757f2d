#include "server/admin/admin_guard.h"

#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"

namespace sluice {

absl::StatusOr<AdminCaller> AdminGuard::Enter(std::string_view what, AdminRole needed, const Peer& peer,
                                              std::span<const std::string_view> authorization) {
  AdminCaller caller{.who = "nobody", .from = peer.text};
  std::string why;
  absl::StatusOr<AdminCaller> entered = Decide(needed, peer, authorization, caller, why);
  if (!entered.ok()) {
    audit_.Write({.who = caller.who, .from = caller.from, .what = what, .outcome = "refused", .detail = why});
  }
  return entered;
}

absl::StatusOr<AdminCaller> AdminGuard::Enter(std::string_view what, AdminRole needed, const rpc::CallInfo& call) {
  std::vector<std::string_view> authorization;
  for (const auto& [key, value] : call.metadata) {
    if (key == "authorization") authorization.push_back(value);
  }
  return Enter(what, needed, *call.peer, authorization);
}

absl::StatusOr<AdminCaller> AdminGuard::Decide(AdminRole needed, const Peer& peer,
                                               std::span<const std::string_view> authorization, AdminCaller& caller,
                                               std::string& why) {
  if (peer.address == "unix") {
    caller.who = peer.uid ? absl::StrCat("unix:", *peer.uid) : "unix";
    return caller;
  }
  if (peer.certificate != nullptr && check_certificate_) {
    const absl::Status accepted = check_certificate_(*peer.certificate);
    if (!accepted.ok()) {
      why = absl::StrCat("certificate: ", accepted.message());
      return absl::UnauthenticatedError("revoked: the client certificate is not taken any more; connect with another");
    }
  }
  if (authenticator_ == nullptr) {
    caller.who = "anybody";
    caller.role = unasked_;
    if (unasked_ >= needed) return caller;
    why = absl::StrCat("needs the role ", std::string(AdminRoleName(needed)), ", and whom nobody asks has ",
                       std::string(AdminRoleName(unasked_)));
    return absl::PermissionDeniedError(why);
  }
  OrRefusal<PrincipalPtr> result =
      authenticator_->Authenticate({.certificate = peer.certificate, .authorization = authorization});
  if (const auto* refusal = std::get_if<AuthenticationRefusal>(&result)) {
    why = absl::StrCat(std::string(AuthenticationCheckName(refusal->check)), ": ", refusal->detail);
    return refusal->ToCaller();
  }
  const Principal& principal = *std::get<PrincipalPtr>(result);
  caller.who = principal.name();
  caller.role = permissions_.For(principal)->role();
  if (caller.role >= needed) return caller;
  why = absl::StrCat("needs the role ", std::string(AdminRoleName(needed)), ", has ",
                     std::string(AdminRoleName(caller.role)));
  return absl::PermissionDeniedError(why);
}

void AdminGuard::NoteRefusal(std::string_view what, const Peer& peer, std::string_view why) {
  audit_.Write({.who = "nobody", .from = peer.text, .what = what, .outcome = "refused", .detail = why});
}

void AdminGuard::Note(std::string_view what, AdminRole needed, const AdminCaller& caller, const absl::Status& status,
                      std::string_view detail) {
  if (needed == AdminRole::kViewer && status.ok()) return;
  const std::string failure(status.message());
  audit_.Write({.who = caller.who,
                .from = caller.from,
                .what = what,
                .outcome = status.ok() ? "done" : "failed",
                .detail = status.ok() ? detail : std::string_view(failure)});
}

}  // namespace sluice
