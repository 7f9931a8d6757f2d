#include "client/cpp/ctl/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

#include "client/cpp/ctl/command_words.h"
#include "client/cpp/ctl/examples.h"
#include "client/cpp/ctl/filter_flags.h"
#include "client/cpp/ctl/item_flags.h"
#include "client/cpp/ctl/live_flags.h"
#include "client/cpp/ctl/target_flags.h"
#include "version/version.h"

namespace sluice::ctl {
namespace {

constexpr char kAbout[] =
    "sluicectl: asks a Sluice gateway how it stands, steers it, and sees to its dead letters.\n\n"
    "  sluicectl status\n"
    "  sluicectl workers list --watch                    (and chains status, connections status)\n"
    "  sluicectl top                                     (a live screen)\n"
    "  sluicectl tail --topic 'plant/+/temp' --outcome reject\n"
    "  sluicectl trace 01890a5d-ac96-774b-bcce-b302099a8057   (what has become of a message; trace --topic)\n"
    "  sluicectl chain pause temperature --reason 'bad deploy'\n"
    "  sluicectl config diff gateway.yaml                (what it would change; config apply does it)\n"
    "  sluicectl routes put route.yaml                   (and list, show, delete; also of chains)\n"
    "  sluicectl dlq list --chain temperature --newer-than 24h\n"
    "  sluicectl dlq replay --chain temperature --reason 'lease expired'\n"
    "  sluicectl dlq export letters.jsonl                (a backup; dlq import puts it back)\n"
    "  sluicectl session end sluice-2                    (of a replica that will not come back)\n"
    "  sluicectl permissions test --as spiffe://plant/worker/7 --chain temperature --reply plant/7/reply\n"
    "  sluicectl context use plant                       (which gateway is meant; context set names one)\n"
    "  sluicectl journal verify /var/lib/sluice          (of a gateway that does not run)\n\n"
    "Exit status: 0 done, 1 it failed, 2 the command line is wrong.\n";

struct Flags : TargetFlags {
  std::string context_name;
  bool all_replicas = false;
  bool json = false;
  FilterFlags filter;
  uint32_t limit = 100;
  std::vector<std::string> ids;
  bool all = false;
  bool yes = false;
  bool full = false;
  std::string path;
  std::string connection;
  bool is_client_id = false;
  std::vector<std::string> names;
  std::vector<std::string> claims;
  std::string chain;
  std::string reply;
  std::string message_topic;
  uint32_t qos = 0;
  bool retain = false;
  std::string config;
  std::string expected;
};

class Parser {
 public:
  explicit Parser(Flags& flags) : flags_(flags) {
    app_.name("sluicectl");
    app_.require_subcommand(1);
    app_.set_version_flag("--version", "sluicectl " + std::string(BuildText()),
                          "print version, commit and build, and exit");
    Target& target = flags.target;
    app_.add_option("--address", flags.addresses,
                    "the gateway's admin.listen: unix:PATH or HOST:PORT; also from $SLUICE_ADMIN [" +
                        std::string(kDefaultAddress) + "]; of several replicas, with commas between; may be repeated")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->type_name("ADDRESS");
    app_.add_option("--context", flags.context,
                    "the gateway that the context of this name says; also from $SLUICE_CONTEXT [context use]")
        ->type_name("NAME");
    app_.add_option("--ca-file", target.ca_file, "PEM file to check the gateway's certificate with; asks for TLS")
        ->type_name("FILE");
    app_.add_option("--cert-file", target.cert_file, "certificate to show the gateway; asks for TLS")
        ->type_name("FILE");
    app_.add_option("--key-file", target.key_file, "the key that goes with --cert-file")->type_name("FILE");
    app_.add_option("--token-file", target.token_file,
                    "file with a bearer token to show the gateway; asks for TLS, save on this machine")
        ->type_name("FILE");
    app_.add_flag("--json", flags.json, "answer in JSON: an object, for lists one a line");

    status_ = Command(app_, "status", "how the gateway stands");
    AddAll(*status_);
    CLI::App* dlq = Command(app_, "dlq", "dead letters: what no worker could settle, and replies that were refused");
    dlq->require_subcommand(1);
    list_ = Command(*dlq, "list", "the oldest first");
    flags.filter.AddTo(*list_);
    AddAll(*list_);
    list_->add_option("--limit", flags.limit, "at most so many; 0: all")->capture_default_str()->type_name("N");
    show_ = Command(*dlq, "show", "one, with its payload and properties");
    show_->add_option("id", flags.ids, "its id")->required()->expected(1)->type_name("ID");
    show_->add_flag("--full", flags.full, "all of the payload, however large");
    replay_ = Act(*dlq, "replay", "back to their chains, or brokers, with the same ids and no attempts counted");
    purge_ = Act(*dlq, "purge", "remove for good");

    export_ = Command(*dlq, "export", "to a file, with their payloads: a line of JSON each; what is there is replaced");
    export_->add_option("file", flags.path, "made with mode 0600; -: standard output")->required()->type_name("FILE");
    flags.filter.AddTo(*export_);
    import_ = Command(*dlq, "import", "what dlq export wrote; what is there already, by its id, stays as it is");
    import_
        ->add_option("file", flags.path, "read as a whole before anything is imported; -: standard input, as it comes")
        ->required()
        ->type_name("FILE");

    CLI::App* session = Command(app_, "session", "what the brokers keep for a replica");
    session->require_subcommand(1);
    end_ = Command(*session, "end",
                   "end the sessions of another replica that will not come back, and what brokers keep for it");
    end_->add_option("name", flags.ids, "the replica's gateway.name, which its client ids hold")
        ->required()
        ->expected(1)
        ->type_name("NAME");
    end_->add_flag("--client-id", flags.is_client_id, "NAME is a client id itself");
    end_->add_option("--connection", flags.connection, "at this connection's broker only")->type_name("CONNECTION");
    end_->add_flag("--yes", flags.yes, "do not ask");

    CLI::App* journal = Command(app_, "journal", "the journal of a gateway that does not run");
    journal->require_subcommand(1);
    inspect_ = Journal(*journal, "inspect", "what stands in it");
    verify_ = Journal(*journal, "verify", "check all of it; exit status 1 if something is damaged");
    AddPermissions();
    AddConfig();
    CLI::App* connection = Command(app_, "connection", "connections to brokers");
    connection->require_subcommand(1);
    reconnect_ = Command(*connection, "reconnect",
                         "make one anew at once, with the passwords, certificates and keys that its files have now");
    reconnect_->add_option("name", flags_.connection, "as in the configuration")->required()->type_name("NAME");
    items_.AddTo(app_);
    live_.AddTo(app_);
    for (CLI::App* each : live_.of_replicas()) AddAll(*each);
    AddContexts();
    AddExamples(app_, "");
  }

  void AddContexts() {
    CLI::App* context = Command(app_, "context", "names for gateways, in a file of yours");
    context->require_subcommand(1);
    const auto add = [this, context](ContextCommand::Verb verb, const char* name, const char* about) {
      return contexts_.emplace_back(Command(*context, name, about), verb).first;
    };
    add(ContextCommand::Verb::kList, "list", "all of them, with * at the one in use");
    const auto name_it = [this](CLI::App* app, const char* about) {
      return app->add_option("name", flags_.context_name, about)->type_name("NAME");
    };
    name_it(add(ContextCommand::Verb::kUse, "use", "take it from now on, where nothing else is said"), "its name")
        ->required();
    name_it(add(ContextCommand::Verb::kShow, "show", "how it reaches its gateway"), "its name [the one in use]");
    name_it(add(ContextCommand::Verb::kSet, "set",
                "make or change it: with --address, --ca-file, --cert-file, --key-file and --token-file"),
            "its name")
        ->required();
    name_it(add(ContextCommand::Verb::kDelete, "delete", "forget it"), "its name")->required();
  }

  void AddConfig() {
    CLI::App* config = Command(app_, "config", "the configuration that runs, and what another one would change");
    config->require_subcommand(1);
    config_show_ = Command(*config, "show", "what runs, as YAML without secrets");
    config_diff_ = Command(*config, "diff", "what a file would change; exit status 1 if it cannot be applied");
    config_diff_->add_option("file", flags_.path, "read here; -: standard input")->required()->type_name("FILE");
    config_apply_ =
        Command(*config, "apply", "change what runs, without a restart; after an error nothing has changed");
    config_apply_
        ->add_option("file", flags_.path, "read here, and lasts until the gateway ends [its own file, read anew]")
        ->type_name("FILE");
    config_apply_->add_option("--expect", flags_.expected, "only if this version runs")->type_name("HASH");
  }

  void AddPermissions() {
    CLI::App* permissions = Command(app_, "permissions", "what the rules of a configuration come to");
    permissions->require_subcommand(1);
    test_ = Command(*permissions, "test",
                    "whether a principal may serve a chain, and reply to a topic, and why; exit status 1 if not");
    test_->add_option("--as", flags_.names, "its name, such as spiffe://plant/worker/7 or sub:SUBJECT; may be repeated")
        ->required()
        ->type_name("PRINCIPAL");
    test_->add_option("--claim", flags_.claims, "what its token says besides; may be repeated")
        ->type_name("NAME=VALUE");
    test_->add_option("--chain", flags_.chain, "the chain it wants to serve")->required()->type_name("NAME");
    test_->add_option("--reply", flags_.reply, "the topic it wants to reply to")->type_name("TOPIC");
    test_->add_option("--message-topic", flags_.message_topic, "the topic of the message it answers, for ${topic.N}")
        ->type_name("TOPIC");
    test_->add_option("--qos", flags_.qos, "the reply's QoS")->check(CLI::Range(0, 2))->type_name("0|1|2");
    test_->add_flag("--retain", flags_.retain, "the reply is to be retained");
    test_->add_option("--config", flags_.config, "ask this configuration instead of a gateway that runs")
        ->type_name("FILE");
  }

  void Parse(std::span<const std::string> arguments) {
    CheckCommands(app_, arguments);
    app_.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  }
  int Exit(const CLI::ParseError& error, const Console& console) const {
    return app_.exit(error, console.out, console.err) == 0 ? kOk : kUsage;
  }

  decltype(CommandLine::command) command() const {
    // Some of these stand beside those of items_, under the same word.
    if (const std::optional<LiveFlags::Command> live = live_.command()) {
      return std::visit([](const auto& command) -> decltype(CommandLine::command) { return command; }, *live);
    }
    if (const std::optional<RuleGoCommand> rulego = items_.rulego()) return *rulego;
    if (const std::optional<RoutesTestCommand> test = items_.test()) return *test;
    if (const std::optional<ItemsCommand> items = items_.command()) return *items;
    for (const auto& [app, verb] : contexts_) {
      if (*app) return ContextCommand{.verb = verb, .name = flags_.context_name, .context = SaidContext()};
    }
    if (*status_) return StatusCommand{};
    if (*list_) return ListCommand{.filter = flags_.filter.ToProto(), .limit = flags_.limit};
    if (*show_) return ShowCommand{.id = flags_.ids.front(), .full = flags_.full};
    if (*replay_) return ActOn(ActCommand::Verb::kReplay);
    if (*purge_) return ActOn(ActCommand::Verb::kPurge);
    if (*export_) return ExportCommand{.filter = flags_.filter.ToProto(), .path = flags_.path};
    if (*import_) return ImportCommand{.path = flags_.path};
    if (*end_) return EndSession();
    if (*test_) return TestPermissions();
    if (*reconnect_) return ReconnectCommand{.connection = flags_.connection};
    if (*config_show_) return ConfigCommand{.verb = ConfigCommand::Verb::kShow};
    if (*config_diff_) return ConfigCommand{.verb = ConfigCommand::Verb::kDiff, .path = flags_.path};
    if (*config_apply_) return ConfigCommand{.path = flags_.path, .expected_hash = flags_.expected};
    return JournalCommand{.path = flags_.path, .verify = bool(*verify_)};
  }

  // Whether the command can ask several replicas.
  bool asks_replicas() const {
    return std::ranges::any_of(replicated_, [](const CLI::App* app) { return bool(*app); });
  }

 private:
  void AddAll(CLI::App& app) {
    app.add_flag("--all", flags_.all_replicas,
                 "every replica: each --address, and each address behind a name, such as a headless Service");
    replicated_.push_back(&app);
  }
  // `path`: the words of the command.
  static void AddExamples(CLI::App& app, const std::string& path) {
    for (CLI::App* each : app.get_subcommands([](const CLI::App*) { return true; })) {
      AddExamples(*each, path.empty() ? each->get_name() : path + " " + each->get_name());
    }
    for (const CommandExample& example : kExamples) {
      if (example.command != path) continue;
      std::string text = "Examples:\n  sluicectl ";
      for (const char c : example.lines) text += c == '\n' ? std::string("\n  sluicectl ") : std::string(1, c);
      app.footer(text);
    }
  }
  Context SaidContext() const {
    return {.addresses = flags_.addresses,
            .ca_file = flags_.target.ca_file,
            .cert_file = flags_.target.cert_file,
            .key_file = flags_.target.key_file,
            .token_file = flags_.target.token_file};
  }

  static CLI::App* Command(CLI::App& parent, const char* name, const char* about) {
    // What is said of the whole may stand behind the command, too.
    return parent.add_subcommand(name, about)->fallthrough();
  }
  CLI::App* Act(CLI::App& parent, const char* name, const char* about) {
    CLI::App* app = Command(parent, name, about);
    app->add_option("ids", flags_.ids, "these; otherwise say which with the options below")->type_name("ID");
    flags_.filter.AddTo(*app);
    app->add_flag("--all", flags_.all, "all there are");
    app->add_flag("--yes", flags_.yes, "do not ask before more than named ids are acted on");
    return app;
  }
  CLI::App* Journal(CLI::App& parent, const char* name, const char* about) {
    CLI::App* app = Command(parent, name, about);
    app->add_option("path", flags_.path, "journal.path, or the log's own directory in it")
        ->required()
        ->type_name("PATH");
    return app;
  }
  ActCommand ActOn(ActCommand::Verb verb) const {
    ActCommand act{.verb = verb, .selection = {}, .yes = flags_.yes};
    const int ways = (flags_.ids.empty() ? 0 : 1) + (flags_.filter.any() ? 1 : 0) + (flags_.all ? 1 : 0);
    if (ways != 1) throw CLI::ValidationError("which ones", "give ids, or a filter such as --chain, or --all");
    if (flags_.ids.empty()) {
      *act.selection.mutable_filter() = flags_.filter.ToProto();
    } else {
      act.selection.mutable_ids()->Add(flags_.ids.begin(), flags_.ids.end());
    }
    return act;
  }

  EndSessionCommand EndSession() const {
    EndSessionCommand command{.request = {}, .yes = flags_.yes};
    (flags_.is_client_id ? *command.request.mutable_client_id() : *command.request.mutable_gateway()) =
        flags_.ids.front();
    command.request.set_connection(flags_.connection);
    return command;
  }

  PermissionsCommand TestPermissions() const {
    PermissionsCommand command{.request = {}, .config = flags_.config};
    command.request.mutable_names()->Add(flags_.names.begin(), flags_.names.end());
    for (const std::string& claim : flags_.claims) {
      const size_t equals = claim.find('=');
      if (equals == std::string::npos) throw CLI::ValidationError("--claim", "'" + claim + "' is not NAME=VALUE");
      v1::PrincipalClaim& one = *command.request.add_claims();
      one.set_name(claim.substr(0, equals));
      one.set_value(claim.substr(equals + 1));
    }
    command.request.set_chain(flags_.chain);
    command.request.set_reply_topic(flags_.reply);
    command.request.set_message_topic(flags_.message_topic);
    command.request.set_qos(flags_.qos);
    command.request.set_retain(flags_.retain);
    return command;
  }

  Flags& flags_;
  LiveFlags live_;
  CLI::App app_{kAbout};
  ItemFlags items_;
  std::vector<CLI::App*> replicated_;
  std::vector<std::pair<CLI::App*, ContextCommand::Verb>> contexts_;
  CLI::App* status_ = nullptr;
  CLI::App* list_ = nullptr;
  CLI::App* show_ = nullptr;
  CLI::App* replay_ = nullptr;
  CLI::App* purge_ = nullptr;
  CLI::App* export_ = nullptr;
  CLI::App* import_ = nullptr;
  CLI::App* end_ = nullptr;
  CLI::App* inspect_ = nullptr;
  CLI::App* verify_ = nullptr;
  CLI::App* test_ = nullptr;
  CLI::App* reconnect_ = nullptr;
  CLI::App* config_show_ = nullptr;
  CLI::App* config_diff_ = nullptr;
  CLI::App* config_apply_ = nullptr;
};

CommandLine Wrong(CommandLine line) {
  line.exit = kUsage;
  return line;
}

}  // namespace

CommandLine ParseCommandLine(std::span<const std::string> arguments, const Console& console) {
  CommandLine line;
  Flags flags;
  Parser parser(flags);
  try {
    parser.Parse(arguments);
    line.command = parser.command();
  } catch (const CLI::ParseError& error) {
    line.exit = parser.Exit(error, console);
    return line;
  }
  line.json = flags.json;
  if (std::holds_alternative<JournalCommand>(line.command) || std::holds_alternative<ContextCommand>(line.command)) {
    return CheckAddresses(flags.addresses, console) ? line : Wrong(std::move(line));
  }
  if (!ChooseTarget(flags, console)) return Wrong(std::move(line));
  if (!CheckTlsOptions(flags.target, console)) return Wrong(std::move(line));
  if (!CheckAddresses(flags.addresses, console)) return Wrong(std::move(line));
  line.all = parser.asks_replicas() && (flags.all_replicas || flags.addresses.size() > 1);
  if (flags.addresses.size() > 1 && !line.all) {
    console.err << "--address: this command asks one gateway, and there are " << flags.addresses.size() << "\n";
    return Wrong(std::move(line));
  }
  line.targets = TargetsOf(flags);
  line.target = line.targets.front();
  return line;
}

}  // namespace sluice::ctl
