// The commands about routes, chains and connections. Of command_line.cc, where CLI11 stays.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "client/cpp/ctl/command_line.h"

namespace sluice::ctl {

class ItemFlags {
 public:
  void AddTo(CLI::App& app) {
    Add(app, routes_, "routes", "what is subscribed to and where it leads: the file's, and what was put at run time");
    test_ = Command(*routes_.app, "test",
                    "which routes would take a message, and what becomes of it; exit status 1 if none takes it, or the "
                    "reply may not go");
    test_->add_option("--topic", topic_, "the message's topic, without wildcards")->required()->type_name("TOPIC");
    test_->add_option("--payload", payload_, "a file with its payload; -: standard input")->type_name("FILE");
    test_->add_option("--connection", connection_, "that it comes on [each]")->type_name("NAME");
    test_->add_option("--qos", qos_, "that it was published at")->check(CLI::Range(0, 2))->type_name("0|1|2");
    test_->add_option("--reply", reply_, "whether a reply may go to this topic, or would loop")->type_name("TOPIC");
    AddRuleGo(app);
    Add(app, chains_, "chains", "options of chains: the file's, and what was put at run time");
    Add(app, connections_, "connections", "brokers: the file's, and what was put at run time");
  }

  // Each: nothing: it is another command.
  std::optional<RuleGoCommand> rulego() const {
    if (!*rulego_) return std::nullopt;
    return RuleGoCommand{
        .path = path_, .connection = connection_, .password_file = password_file_, .dry_run = dry_run_};
  }
  std::optional<RoutesTestCommand> test() const {
    if (!*test_) return std::nullopt;
    RoutesTestCommand command;
    command.request.set_topic(topic_);
    command.request.set_connection(connection_);
    command.request.set_qos(qos_);
    command.request.set_reply_topic(reply_);
    command.payload_path = payload_;
    return command;
  }
  std::optional<ItemsCommand> command() const {
    for (const Kind* kind : {&routes_, &chains_, &connections_}) {
      if (std::optional<ItemsCommand> command = CommandOf(*kind)) return command;
    }
    return std::nullopt;
  }

 private:
  struct Kind {
    v1::ConfigurationItemKind kind;
    CLI::App* app = nullptr;
    CLI::App* list = nullptr;
    CLI::App* show = nullptr;
    CLI::App* put = nullptr;
    CLI::App* remove = nullptr;
  };

  static CLI::App* Command(CLI::App& parent, const char* name, const std::string& about) {
    return parent.add_subcommand(name, about)->fallthrough();
  }

  void AddRuleGo(CLI::App& app) {
    CLI::App* group = Command(app, "rulego", "RuleGo's MQTT endpoints");
    group->require_subcommand(1);
    rulego_ = Command(*group, "apply", "puts the routes, and the connections, that endpoint DSL means; all or nothing");
    rulego_->add_option("file", path_, "endpoint DSL, a list of it, or a chain with endpoints; -: standard input")
        ->required()
        ->type_name("FILE");
    rulego_->add_flag("--dry-run", dry_run_, "only check it, and say what would change");
    rulego_->add_option("--connection", connection_, "of the gateway, for all routes [each endpoint's own]")
        ->type_name("NAME");
    rulego_->add_option("--password-file", password_file_, "on the gateway's machine, in place of the password")
        ->type_name("PATH");
  }

  void Add(CLI::App& app, Kind& kind, const char* name, const char* about) {
    const bool is_route = kind.kind == v1::CONFIGURATION_ITEM_KIND_ROUTE;
    kind.app = Command(app, name, about);
    kind.app->require_subcommand(1);
    kind.list = Command(*kind.app, "list", "all of them, and where each comes from");
    kind.show = Command(*kind.app, "show", "one, as the file has it");
    kind.show->add_option("id", id_, is_route ? "its id" : "its name")->required()->type_name("ID");
    kind.put = Command(*kind.app, "put", "new, or in place of those that were put under the same ids; all or nothing");
    kind.put
        ->add_option("file", path_,
                     std::string("YAML or JSON: ") +
                         (is_route ? "a route as in the file, a list of them" : "NAME: {KEYS…} as in the file") +
                         ", or `routes:`, `chains:` and `connections:`; -: standard input")
        ->required()
        ->type_name("FILE");
    kind.remove = Command(*kind.app, "delete", "one that was put; what it has taken in is delivered");
    kind.remove->add_option("id", id_, is_route ? "its id" : "its name")->required()->type_name("ID");
    for (CLI::App* act : {kind.put, kind.remove}) {
      act->add_flag("--dry-run", dry_run_, "only check it, and say what would change");
      act->add_option("--expect", expected_,
                      "only if it has this version, which list and show say; 0: only if it is not there yet")
          ->type_name("VERSION");
    }
  }

  std::optional<ItemsCommand> CommandOf(const Kind& kind) const {
    if (!*kind.app) return std::nullopt;
    ItemsCommand command{.kind = kind.kind};
    command.dry_run = dry_run_;
    command.expected_version = expected_;
    if (*kind.list) {
      command.verb = ItemsCommand::Verb::kList;
    } else if (*kind.show) {
      command.verb = ItemsCommand::Verb::kShow;
      command.id = id_;
    } else if (*kind.put) {
      command.verb = ItemsCommand::Verb::kPut;
      command.path = path_;
    } else {
      command.verb = ItemsCommand::Verb::kDelete;
      command.id = id_;
    }
    return command;
  }

  CLI::App* test_ = nullptr;
  CLI::App* rulego_ = nullptr;
  std::string password_file_;
  std::string topic_;
  std::string payload_;
  std::string connection_;
  std::string reply_;
  uint32_t qos_ = 1;
  std::string id_;
  std::string path_;
  bool dry_run_ = false;
  std::optional<uint64_t> expected_;
  Kind routes_{.kind = v1::CONFIGURATION_ITEM_KIND_ROUTE};
  Kind chains_{.kind = v1::CONFIGURATION_ITEM_KIND_CHAIN};
  Kind connections_{.kind = v1::CONFIGURATION_ITEM_KIND_CONNECTION};
};

}  // namespace sluice::ctl
