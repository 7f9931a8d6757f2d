// What sluicectl does. Each returns the exit status, and has said all there is to say.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "client/cpp/ctl/admin_client.h"
#include "client/cpp/ctl/command_line.h"
#include "client/cpp/ctl/console.h"
#include "client/cpp/ctl/live_client.h"
#include "client/cpp/ctl/terminal.h"
#include "client/cpp/ctl/trace_client.h"

namespace sluice::ctl {

// Dead letters that are asked for in one call.
inline constexpr uint32_t kLettersAtOnce = 500;

int RunStatus(AdminClient& client, bool json, const Console& console);
bool IsReady(const v1::GetStatusResponse& status);
std::string StatusText(const v1::GetStatusResponse& status);
// With a column for the replica of each.
std::string LettersTable(const std::vector<std::pair<std::string, v1::DeadLetter>>& letters);
// Says besides, on standard error, what was left out.
std::string TraceText(const v1::TraceResponse& response, bool json, const Console& console);

// Of each replica, and of all together; those that do not answer are said, and make it fail. JSON: as of one, a line
// each, with the field `replica` in front.
struct Replica {
  std::string address;
  absl::Status trouble;  // It is not to be asked, since it has no address.
  std::unique_ptr<AdminClient> client;
  std::unique_ptr<LiveClient> live;
  std::unique_ptr<TraceClient> trace;
};
int RunStatusOfAll(std::span<const Replica> replicas, bool json, const Console& console);
int RunLookOfAll(std::span<const Replica> replicas, const LookCommand& command, bool json, const Console& console);
int RunListOfAll(std::span<const Replica> replicas, const ListCommand& command, bool json, const Console& console);
// Fails also if none knows the message.
int RunTraceOfAll(std::span<const Replica> replicas, const TraceCommand& command, bool json, const Console& console);
// An object of JSON with the field `replica` in front.
std::string OfReplica(const std::string& replica, const std::string& json);
int RunList(AdminClient& client, const ListCommand& command, bool json, const Console& console);
int RunShow(AdminClient& client, const ShowCommand& command, bool json, const Console& console);
// Asks first, unless ids are named or `yes` is given; with nobody to ask it refuses.
int RunAct(AdminClient& client, const ActCommand& command, bool json, const Console& console);
// A file of lines of JSON, which appears when it is whole. `json`: how many, as an object; not with standard output.
int RunExport(AdminClient& client, const ExportCommand& command, bool json, const Console& console);
// Nothing is sent of a file that holds anything else.
int RunImport(AdminClient& client, const ImportCommand& command, bool json, const Console& console);
// Asks first, unless `yes` is given; with nobody to ask it refuses.
int RunReconnect(AdminClient& client, const ReconnectCommand& command, bool json, const Console& console);
int RunEndSession(AdminClient& client, const EndSessionCommand& command, bool json, const Console& console);
// `client` null: the command names a configuration.
int RunPermissions(AdminClient* client, const PermissionsCommand& command, bool json, const Console& console);
// The file is read here; "-" is standard input.
int RunConfig(AdminClient& client, const ConfigCommand& command, bool json, const Console& console);
// The file is read here; "-" is standard input.
int RunItems(AdminClient& client, const ItemsCommand& command, bool json, const Console& console);
// The payload is read here.
int RunRoutesTest(AdminClient& client, const RoutesTestCommand& command, bool json, const Console& console);
int RunRuleGo(AdminClient& client, const RuleGoCommand& command, bool json, const Console& console);
// Puts it, and says what has changed.
int PutItems(AdminClient& client, const v1::PutConfigurationItemsRequest& request, bool json, const Console& console);
// Looks, once or again and again. JSON: a line for each.
int RunLook(LiveClient& client, const LookCommand& command, bool json, const Console& console);
// Until it is interrupted. JSON: a line for each.
int RunTail(LiveClient& client, const TailCommand& command, bool json, const Console& console);
// `title`: whom it is of.
int RunTop(LiveClient& client, const TopCommand& command, Terminal& terminal, const std::string& title,
           const Console& console);
// JSON: TraceResponse, one line.
int RunTrace(TraceClient& client, const TraceCommand& command, bool json, const Console& console);
int RunSteer(LiveClient& client, const SteerCommand& command, bool json, const Console& console);
// Reads and writes the file of contexts.
int RunContext(const ContextCommand& command, bool json, const Console& console);
int RunJournal(const JournalCommand& command, bool json, const Console& console);

// All of it. `arguments` without the program's name.
int Run(std::span<const std::string> arguments, const Console& console);

// To be called when a filter has left nothing: kFailure, and said, if it names a chain that the gateway does not know.
std::optional<int> SayIfNoSuchChain(AdminClient& client, const v1::DeadLetterFilter& filter, const Console& console);

// Asks at the console. Anything but y and yes is no.
bool Confirm(const std::string& question, const Console& console);

// "sluicectl: MESSAGE" on standard error.
int Fail(const absl::Status& status, const Console& console);

}  // namespace sluice::ctl
