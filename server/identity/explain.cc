#include "server/identity/explain.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/message/topic.h"

namespace sluice {
namespace {

absl::Status CheckTopic(const char* what, const std::string& topic) {
  if (topic.empty()) return absl::OkStatus();
  const absl::Status status = CheckTopicName(topic);
  if (status.ok()) return status;
  return absl::InvalidArgumentError(absl::StrCat("the ", what, " ", status.message()));
}

}  // namespace

absl::StatusOr<v1::ExplainPermissionResponse> ExplainPermission(const Permissions& permissions,
                                                                const v1::ExplainPermissionRequest& request) {
  if (request.names().empty() || request.chain().empty()) {
    return absl::InvalidArgumentError("a principal and a chain must be named");
  }
  if (request.qos() > 2) return absl::InvalidArgumentError("MQTT has QoS 0, 1 and 2");
  for (const auto& [what, topic] : {std::pair<const char*, const std::string&>{"reply topic", request.reply_topic()},
                                    {"message topic", request.message_topic()}}) {
    if (absl::Status status = CheckTopic(what, topic); !status.ok()) return status;
  }
  Principal principal{.names = {request.names().begin(), request.names().end()}};
  for (const v1::PrincipalClaim& claim : request.claims()) {
    principal.claims[ClaimPointer(claim.name())].push_back(claim.value());
  }
  Permissions::Question question{.chain = request.chain(), .reply = std::nullopt};
  if (!request.reply_topic().empty()) {
    question.reply = ReplyAct{.topic = request.reply_topic(),
                              .qos = static_cast<Qos>(request.qos()),
                              .retain = request.retain(),
                              .message_topic = request.message_topic()};
  }
  Permissions::Answer answer = permissions.Explain(principal, question);
  v1::ExplainPermissionResponse response;
  response.set_permitted(answer.permitted);
  for (std::string& reason : answer.reasons) response.add_reasons(std::move(reason));
  return response;
}

}  // namespace sluice
