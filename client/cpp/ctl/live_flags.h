// The commands of live_command.h. Of command_line.cc, where CLI11 stays.
#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "client/cpp/ctl/live_command.h"
#include "server/config/duration.h"

namespace sluice::ctl {

class LiveFlags {
 public:
  using Command = std::variant<LookCommand, SteerCommand, TailCommand, TopCommand, TraceCommand>;

  void AddTo(CLI::App& app) {
    CLI::App& workers = Group(app, "workers", "workers' streams, and what they do just now");
    Look(workers, LookCommand::What::kWorkers, "list", "all of them, with what they hold and how fast they settle it");
    Look(workers, LookCommand::What::kWorker, "show", "one, with all that is known of it")
        ->add_option("worker", name_, "its session, NAME/INSTANCE or NAME, as list says them")
        ->required()
        ->type_name("WORKER");
    CLI::App& chains = Group(app, "chains", "chains of messages");
    Look(chains, LookCommand::What::kChains, "status", "what waits, who works and how fast; whether it is paused")
        ->add_option("chain", name_, "this one only")
        ->type_name("NAME");
    CLI::App& connections = Group(app, "connections", "connections to brokers");
    Look(connections, LookCommand::What::kConnections, "status", "what comes in and goes out; why one rests")
        ->add_option("connection", name_, "this one only")
        ->type_name("NAME");

    AddTail(app);
    AddTrace(app);
    top_ =
        app.add_subcommand("top", "a live screen of what chains, workers and connections do; q ends it")->fallthrough();
    top_->add_option("--every", every_, "how often it is drawn anew [2s]")->type_name("TIME");
    top_->add_option("--sort", sort_,
                     "the largest first, by rate, in-flight, oldest, waiting or name [rate]; s changes it")
        ->check(CLI::IsMember(std::vector<std::string>(std::begin(kTopSortNames), std::end(kTopSortNames))))
        ->type_name("KEY");

    CLI::App& worker = Group(app, "worker", "let a worker's stream end");
    CLI::App* drain = Steer(worker, SteerCommand::Verb::kDrainWorker, "drain",
                            "it gets nothing more, settles what it holds and goes; if it runs on, it connects again");
    AddWorker(*drain);
    drain->add_option("--within", within_, "how long it may take, then its stream is ended [60s]")->type_name("TIME");
    AddWorker(*Steer(worker, SteerCommand::Verb::kDisconnectWorker, "disconnect",
                     "end its stream now; what it holds goes to others, and counts no attempt"));

    CLI::App& chain = Group(app, "chain", "hold a chain's messages back, and let them go on");
    for (CLI::App* each : {Steer(chain, SteerCommand::Verb::kPauseChain, "pause",
                                 "deliver nothing more of it, also after a restart; what workers hold goes on"),
                           Steer(chain, SteerCommand::Verb::kResumeChain, "resume", "deliver its messages again")}) {
      each->add_option("chain", name_, "its name")->required()->type_name("NAME");
      if (each->get_name() == "pause") AddReason(*each, "shown by chains status");
    }

    CLI::App& gateway = Group(app, "gateway", "have the gateway take no messages, and take them again");
    AddReason(*Steer(gateway, SteerCommand::Verb::kDrainGateway, "drain",
                     "take nothing more from brokers and be not ready; what it has is delivered; it runs on"),
              "shown by status and /readyz");
    Steer(gateway, SteerCommand::Verb::kResumeGateway, "resume", "take messages again");
  }

  // Commands that can ask several replicas.
  std::vector<CLI::App*> of_replicas() const {
    std::vector<CLI::App*> apps = {trace_};
    for (const auto& [app, what] : looks_) {
      if (what != LookCommand::What::kWorker) apps.push_back(app);
    }
    return apps;
  }

  // Nothing: it is another command.
  std::optional<Command> command() const {
    for (const auto& [app, what] : looks_) {
      if (*app) return LookCommand{.what = what, .name = name_, .watch = Watch(*app)};
    }
    for (const auto& [app, verb] : steers_) {
      if (!*app) continue;
      return SteerCommand{.verb = verb, .name = name_, .reason = reason_, .within = Time("--within", within_)};
    }
    if (*tail_) return Tail();
    if (*top_) return Top();
    if (*trace_) return Trace();
    return std::nullopt;
  }

 private:
  void AddTrace(CLI::App& app) {
    trace_ = app.add_subcommand("trace", "the timed path of a message, and where it stands now")->fallthrough();
    trace_->add_option("message", message_, "its id, as logs, tail and dlq show it")->type_name("MESSAGE_ID");
    trace_->add_option("--topic", topic_, "the newest messages whose topic matches, with MQTT's wildcards")
        ->type_name("FILTER");
    trace_->add_option("--last", last_, "with --topic: so many [10]")->check(CLI::Range(1, 1'000))->type_name("N");
    trace_->add_option("--since", since_, "with --topic: those received in this time, such as 5m")->type_name("TIME");
  }
  TraceCommand Trace() const {
    if (message_.empty() == topic_.empty()) {
      throw CLI::ValidationError("which one", "give a message's id, or --topic");
    }
    if (topic_.empty() && (last_ != 0 || !since_.empty())) {
      throw CLI::ValidationError(last_ != 0 ? "--last" : "--since", "is for --topic");
    }
    TraceCommand command;
    command.request.set_message_id(message_);
    command.request.set_topic(topic_);
    command.request.set_last(last_);
    command.request.set_since_ms(static_cast<uint64_t>(Time("--since", since_).count()));
    return command;
  }

  void AddTail(CLI::App& app) {
    tail_ = app.add_subcommand("tail", "messages and replies as they pass, until it is interrupted")->fallthrough();
    v1::TailRequest& request = request_;
    tail_
        ->add_option_function<std::string>(
            "--topic", [&request](const std::string& topic) { request.set_topic(topic); },
            "whose topic matches this filter; '+' and '#' are wildcards")
        ->type_name("FILTER");
    tail_
        ->add_option_function<std::string>(
            "--chain", [&request](const std::string& chain) { request.set_chain(chain); }, "of this chain")
        ->type_name("NAME");
    tail_
        ->add_option_function<std::string>(
            "--worker", [&request](const std::string& worker) { request.set_worker(worker); },
            "that this worker gets or has settled: NAME/INSTANCE or NAME")
        ->type_name("WORKER");
    tail_
        ->add_option_function<std::string>(
            "--outcome", [&request](const std::string& outcome) { request.set_outcome(outcome); },
            "that a worker has settled so: ack, retry, reject or drop")
        ->check(CLI::IsMember({"ack", "retry", "reject", "drop"}))
        ->type_name("OUTCOME");
    tail_
        ->add_option(
            "--step", steps_,
            "only this: received, queued, delivered, settled, lease-ended, worker-lost, replied, confirmed or died; "
            "may be repeated")
        ->check(CLI::IsMember({"received", "queued", "delivered", "settled", "lease-ended", "worker-lost", "replied",
                               "confirmed", "died"}))
        ->type_name("STEP");
    tail_
        ->add_option_function<uint32_t>(
            "--rate", [&request](uint32_t rate) { request.set_rate(rate); },
            "at most so many a second; the rest is dropped and counted [100]")
        ->check(CLI::Range(1, 10'000))
        ->type_name("N");
    tail_->add_flag("--payload", payload_, "the begin of payloads, too; needs the role operator");
  }

  TailCommand Tail() const {
    TailCommand command{.request = request_};
    for (const std::string& step : steps_) {
      v1::PassingStep parsed = v1::PASSING_STEP_UNSPECIFIED;
      std::string name = "PASSING_STEP_" + step;
      for (char& c : name) c = c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
      if (v1::PassingStep_Parse(name, &parsed)) command.request.add_steps(parsed);
    }
    constexpr uint32_t kPayloadBytes = 4'096;
    if (payload_) command.request.set_payload_bytes(kPayloadBytes);
    return command;
  }
  TopCommand Top() const {
    TopCommand command;
    if (!every_.empty()) command.every = Time("--every", every_);
    const auto found = std::find(std::begin(kTopSortNames), std::end(kTopSortNames), sort_);
    if (found != std::end(kTopSortNames)) command.sort = static_cast<TopSort>(found - std::begin(kTopSortNames));
    return command;
  }

  // Another part of the command line may have made it.
  static CLI::App& Group(CLI::App& app, const char* name, const char* about) {
    const auto there = app.get_subcommands([name](const CLI::App* each) { return each->get_name() == name; });
    if (!there.empty()) return *there.front();
    CLI::App* group = app.add_subcommand(name, about)->fallthrough();
    group->require_subcommand(1);
    return *group;
  }
  CLI::App* Look(CLI::App& group, LookCommand::What what, const char* name, const char* about) {
    CLI::App* app = group.add_subcommand(name, about)->fallthrough();
    app->add_option("--watch", watch_, "again and again, so often [2s], until it is interrupted")
        ->expected(0, 1)
        ->type_name("TIME");
    looks_.emplace_back(app, what);
    return app;
  }
  CLI::App* Steer(CLI::App& group, SteerCommand::Verb verb, const char* name, const char* about) {
    CLI::App* app = group.add_subcommand(name, about)->fallthrough();
    steers_.emplace_back(app, verb);
    return app;
  }
  void AddWorker(CLI::App& app) {
    app.add_option("worker", name_, "its session, or NAME/INSTANCE or NAME where one stream has it")
        ->required()
        ->type_name("WORKER");
    AddReason(app, "for the worker's log");
  }
  void AddReason(CLI::App& app, const std::string& where) {
    app.add_option("--reason", reason_, "why, " + where + " and the audit log")->type_name("TEXT");
  }

  std::optional<std::chrono::milliseconds> Watch(const CLI::App& app) const {
    if (app.count("--watch") == 0) return std::nullopt;
    constexpr std::chrono::milliseconds kDefault{2'000};
    return watch_.empty() ? kDefault : Time("--watch", watch_);
  }
  static std::chrono::milliseconds Time(const char* flag, const std::string& text) {
    if (text.empty()) return {};
    const std::optional<Millis> duration = ParseDuration(text);
    if (!duration || duration->count() == 0) {
      throw CLI::ValidationError(flag, "'" + text + "' is no time; allowed: such as 500ms, 30s or 5m");
    }
    return *duration;
  }

  std::string name_;
  std::string reason_;
  std::string within_;
  std::string watch_;
  std::string every_;
  std::string sort_;
  std::string message_;
  std::string topic_;
  std::string since_;
  uint32_t last_ = 0;
  std::vector<std::string> steps_;
  bool payload_ = false;
  v1::TailRequest request_;
  CLI::App* tail_ = nullptr;
  CLI::App* top_ = nullptr;
  CLI::App* trace_ = nullptr;
  std::vector<std::pair<CLI::App*, LookCommand::What>> looks_;
  std::vector<std::pair<CLI::App*, SteerCommand::Verb>> steers_;
};

}  // namespace sluice::ctl
