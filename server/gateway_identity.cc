// Who workers and administrators are, and what they may.
#include <memory>
#include <utility>

#include "server/certificates/pem.h"
#include "server/stages.h"

namespace sluice {

absl::Status Gateway::Stages::BuildIdentity() {
  absl::StatusOr<Permissions> permissions = Permissions::Compile(config_.permissions);
  if (!permissions.ok()) return permissions.status();
  permissions_of_principals_ = *std::move(permissions);
  if (config_.workers.auth) {
    worker_authenticator_ = std::make_unique<ConfiguredAuthenticator>(
        "workers", *config_.workers.auth,
        ConfiguredAuthenticator::Seams{
            .read_file = ReadPemFile,
            .check_certificate =
                [this](const PeerCertificate& certificate) { return workers_->CheckCertificate(certificate); }},
        clock_, metrics_);
    worker_authenticator_->OnChange([this] { workers_->CheckAgain(); });
    if (absl::Status status = worker_authenticator_->Load(); !status.ok()) return status;
  }
  if (!config_.admin.auth) return absl::OkStatus();
  // Each call shows anew who makes it: there is nothing to look at again.
  admin_authenticator_ = std::make_unique<ConfiguredAuthenticator>(
      "admin", *config_.admin.auth, ConfiguredAuthenticator::Seams{.read_file = ReadPemFile}, clock_, metrics_);
  return admin_authenticator_->Load();
}

}  // namespace sluice
