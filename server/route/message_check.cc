#include "server/route/message_check.h"

#include "absl/strings/str_cat.h"
#include "server/message/topic.h"
#include "server/message/user_properties.h"

namespace sluice {

absl::Status CheckProperties(const Properties& properties) {
  if (absl::Status status = CheckMqttString(properties.content_type); !status.ok()) return status;
  if (absl::Status status = CheckMqttString(properties.response_topic); !status.ok()) return status;
  if (properties.user.size() > kMaxUserProperties) {
    return absl::InvalidArgumentError(absl::StrCat("more than ", kMaxUserProperties, " user properties"));
  }
  for (const auto& [name, value] : properties.user) {
    if (absl::Status status = CheckMqttString(name); !status.ok()) return status;
    if (absl::Status status = CheckMqttString(value); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace sluice
