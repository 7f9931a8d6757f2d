// Who workers and administrators are, and what they may.
#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/certificates/pem.h"
#include "server/config/permissions_file.h"
#include "server/config/surroundings.h"
#include "server/stages.h"

namespace sluice {
namespace {

// Of a file with errors the log has so many.
constexpr size_t kErrorsShown = 5;

absl::StatusOr<PermissionFile::Parsed> ParseRules(const std::string& text, const GatewayConfig& config) {
  PermissionsResult result = LoadPermissions(text, config.permissions_file, config, Surroundings::Real());
  if (!result.errors.empty()) {
    std::string all;
    for (const Diagnostic& error : std::span(result.errors).first(std::min(result.errors.size(), kErrorsShown))) {
      absl::StrAppend(&all, all.empty() ? "" : "; ", error.ToString());
    }
    if (result.errors.size() > kErrorsShown)
      absl::StrAppend(&all, "; and ", result.errors.size() - kErrorsShown, " more");
    return absl::InvalidArgumentError(all);
  }
  PermissionFile::Parsed parsed{.rules = std::move(result.rules)};
  for (const Diagnostic& warning : result.warnings) parsed.warnings.push_back(warning.ToString());
  return parsed;
}

}  // namespace

absl::Status Gateway::Stages::BuildIdentity() {
  absl::StatusOr<Permissions> permissions = Permissions::Compile(config_.permissions);
  if (!permissions.ok()) return permissions.status();
  permissions_of_principals_ = *std::move(permissions);
  if (!config_.permissions_file.empty()) {
    permission_file_ = std::make_unique<PermissionFile>(
        config_.permissions_file, config_.permissions,
        PermissionFile::Seams{.read_file = ReadPemFile,
                              .parse = [this](const std::string& text) { return ParseRules(text, *running_.config()); },
                              .changed = [this](Permissions rules) { SetPermissions(std::move(rules)); }},
        metrics_);
  }
  if (config_.workers.auth) {
    worker_authenticator_ = std::make_unique<ConfiguredAuthenticator>(
        "workers", *config_.workers.auth, ConfiguredAuthenticator::Seams{.read_file = ReadPemFile}, clock_, metrics_);
    worker_authenticator_->OnChange([this] { workers_->CheckAgain(); });
    if (absl::Status status = worker_authenticator_->Load(); !status.ok()) return status;
  }
  if (!config_.admin.auth) return absl::OkStatus();
  admin_authenticator_ = std::make_unique<ConfiguredAuthenticator>(
      "admin", *config_.admin.auth, ConfiguredAuthenticator::Seams{.read_file = ReadPemFile}, clock_, metrics_);
  admin_authenticator_->OnChange([this] { CheckAdminsAgain(); });
  return admin_authenticator_->Load();
}

void Gateway::Stages::SetPermissions(Permissions rules) {
  permissions_of_principals_.Replace(std::move(rules));
  workers_->CheckRules();
  CheckAdminsAgain();
}

void Gateway::Stages::CheckAdminsAgain() {
  if (admin_) admin_->CheckAgain();
  if (dashboard_) dashboard_->CheckAgain();
}

}  // namespace sluice
