#include "server/admin/admin_guard.h"

#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"

namespace sluice {
namespace {

std::vector<std::string> AuthorizationOf(const rpc::CallInfo& call) {
  std::vector<std::string> values;
  for (const auto& [key, value] : call.metadata) {
    if (key == "authorization") values.push_back(value);
  }
  return values;
}

}  // namespace

AdminStay::AdminStay(std::string_view what, AdminRole needed, rpc::SyncCall& call)
    : what_(what),
      needed_(needed),
      peer_(call.info().peer),
      authorization_(AuthorizationOf(call.info())),
      end_(call.Ender()) {}

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
  const std::vector<std::string> values = AuthorizationOf(call);
  const std::vector<std::string_view> authorization(values.begin(), values.end());
  return Enter(what, needed, *call.peer, authorization);
}

absl::StatusOr<std::shared_ptr<const AdminStay>> AdminGuard::EnterToStay(std::string_view what, AdminRole needed,
                                                                         rpc::SyncCall& call) {
  const std::shared_ptr<AdminStay> stay(new AdminStay(what, needed, call));
  {
    MutexLock lock(mutex_);
    std::erase_if(stays_, [](const std::weak_ptr<AdminStay>& other) { return other.expired(); });
    stays_.push_back(stay);
  }
  // Only now: what is withdrawn meanwhile is seen here or by CheckAgain.
  absl::StatusOr<AdminCaller> caller = Enter(what, needed, call.info());
  if (!caller.ok()) return caller.status();
  stay->caller_ = *std::move(caller);
  return stay;
}

void AdminGuard::CheckAgain() {
  std::vector<std::shared_ptr<AdminStay>> stays;
  {
    MutexLock lock(mutex_);
    for (const std::weak_ptr<AdminStay>& one : stays_) {
      if (std::shared_ptr<AdminStay> stay = one.lock()) stays.push_back(std::move(stay));
    }
  }
  for (const std::shared_ptr<AdminStay>& stay : stays) {
    if (!stay->ended().ok()) continue;
    const std::vector<std::string_view> authorization(stay->authorization_.begin(), stay->authorization_.end());
    const absl::Status status = Enter(stay->what_, stay->needed_, *stay->peer_, authorization).status();
    if (status.ok()) continue;
    {
      MutexLock lock(stay->mutex_);
      stay->ended_ = status;
    }
    stay->end_(status);
  }
}

SteadyTime AdminGuard::Tick(SteadyTime now, uint64_t generation) {
  if (now < ask_at_ && generation == generation_) return ask_at_;
  generation_ = generation;
  ask_at_ = now + kAskAgain;
  CheckAgain();
  return ask_at_;
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
