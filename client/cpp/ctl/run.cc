#include <memory>
#include <variant>

#include "client/cpp/ctl/commands.h"
#include "client/cpp/ctl/text.h"

namespace sluice::ctl {

int Fail(const absl::Status& status, const Console& console) {
  console.err << "sluicectl: " << Printable(std::string(status.message())) << "\n";
  return kFailure;
}

int Run(std::span<const std::string> arguments, const Console& console) {
  const CommandLine line = ParseCommandLine(arguments, console);
  if (line.exit) return *line.exit;
  if (const auto* journal = std::get_if<JournalCommand>(&line.command)) return RunJournal(*journal, line.json, console);
  const absl::StatusOr<std::unique_ptr<AdminClient>> client = MakeAdminClient(line.target);
  if (!client.ok()) return Fail(client.status(), console);
  if (const auto* list = std::get_if<ListCommand>(&line.command)) return RunList(**client, *list, line.json, console);
  if (const auto* show = std::get_if<ShowCommand>(&line.command)) return RunShow(**client, *show, line.json, console);
  if (const auto* act = std::get_if<ActCommand>(&line.command)) return RunAct(**client, *act, line.json, console);
  return RunStatus(**client, line.json, console);
}

}  // namespace sluice::ctl
