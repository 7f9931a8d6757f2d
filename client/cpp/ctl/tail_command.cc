// Messages and replies as they pass.
#include <algorithm>
#include <string>

#include "client/cpp/ctl/commands.h"
#include "client/cpp/ctl/json.h"
#include "client/cpp/ctl/text.h"

namespace sluice::ctl {
namespace {

constexpr size_t kPayloadShown = 4'096;

// As wide as the longest of them.
std::string StepName(v1::PassingStep step) {
  constexpr size_t kWidth = 11;
  std::string name = EnumWords(v1::PassingStep_Name(step), "PASSING_STEP_");
  name.resize(std::max(name.size(), kWidth), ' ');
  return name;
}

std::string LineOf(const v1::PassingEvent& event) {
  std::string text = TimeOfDay(event.at_unix_ms() * 1'000, /*micros=*/false) + " " + StepName(event.step()) + " " +
                     Printable(event.message_id());
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
