#include "server/mqtt/client_ids.h"

#include "absl/strings/str_cat.h"

namespace sluice {

std::string RepliesClientId(const MqttOptions& options) {
  if (options.share_connection) return options.client_id;
  if (!options.replies_client_id.empty()) return options.replies_client_id;
  return options.client_id.empty() ? "" : absl::StrCat(options.client_id, "-replies");
}

std::string IntakeClientId(const MqttOptions& options, size_t group) {
  if (group == 0 || options.client_id.empty()) return options.client_id;
  return absl::StrCat(options.client_id, "-", group + 1);
}

}  // namespace sluice
