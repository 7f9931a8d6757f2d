#include "server/reply/outcome.h"

#include "server/mqtt/reason_codes.h"

namespace sluice {

bool IsRefusal(PublishOutcome::Code code) {
  return code == PublishOutcome::Code::kRefused || code == PublishOutcome::Code::kTooLarge ||
         code == PublishOutcome::Code::kInvalidQos || code == PublishOutcome::Code::kNoConnection;
}

ItemResult::Code ToResultCode(PublishOutcome::Code code) {
  switch (code) {
    case PublishOutcome::Code::kOk:
      return ItemResult::Code::kOk;
    case PublishOutcome::Code::kNotConnected:
      return ItemResult::Code::kNotConnected;
    case PublishOutcome::Code::kRefused:
    case PublishOutcome::Code::kNoConnection:
      return ItemResult::Code::kRefused;
    case PublishOutcome::Code::kTooLarge:
      return ItemResult::Code::kTooLarge;
    case PublishOutcome::Code::kInvalidQos:
      return ItemResult::Code::kInvalidQos;
    case PublishOutcome::Code::kExpired:
      return ItemResult::Code::kExpired;
  }
  return ItemResult::Code::kInvalid;
}

std::string Explain(const PublishOutcome& outcome) {
  std::string text;
  switch (outcome.code) {
    case PublishOutcome::Code::kOk:
      return text;
    case PublishOutcome::Code::kNotConnected:
      return "the broker is not connected; a reply of QoS 0 is not kept";
    case PublishOutcome::Code::kExpired:
      return "the reply's expiry was over before it could be published";
    case PublishOutcome::Code::kNoConnection:
      return "its connection is not configured any more";
    case PublishOutcome::Code::kRefused:
      text = "the broker refused the reply";
      break;
    case PublishOutcome::Code::kTooLarge:
      text = "the reply is larger than the broker takes";
      break;
    case PublishOutcome::Code::kInvalidQos:
      text = "the QoS is above what the broker takes";
      break;
  }
  if (outcome.mqtt_reason_code != 0) text.append(": ").append(DescribeReason(outcome.mqtt_reason_code));
  return text;
}

}  // namespace sluice
