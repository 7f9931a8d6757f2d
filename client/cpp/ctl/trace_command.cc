// What has become of a message.
#include <array>
#include <cstdio>
#include <string>

#include "client/cpp/ctl/commands.h"
#include "client/cpp/ctl/json.h"
#include "client/cpp/ctl/text.h"

namespace sluice::ctl {
namespace {

std::string Millis(int64_t us) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "+%.3f ms", static_cast<double>(us) / 1'000);
  return text.data();
}

std::string AboutStep(const v1::TraceStep& step) {
  std::string text;
  const auto add = [&text](const char* name, const std::string& value) {
    if (!value.empty()) text += (text.empty() ? "" : " ") + std::string(name) + "=" + Printable(value);
  };
  add("topic", step.topic());
  add("connection", step.connection());
  add("worker", step.worker());
  if (step.attempt() > 0) add("attempt", std::to_string(step.attempt()));
  add("outcome", step.outcome());
  add("detail", step.detail());
  return text;
}

std::string Since(int64_t unix_ms, const char* word) {
  return unix_ms == 0 ? "" : std::string(word) + UtcTime(unix_ms);
}

std::string StateOf(const v1::TracedMessage& message) {
  const std::string why = message.state_detail().empty() ? "" : ": " + Printable(message.state_detail());
  switch (message.state()) {
    case v1::TRACE_STATE_ON_DISK:
      return "waits in the journal on disk" + why;
    case v1::TRACE_STATE_WAITING:
      return (message.journaled() ? "waits in memory, and stands in the journal" : "waits in memory") + why;
    case v1::TRACE_STATE_DELAYED:
      return "waits for its retry" + Since(message.due_unix_ms(), " at ");
    case v1::TRACE_STATE_PARKED:
      return "is set aside" + why;
    case v1::TRACE_STATE_WITH_WORKER:
      return "is with " + Printable(message.worker()) + Since(message.state_since_unix_ms(), " since ") +
             Since(message.due_unix_ms(), ", whose lease ends at ");
    case v1::TRACE_STATE_SETTLING:
      return "is settled by " + Printable(message.worker()) + ", which the journal is being told";
    case v1::TRACE_STATE_UNCONFIRMED:
      return "is settled; the broker has not confirmed " + std::to_string(message.replies_unconfirmed()) +
             " of its replies";
    case v1::TRACE_STATE_DONE:
      return "is done";
    case v1::TRACE_STATE_DEAD_LETTER:
      return "is a dead letter" + Since(message.state_since_unix_ms(), " since ") +
             (message.worker().empty() ? "" : ", last with " + Printable(message.worker())) + why;
    case v1::TRACE_STATE_DROPPED:
      return "was dropped" + Since(message.state_since_unix_ms(), " at ") + why;
    default:
      return "stands nowhere any more; what became of it last was not kept";
  }
}

// What is known of messages, beside where they stand.
std::string WhatIsKept(const v1::TraceResponse& response) {
  if (response.complete_since_unix_ms() == 0) return "steps are not kept (tracing.keep: 0)";
  const std::string since = " are kept since " + UtcTime(response.complete_since_unix_ms());
  if (response.one_in() <= 1) return "all steps" + since;
  return "of one message in " + std::to_string(response.one_in()) +
         ", since more come than tracing.maxStepsPerSecond, all steps" + since;
}

std::string TextOf(const v1::TracedMessage& message, const v1::TraceResponse& response) {
  std::string text = Printable(message.message_id());
  const auto add = [&text](const char* name, const std::string& value) {
    if (!value.empty()) text += std::string(" ") + name + "=" + Printable(value);
  };
  add("topic", message.topic());
  add("connection", message.connection());
  add("chain", message.chain());
  text += " qos=" + std::to_string(message.qos()) + " bytes=" + std::to_string(message.payload_bytes()) + "\n";
  if (!message.steps().empty()) {
    Table steps({"TIME", "AFTER", "STEP", ""});
    const int64_t first = message.steps(0).at_unix_us();
    for (const v1::TraceStep& step : message.steps()) {
      steps.Add({TimeOfDay(step.at_unix_us(), /*micros=*/true), Millis(step.at_unix_us() - first),
                 EnumWords(v1::TraceStepKind_Name(step.kind()), "TRACE_STEP_KIND_"), AboutStep(step)});
    }
    text += steps.ToString(2);
  }
  if (message.incomplete()) {
    text += "  it was received at " + UtcTime(message.received_unix_ms()) + "; " + WhatIsKept(response) + "\n";
  }
  text += "  it " + StateOf(message);
  if (message.attempts() > 0) text += "; " + Count(message.attempts(), "attempt") + " so far";
  return text + "\n";
}

}  // namespace

std::string TraceText(const v1::TraceResponse& response, bool json, const Console& console) {
  // A topic may have none, and what else is said counts then, too.
  if (json) return ToJson(response, true);
  std::string text;
  for (const v1::TracedMessage& message : response.messages()) {
    text += (text.empty() ? "" : "\n") + TextOf(message, response);
  }
  if (text.empty()) {
    text = "there is none; " + WhatIsKept(response) + "\n";
  }
  if (response.more()) console.err << "sluicectl: there are more; --last N shows more of them\n";
  if (response.journal_is_larger()) console.err << "sluicectl: the journal holds more than was looked through\n";
  return text;
}

int RunTrace(TraceClient& client, const TraceCommand& command, bool json, const Console& console) {
  const absl::StatusOr<v1::TraceResponse> response = client.Trace(command.request);
  if (!response.ok()) return Fail(response.status(), console);
  console.out << TraceText(*response, json, console);
  return kOk;
}

}  // namespace sluice::ctl
