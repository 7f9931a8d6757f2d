#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "client/cpp/ctl/commands.h"
#include "client/cpp/ctl/replicas.h"
#include "client/cpp/ctl/text.h"
#include "server/message/utf8.h"

namespace sluice::ctl {
namespace {

// What a request could not carry. A file may be called anything: its name is not sent.
std::optional<size_t> NotUtf8(std::span<const std::string> arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const std::string value = argument.substr(argument.find('=') + 1);
    if (!IsUtf8(argument) && access(argument.c_str(), F_OK) != 0 && access(value.c_str(), F_OK) != 0) return i;
  }
  return std::nullopt;
}

int AskAll(const CommandLine& line, const Console& console) {
  absl::StatusOr<std::vector<ReplicaTarget>> targets = AllReplicas(line.targets);
  if (!targets.ok()) return Fail(targets.status(), console);
  std::vector<Replica> replicas;
  for (ReplicaTarget& one : *targets) {
    absl::StatusOr<std::unique_ptr<AdminClient>> client = MakeAdminClient(one.target);
    if (!client.ok()) return Fail(client.status(), console);
    absl::StatusOr<std::unique_ptr<LiveClient>> live = MakeLiveClient(one.target);
    if (!live.ok()) return Fail(live.status(), console);
    absl::StatusOr<std::unique_ptr<TraceClient>> trace = MakeTraceClient(one.target);
    if (!trace.ok()) return Fail(trace.status(), console);
    replicas.push_back({.address = one.target.address,
                        .trouble = std::move(one.trouble),
                        .client = *std::move(client),
                        .live = *std::move(live),
                        .trace = *std::move(trace)});
  }
  if (const auto* look = std::get_if<LookCommand>(&line.command))
    return RunLookOfAll(replicas, *look, line.json, console);
  if (const auto* list = std::get_if<ListCommand>(&line.command))
    return RunListOfAll(replicas, *list, line.json, console);
  if (const auto* trace = std::get_if<TraceCommand>(&line.command)) {
    return RunTraceOfAll(replicas, *trace, line.json, console);
  }
  return RunStatusOfAll(replicas, line.json, console);
}

int RunLive(const CommandLine& line, const Console& console) {
  const absl::StatusOr<std::unique_ptr<LiveClient>> client = MakeLiveClient(line.target);
  if (!client.ok()) return Fail(client.status(), console);
  if (const auto* look = std::get_if<LookCommand>(&line.command)) return RunLook(**client, *look, line.json, console);
  if (const auto* tail = std::get_if<TailCommand>(&line.command)) return RunTail(**client, *tail, line.json, console);
  if (const auto* top = std::get_if<TopCommand>(&line.command)) {
    if (!console.terminal || !console.interactive) {
      console.err << "sluicectl: top needs a terminal; without one there are chains status --watch and the like\n";
      return kUsage;
    }
    const std::unique_ptr<Terminal> terminal = OpenTerminal();
    return RunTop(**client, *top, *terminal, line.target.address, console);
  }
  return RunSteer(**client, std::get<SteerCommand>(line.command), line.json, console);
}

}  // namespace

int Fail(const absl::Status& status, const Console& console) {
  std::string_view rest(status.message().data(), status.message().size());
  do {
    const size_t end = rest.find('\n');
    console.err << "sluicectl: " << Printable(rest.substr(0, end)) << "\n";
    rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
  } while (!rest.empty());
  return kFailure;
}

bool Confirm(const std::string& question, const Console& console) {
  console.out << question << " [y/N] " << std::flush;
  std::string answer;
  std::getline(console.in, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

int Run(std::span<const std::string> arguments, const Console& console) {
  if (const std::optional<size_t> at = NotUtf8(arguments)) {
    console.err << "sluicectl: argument " << *at + 1 << ", '" << Printable(arguments[*at])
                << "', is no text in UTF-8\n";
    return kUsage;
  }
  const CommandLine line = ParseCommandLine(arguments, console);
  if (line.exit) return *line.exit;
  if (const auto* journal = std::get_if<JournalCommand>(&line.command)) return RunJournal(*journal, line.json, console);
  const auto* permissions = std::get_if<PermissionsCommand>(&line.command);
  if (permissions != nullptr && !permissions->config.empty()) {
    return RunPermissions(nullptr, *permissions, line.json, console);
  }
  if (const auto* context = std::get_if<ContextCommand>(&line.command)) return RunContext(*context, line.json, console);
  if (line.all) return AskAll(line, console);
  if (std::holds_alternative<LookCommand>(line.command) || std::holds_alternative<SteerCommand>(line.command) ||
      std::holds_alternative<TailCommand>(line.command) || std::holds_alternative<TopCommand>(line.command)) {
    return RunLive(line, console);
  }
  if (const auto* trace = std::get_if<TraceCommand>(&line.command)) {
    const absl::StatusOr<std::unique_ptr<TraceClient>> client = MakeTraceClient(line.target);
    return client.ok() ? RunTrace(**client, *trace, line.json, console) : Fail(client.status(), console);
  }
  const absl::StatusOr<std::unique_ptr<AdminClient>> client = MakeAdminClient(line.target);
  if (!client.ok()) return Fail(client.status(), console);
  if (const auto* list = std::get_if<ListCommand>(&line.command)) return RunList(**client, *list, line.json, console);
  if (const auto* show = std::get_if<ShowCommand>(&line.command)) return RunShow(**client, *show, line.json, console);
  if (const auto* act = std::get_if<ActCommand>(&line.command)) return RunAct(**client, *act, line.json, console);
  if (const auto* file = std::get_if<ExportCommand>(&line.command))
    return RunExport(**client, *file, line.json, console);
  if (const auto* file = std::get_if<ImportCommand>(&line.command))
    return RunImport(**client, *file, line.json, console);
  if (const auto* end = std::get_if<EndSessionCommand>(&line.command)) {
    return RunEndSession(**client, *end, line.json, console);
  }
  if (const auto* reconnect = std::get_if<ReconnectCommand>(&line.command)) {
    return RunReconnect(**client, *reconnect, line.json, console);
  }
  if (const auto* config = std::get_if<ConfigCommand>(&line.command)) {
    return RunConfig(**client, *config, line.json, console);
  }
  if (const auto* items = std::get_if<ItemsCommand>(&line.command))
    return RunItems(**client, *items, line.json, console);
  if (const auto* test = std::get_if<RoutesTestCommand>(&line.command)) {
    return RunRoutesTest(**client, *test, line.json, console);
  }
  if (const auto* rulego = std::get_if<RuleGoCommand>(&line.command)) {
    return RunRuleGo(**client, *rulego, line.json, console);
  }
  if (permissions != nullptr) return RunPermissions(client->get(), *permissions, line.json, console);
  return RunStatus(**client, line.json, console);
}

}  // namespace sluice::ctl
