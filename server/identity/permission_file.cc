#include "server/identity/permission_file.h"

#include <utility>

#include "server/telemetry/log.h"

namespace sluice {

PermissionFile::PermissionFile(std::string path, std::vector<PermissionRule> rules, Seams seams,
                               MetricsRegistry& metrics)
    : path_(std::move(path)),
      seams_(std::move(seams)),
      rules_(std::move(rules)),
      good_(
          metrics.GetGauge("sluice_permissions_file_good",
                           "1: the rules in use are those of permissionsFile. 0: the file cannot be used, and the last "
                           "good rules stay",
                           {})),
      changes_(metrics.GetCounter("sluice_permissions_changes_total",
                                  "Times that new rules of permissionsFile took the place of those in use", {})) {
  good_.Set(1);
}

SteadyTime PermissionFile::Tick(SteadyTime now) {
  if (now < look_from_) return look_from_;
  look_from_ = now + kLookEvery;
  const absl::Status status = Look();
  good_.Set(status.ok() ? 1 : 0);
  std::string problem(status.message());
  if (problem == said_) return look_from_;
  said_ = std::move(problem);
  if (status.ok()) {
    log::Info("the rules can be read again", {{"setting", "permissionsFile"}, {"file", path_}});
  } else {
    log::Error("the rules cannot be used; the last good ones stay",
               {{"setting", "permissionsFile"}, {"file", path_}, {"why", said_}});
  }
  return look_from_;
}

absl::Status PermissionFile::Look() {
  absl::StatusOr<std::string> text = seams_.read_file(path_);
  if (!text.ok()) {
    text_.clear();
    return text.status();
  }
  if (*text == text_ && !text_.empty()) return said_.empty() ? absl::OkStatus() : absl::InvalidArgumentError(said_);
  text_ = *std::move(text);
  absl::StatusOr<Parsed> parsed = seams_.parse(text_);
  if (!parsed.ok()) return parsed.status();
  if (parsed->rules == rules_) return absl::OkStatus();
  absl::StatusOr<Permissions> permissions = Permissions::Compile(parsed->rules);
  if (!permissions.ok()) return permissions.status();
  rules_ = std::move(parsed->rules);
  log::Info("the rules have changed", {{"setting", "permissionsFile"}, {"file", path_}, {"rules", rules_.size()}});
  for (const std::string& warning : parsed->warnings) log::Warning("configuration warning", {{"says", warning}});
  changes_.Add();
  seams_.changed(*std::move(permissions));
  return absl::OkStatus();
}

}  // namespace sluice
