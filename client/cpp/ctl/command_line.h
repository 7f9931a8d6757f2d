// sluicectl's command line. CLI11 stays behind command_line.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "client/cpp/ctl/console.h"
#include "client/cpp/ctl/contexts.h"
#include "client/cpp/ctl/live_command.h"
#include "sluice/v1/admin.pb.h"

namespace sluice::ctl {

// How to reach the gateway.
struct Target {
  std::string address;  // unix:PATH or HOST:PORT.
  bool tls = false;     // One of the files of TLS is set, or a token goes to another machine.
  std::string ca_file;  // Empty: the system's authorities.
  std::string cert_file;
  std::string key_file;
  std::string token_file;   // With a bearer token to show; empty: none.
  std::string server_name;  // Whom the gateway's certificate must name; empty: the host in the address.
};

struct StatusCommand {};
struct ListCommand {
  v1::DeadLetterFilter filter;
  uint32_t limit = 100;  // 0: all.
};
struct ShowCommand {
  std::string id;
  bool full = false;
};
// Of replay and purge.
struct ActCommand {
  enum class Verb : uint8_t { kReplay, kPurge };
  Verb verb = Verb::kReplay;
  v1::DeadLetterSelection selection;
  bool yes = false;
};
struct ExportCommand {
  v1::DeadLetterFilter filter;
  std::string path;
};
struct ImportCommand {
  std::string path;
};
struct EndSessionCommand {
  v1::EndSessionRequest request;
  bool yes = false;
};
struct ReconnectCommand {
  std::string connection;
};
struct JournalCommand {
  std::string path;
  bool verify = false;
};

// What a principal may, by a configuration: asked of its file, or of the gateway that runs with one.
struct PermissionsCommand {
  v1::ExplainPermissionRequest request;
  std::string config;  // Empty: ask the gateway.
};

struct ConfigCommand {
  enum class Verb : uint8_t { kShow, kDiff, kApply };
  Verb verb = Verb::kApply;
  std::string path;           // Empty: the gateway's own file.
  std::string expected_hash;  // Empty: whichever version runs.
};

// Routes, chains or connections.
struct ItemsCommand {
  enum class Verb : uint8_t { kList, kShow, kPut, kDelete };
  v1::ConfigurationItemKind kind = v1::CONFIGURATION_ITEM_KIND_ROUTE;
  Verb verb = Verb::kList;
  std::string id;    // Of show and delete.
  std::string path;  // Of put.
  bool dry_run = false;
  std::optional<uint64_t> expected_version;  // Nothing: whichever.
};

// What routes would do with a message.
struct RoutesTestCommand {
  v1::TestRoutesRequest request;
  std::string payload_path;  // Empty: no payload; "-": standard input.
};

// Puts what RuleGo's endpoints mean.
struct RuleGoCommand {
  std::string path;           // "-": standard input.
  std::string connection;     // Of all routes; empty: each endpoint's own.
  std::string password_file;  // On the gateway's machine; empty: none.
  bool dry_run = false;
};

// The file of contexts.
struct ContextCommand {
  enum class Verb : uint8_t { kList, kUse, kShow, kSet, kDelete };
  Verb verb = Verb::kList;
  std::string name;  // Of show: empty is the one in use.
  Context context;   // Of set: what the command line says.
};

struct CommandLine {
  // Set after --help, --version and mistakes: what has been said is all there is to do.
  std::optional<int> exit;
  Target target;                // The first of them.
  std::vector<Target> targets;  // At least one.
  bool all = false;             // Ask all replicas: those of `targets`, and behind their names.
  bool json = false;
  std::variant<StatusCommand, ListCommand, ShowCommand, ActCommand, ExportCommand, ImportCommand, EndSessionCommand,
               ReconnectCommand, JournalCommand, PermissionsCommand, ConfigCommand, ItemsCommand, RoutesTestCommand,
               RuleGoCommand, LookCommand, TailCommand, TopCommand, TraceCommand, SteerCommand, ContextCommand>
      command;
};

// `arguments` without the program's name. Says what is wrong.
CommandLine ParseCommandLine(std::span<const std::string> arguments, const Console& console);

}  // namespace sluice::ctl
