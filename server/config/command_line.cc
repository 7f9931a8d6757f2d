#include "server/config/command_line.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <utility>

#include "server/config/client_id.h"
#include "server/config/nearest.h"
#include "server/config/rulego.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

// The connection that --broker makes.
constexpr const char* kBroker = "broker";
constexpr int kUsageError = 2;

constexpr std::string_view kHelp =
    R"(sluice-gateway: hands MQTT messages to remote workers over gRPC, and publishes what they reply.

With a configuration file:
  sluice-gateway --config FILE            run
  sluice-gateway --config FILE --check    only say what is wrong with the file: exit status 0 (nothing) or 1

For a first try, without a file:
  sluice-gateway --broker HOST:PORT --subscribe 'FILTER=CHAIN' --insecure

  Takes the messages whose topic matches FILTER and gives them to workers of CHAIN, for instance
  sluice-gateway --broker 127.0.0.1:1883 --subscribe 'plant/+/temp=temperature' --insecure

Options:
  --config FILE           the configuration, YAML (docs/configuration.md)
  --check                 check the configuration, print every error with its line, and end
  --test TOPIC            say which routes of --config would take a message of this topic, and where it would go, and end;
                          with --connection NAME, --payload FILE, and --reply TOPIC: whether a reply may go there
  --import-rulego FILE    print a configuration for RuleGo's MQTT endpoints in FILE (endpoint DSL), and end
  --watch                 look at the file each second, and take a change of it while the gateway runs

Instead of a file:
  --broker URL            the MQTT broker: host:port, or tcp:// mqtt:// ssl:// mqtts:// ws:// wss:// before it
  --subscribe FILTER=CHAIN
                          a topic filter ('+' and '#' are wildcards, $share/GROUP/ is allowed before it) and the
                          chain it goes to (CHAIN, CHAIN:START_NODE, ${topic}); may be repeated
  --insecure              workers connect in plain text and without a password; needed with --broker, since
                          certificates need a file
  --qos N                 subscribe at QoS 0, 1 or 2 (default 1)
  --reply-allow FILTER    workers may reply to these topics only; may be repeated (default: all but $…)
  --journal DIRECTORY     keep what is not settled on disk (default: in memory, lost when the gateway is killed)

With or without a file:
  --workers-listen ADDR   where workers connect to: HOST:PORT or unix:PATH (default 127.0.0.1:7443)
  --http-listen ADDR      where /healthz, /readyz and /metrics are: HOST:PORT (default 127.0.0.1:9090)
  --salvage               open a damaged journal with all that can be read of it; says what is lost
  --log-level LEVEL       debug, info, warning or error (default info)
  --log-format FORMAT     auto, text or json (default auto: text on a terminal, else json)
  --version               print version, commit and build
  --help                  print this

Signals: SIGTERM and SIGINT drain and end; a second one ends at once. SIGHUP reads the configuration anew.
Exit status: 0 ended as asked, 1 the configuration is wrong or the gateway cannot run, 2 the command line is wrong,
3 ended before everything was settled and confirmed (docs/operations.md).
)";

// The flags as they stand; empty or false where not given.
struct Flags {
  std::string config;
  std::string import_rulego;
  std::string test;
  std::string connection;
  std::string payload;
  std::string reply;
  std::string broker;
  std::vector<std::string> subscribe;
  std::string qos;
  std::vector<std::string> reply_allow;
  std::string journal;
  std::string workers_listen;
  std::string http_listen;
  std::string log_level;
  std::string log_format;
  bool check = false;
  bool watch = false;
  bool insecure = false;
  bool salvage = false;
  bool help = false;
  bool version = false;
};

class Parser {
 public:
  explicit Parser(Flags& flags) {
    app_.set_help_flag();
    app_.allow_extras();
    Text("--config", flags.config);
    Text("--import-rulego", flags.import_rulego);
    Text("--test", flags.test);
    Text("--connection", flags.connection);
    Text("--payload", flags.payload);
    Text("--reply", flags.reply);
    Text("--broker", flags.broker);
    List("--subscribe", flags.subscribe);
    Text("--qos", flags.qos);
    List("--reply-allow", flags.reply_allow);
    Text("--journal", flags.journal);
    Text("--workers-listen", flags.workers_listen);
    Text("--http-listen", flags.http_listen);
    Text("--log-level", flags.log_level);
    Text("--log-format", flags.log_format);
    Flag("--check", flags.check);
    Flag("--watch", flags.watch);
    Flag("--insecure", flags.insecure);
    Flag("--salvage", flags.salvage);
    Flag("--help,-h", flags.help);
    Flag("--version", flags.version);
  }

  // What is wrong with the arguments by themselves; empty: nothing.
  std::string Parse(std::span<const std::string> arguments) {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    try {
      app_.parse(std::move(reversed));
    } catch (const CLI::ArgumentMismatch& e) {  // "--qos: At Most 1 required but received 2".
      const std::string_view what = e.what();
      return text::Concat(what.substr(0, what.find(':')), " must be given once, with one value");
    } catch (const CLI::Error& e) {
      return e.what();
    }
    const std::vector<std::string> unknown = app_.remaining();
    return unknown.empty() ? "" : Unknown(unknown.front());
  }

  bool Given(const std::string& flag) const { return app_.count(flag) > 0; }

 private:
  void Text(const char* name, std::string& out) { Name(*app_.add_option(name, out)); }
  void List(const char* name, std::vector<std::string>& out) {
    Name(*app_.add_option(name, out)->allow_extra_args(false));
  }
  void Flag(const char* name, bool& out) { Name(*app_.add_flag(name, out)); }
  void Name(const CLI::Option& option) { names_.push_back("--" + option.get_lnames().front()); }

  std::string Unknown(const std::string& argument) const {
    if (!argument.starts_with('-')) {
      return text::Concat("'", argument, "' belongs to no option (a configuration file is given as --config FILE)");
    }
    const std::string flag = argument.substr(0, argument.find('='));
    const std::vector<std::string_view> names(names_.begin(), names_.end());
    return text::Concat("unknown option '", flag, "'", DidYouMean(flag, names));
  }

  CLI::App app_;
  std::vector<std::string> names_;
};

// What is wrong with the flags together; empty: nothing.
std::string CheckTogether(const Parser& parser, const Flags& flags) {
  for (const char* flag : {"--connection", "--payload", "--reply"}) {
    if (parser.Given(flag) && !parser.Given("--test")) return text::Concat(flag, " goes with --test TOPIC");
  }
  if (parser.Given("--config")) {
    for (const char* flag : {"--broker", "--subscribe", "--insecure", "--qos", "--reply-allow", "--journal"}) {
      if (parser.Given(flag)) return text::Concat(flag, " stands instead of a file, and --config is given too");
    }
    return flags.config.empty() ? "--config needs the name of a file" : "";
  }
  if (!parser.Given("--broker")) {
    return "nothing to run: give --config FILE, or for a first try --broker HOST:PORT --subscribe 'FILTER=CHAIN' "
           "--insecure";
  }
  if (flags.watch) return "--watch has no file to look at; it goes with --config FILE";
  if (flags.subscribe.empty()) return "--broker needs at least one --subscribe 'FILTER=CHAIN'";
  for (const std::string& subscription : flags.subscribe) {
    if (text::Contains(subscription, "=")) continue;
    return text::Concat("--subscribe ", subscription,
                        ": found no '='; allowed: FILTER=CHAIN, such as "
                        "'plant/+/temp=temperature'");
  }
  if (!flags.insecure) {
    return "--broker needs --insecure, which says that workers connect in plain text; for TLS write a file "
           "(docs/configuration.md) and give --config FILE";
  }
  return "";
}

std::vector<Setting> BrokerSettings(const Flags& flags) {
  std::vector<Setting> settings = {
      {{"connections", kBroker, "server"}, flags.broker},
      {{"connections", kBroker, "qos"}, flags.qos.empty() ? "1" : flags.qos},
      {{"workers", "insecure"}, "true"},
      {{"journal", "enabled"}, flags.journal.empty() ? "false" : "true"},
  };
  if (!flags.journal.empty()) settings.push_back({{"journal", "path"}, flags.journal});
  for (size_t i = 0; i < flags.subscribe.size(); ++i) {
    const std::string index = text::Concat("[", i, "]");
    const size_t equals = flags.subscribe[i].rfind('=');
    settings.push_back({{"routes", index, "id"}, flags.subscribe[i]});
    settings.push_back({{"routes", index, "from", "path"}, flags.subscribe[i].substr(0, equals)});
    settings.push_back({{"routes", index, "to", "path"}, flags.subscribe[i].substr(equals + 1)});
  }
  for (size_t i = 0; i < flags.reply_allow.size(); ++i) {
    settings.push_back({{"replies", "allow", text::Concat("[", i, "]")}, flags.reply_allow[i]});
  }
  return settings;
}

CommandLine Mistake(std::string_view what) {
  CommandLine line;
  line.exit = Exit{.code = kUsageError,
                   .out = "",
                   .err = text::Concat("sluice-gateway: ", what, "\nsluice-gateway --help says more.\n")};
  return line;
}

}  // namespace

CommandLine ParseCommandLine(std::span<const std::string> arguments) {
  Flags flags;
  Parser parser(flags);
  if (const std::string mistake = parser.Parse(arguments); !mistake.empty()) return Mistake(mistake);
  CommandLine line;
  if (flags.help) {
    line.exit = Exit{.code = 0, .out = std::string(kHelp), .err = ""};
    return line;
  }
  if (flags.version) {
    line.version = true;
    return line;
  }
  if (!flags.import_rulego.empty()) {
    line.import_rulego = flags.import_rulego;
    return line;
  }
  if (const std::string mistake = CheckTogether(parser, flags); !mistake.empty()) return Mistake(mistake);
  line.check = flags.check;
  line.test_topic = flags.test;
  line.test_connection = flags.connection;
  line.test_payload_file = flags.payload;
  line.test_reply = flags.reply;
  line.watch = flags.watch;
  line.salvage = flags.salvage;
  line.config_file = flags.config;
  if (flags.config.empty()) line.settings = BrokerSettings(flags);
  auto override_with = [&](const std::string& flag, std::vector<std::string> path, const std::string& value) {
    if (parser.Given(flag)) line.settings.push_back({std::move(path), value});
  };
  override_with("--workers-listen", {"workers", "listen"}, flags.workers_listen);
  override_with("--http-listen", {"http", "listen"}, flags.http_listen);
  override_with("--log-level", {"log", "level"}, flags.log_level);
  override_with("--log-format", {"log", "format"}, flags.log_format);
  return line;
}

Exit ImportFor(const CommandLine& command_line, const Surroundings& surroundings) {
  const absl::StatusOr<std::string> text = surroundings.read_file(command_line.import_rulego);
  if (!text.ok()) {
    return {
        .code = 1,
        .out = "",
        .err = text::Concat("--import-rulego ", command_line.import_rulego, ": ", text::Message(text.status()), "\n")};
  }
  RuleGoImport import = ImportRuleGo(*text, command_line.import_rulego);
  Exit exit;
  for (const Diagnostic& error : import.errors) exit.err += error.ToString() + "\n";
  for (const std::string& warning : import.warnings) exit.err += text::Concat(warning, " (warning)\n");
  exit.code = import.errors.empty() ? 0 : 1;
  if (import.errors.empty()) exit.out = std::move(import.yaml);
  return exit;
}

LoadResult LoadFor(const CommandLine& command_line, const Surroundings& surroundings,
                   std::span<const Addition> additions) {
  LoadResult result;
  if (!command_line.config_file.empty()) {
    result = LoadConfigFile(command_line.config_file, surroundings, command_line.settings, additions);
  } else {
    std::vector<Setting> settings = command_line.settings;
    settings.push_back({{"connections", kBroker, "clientId"}, DerivedClientId(surroundings.host_name, kBroker)});
    result = LoadSettings(settings, surroundings, additions);
  }
  result.config.journal.salvage = command_line.salvage;
  return result;
}

LoadResult LoadTextFor(const CommandLine& command_line, std::string_view text, const std::string& name,
                       const Surroundings& surroundings, std::span<const Addition> additions) {
  LoadResult result;
  if (command_line.config_file.empty()) {
    result.errors.push_back(
        {.file = name, .line = 0, .column = 0, .message = "the gateway was started without a file (--config)"});
    return result;
  }
  result = LoadConfig(text, name, surroundings, command_line.settings, additions);
  result.config.journal.salvage = command_line.salvage;
  return result;
}

Exit Report(const CommandLine& command_line, const LoadResult& result) {
  Exit exit;
  for (const Diagnostic& error : result.errors) exit.err += error.ToString() + "\n";
  if (!result.ok()) {
    exit.code = 1;
    return exit;
  }
  for (const std::string& warning : result.config.warnings) exit.out += text::Concat(warning, " (warning)\n");
  const std::string what = command_line.config_file.empty() ? "the command line" : command_line.config_file;
  exit.out += text::Concat(what, ": ok\n");
  return exit;
}

}  // namespace sluice
