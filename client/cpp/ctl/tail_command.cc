// Messages and replies as they pass.
#include <array>
#include <cstdio>
#include <ctime>
#include <string>

#include "client/cpp/ctl/commands.h"
#include "client/cpp/ctl/json.h"
#include "client/cpp/ctl/text.h"

namespace sluice::ctl {
namespace {

constexpr size_t kPayloadShown = 4'096;

// "12:03:04.123", in UTC.
std::string TimeOfDay(int64_t unix_ms) {
  const std::time_t seconds = unix_ms / 1'000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%02d:%02d:%02d.%03d", parts.tm_hour, parts.tm_min, parts.tm_sec,
                static_cast<int>(unix_ms % 1'000));
  return text.data();
}

const char* StepName(v1::PassingStep step) {
  switch (step) {
    case v1::PASSING_STEP_RECEIVED:
      return "received ";
    case v1::PASSING_STEP_DELIVERED:
      return "delivered";
    case v1::PASSING_STEP_SETTLED:
      return "settled  ";
    case v1::PASSING_STEP_LEASE_ENDED:
      return "lease ended";
    case v1::PASSING_STEP_WORKER_LOST:
      return "worker lost";
    case v1::PASSING_STEP_REPLIED:
      return "replied  ";
    case v1::PASSING_STEP_CONFIRMED:
      return "confirmed";
    case v1::PASSING_STEP_DIED:
      return "died     ";
    case v1::PASSING_STEP_QUEUED:
      return "queued   ";
    default:
      return "?        ";
  }
}

std::string LineOf(const v1::PassingEvent& event) {
  std::string text = TimeOfDay(event.at_unix_ms()) + " " + StepName(event.step()) + " " + Printable(event.message_id());
  const auto add = [&text](const char* name, const std::string& value) {
    if (!value.empty()) text += std::string(" ") + name + "=" + Printable(value);
  };
  add("topic", event.topic());
  add("chain", event.chain());
  add("worker", event.worker());
  if (event.attempt() > 0) text += " attempt=" + std::to_string(event.attempt());
  add("outcome", event.outcome());
  add("detail", event.detail());
  if (!event.topic().empty())
    text += " qos=" + std::to_string(event.qos()) + " bytes=" + std::to_string(event.payload_bytes());
  text += "\n";
  if (!event.payload().empty()) text += Payload(event.payload(), event.payload_bytes(), kPayloadShown);
  return text;
}

}  // namespace

int RunTail(LiveClient& client, const TailCommand& command, bool json, const Console& console) {
  const absl::Status status = client.Tail(command.request, [&](const v1::TailResponse& response) {
    for (const v1::PassingEvent& event : response.events()) {
      console.out << (json ? ToJson(event, true) : LineOf(event));
    }
    if (response.dropped() > 0) {
      // Not among the lines, which somebody may count.
      console.err << "sluicectl: " << response.dropped() << " more passed and were dropped; --rate and filters help\n";
    }
    console.out << std::flush;
    return static_cast<bool>(console.out);
  });
  return status.ok() ? kOk : Fail(status, console);
}

}  // namespace sluice::ctl
