// Looks into the journal itself: there is no gateway to ask.
#include <filesystem>
#include <string>

#include "client/cpp/ctl/commands.h"
#include "client/cpp/ctl/text.h"
#include "server/journal/inspect.h"
#include "server/telemetry/json_string.h"

namespace sluice::ctl {
namespace {

// The log lies in `journal` in journal.path.
std::string LogDirectory(const std::string& path) {
  std::error_code ignored;
  const std::filesystem::path inside = std::filesystem::path(path) / "journal";
  return std::filesystem::is_directory(inside, ignored) ? inside.string() : path;
}

std::string InspectionToJson(const JournalInspection& inspection) {
  const JournalReport& report = inspection.report;
  std::string json = "{";
  auto number = [&json](const char* name, uint64_t value) {
    json += std::string(json.size() > 1 ? "," : "") + "\"" + name + "\":" + std::to_string(value);
  };
  number("segments", report.segments);
  number("bytes", report.bytes);
  number("records", report.records);
  number("messages", report.messages);
  number("replies", report.replies);
  number("dead_letters", report.dead_letters);
  number("received_packets", report.received_packets);
  number("live_bytes", report.live_bytes);
  number("cut_bytes", report.cut_bytes);
  json += std::string(",\"damaged\":") + (report.Damaged() ? "true" : "false") + ",\"damage\":[";
  for (size_t i = 0; i < report.damage.size(); ++i) {
    if (i > 0) json += ',';
    AppendJsonString(json, report.damage[i].ToString());
  }
  json += "],\"warnings\":[";
  for (size_t i = 0; i < report.warnings.size(); ++i) {
    if (i > 0) json += ',';
    AppendJsonString(json, report.warnings[i]);
  }
  return json + "]}\n";
}

}  // namespace

int RunJournal(const JournalCommand& command, bool json, const Console& console) {
  const std::string path = LogDirectory(command.path);
  const absl::StatusOr<JournalInspection> inspection = InspectJournal(path);
  if (!inspection.ok()) {
    return Fail(absl::Status(inspection.status().code(), path + ": " + std::string(inspection.status().message())),
                console);
  }
  const JournalReport& report = inspection->report;
  const bool damaged = !report.damage.empty();
  if (json) {
    console.out << InspectionToJson(*inspection);
  } else if (!command.verify) {
    console.out << inspection->ToString();
  } else if (damaged) {
    for (const JournalDamage& damage : report.damage) console.out << Printable(damage.ToString()) << "\n";
    console.out << path << ": DAMAGED; "
                << (report.Damaged()
                        ? "the gateway starts on it with --salvage only, and keeps what can be read\n"
                        : "only what was not synced yet, as a power loss leaves it: the gateway starts on it, "
                          "and keeps what can be read\n");
  } else {
    console.out << path << ": sound; " << Count(report.messages, "message") << ", " << report.replies << " replies and "
                << Count(report.dead_letters, "dead letter") << " are alive\n";
    if (report.cut_bytes > 0) {
      console.out << "a batch of " << Count(report.cut_bytes, "byte")
                  << " at its end was not written to its end; nobody was told that it was, and it will be cut off\n";
    }
  }
  return command.verify && damaged ? kFailure : kOk;
}

}  // namespace sluice::ctl
