#include "server/gateway.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/mqtt/paho/factory.h"
#include "server/mqtt/wire/factory.h"
#include "server/route/subscription_plan.h"
#include "server/route/target.h"
#include "server/stages.h"
#include "server/telemetry/process_metrics.h"

namespace sluice {
namespace {

std::map<std::string, std::string> BrokerOfEachConnection(const GatewayConfig& config) {
  std::map<std::string, std::string> brokers;
  for (const auto& [name, options] : config.connections) brokers.emplace(name, options.uri);
  return brokers;
}

// As its bounds count: replies and dead letters have no place in them but their bytes.
Fill HeldBy(const SegmentJournal& journal) {
  const Journal::Depth depth = journal.depth();
  return {.messages = depth.ingress_messages, .bytes = depth.live_bytes};
}

// A gateway on its own leaves nothing: nobody would take it.
Ladder::Options LadderOptions(const PressureConfig& config) {
  if (config.replicas == 1) return {};
  return {.leave_share_after = config.leave_share_after, .no_workers_after = config.no_workers_after};
}

}  // namespace

MqttDrivers MqttDrivers::Real() {
  return {
      .intake =
          [](const MqttOptions& options, std::vector<Subscription> subscriptions, InboundSink& sink, const Clock& clock,
             MetricsRegistry& metrics) {
            const auto make = options.driver == MqttDriver::kPaho ? &MakePahoIntake : &MakeWireIntake;
            return make(options, std::move(subscriptions), sink, clock, metrics);
          },
      .publisher = [](const MqttOptions& options, PublishListener& listener, const Clock& clock,
                      MetricsRegistry& metrics) { return MakeWirePublisher(options, listener, clock, metrics); },
  };
}

Gateway::Stages::Stages(GatewayConfig config, MqttDrivers drivers, OpenJournal journal)
    : config_(std::move(config)),
      drivers_(std::move(drivers)),
      opened_journal_(std::move(journal)),
      intake_control_(LadderOptions(config_.pressure), clock_, metrics_,
                      [this](SteadyTime deadline) { ticker_.WakeBy(deadline); }) {
  AddProcessMetrics(metrics_);
  opened_journal_.AddMetrics(metrics_);
}

absl::Status Gateway::Stages::Start() {
  // Chains and routes.
  for (const auto& [name, options] : config_.chains) chains_.Define(name, options);
  if (absl::Status status = BuildRoutes(config_.routes, chains_, routes_); !status.ok()) return status;
  std::vector<const Route*> all_routes;
  for (const auto& [name, options] : config_.connections) {
    std::vector<const Route*> routes = routes_.RoutesOf(name);
    all_routes.insert(all_routes.end(), routes.begin(), routes.end());
  }
  for (const Route* route : all_routes) {
    if (route->target.pattern != nullptr) templates_.push_back(route->target.pattern);
  }

  // Replies: check, outbox, egress.
  permissions_ = std::make_unique<ReplyPermissions>(config_.replies.allow, config_.replies.allow_loops, all_routes,
                                                    BrokerOfEachConnection(config_));
  settler_ = std::make_unique<Settler>(
      dispatcher_, journal_, outbox_,
      ReplyRules{.permits = [this](const Route& route, std::string_view topic,
                                   std::string& why) { return permissions_->Permits(route, topic, why); },
                 .max_payload_bytes = config_.replies.max_payload_bytes},
      metrics_);
  if (absl::Status status = StartDeadLetters(); !status.ok()) return status;
  if (config_.replies.on_refused == OnRefused::kDeadLetter) outbox_.HandRefusedTo(*dead_letters_);
  if (config_.replies.on_refused == OnRefused::kDrop) outbox_.HandRefusedTo(dropped_replies_);
  for (const auto& [name, options] : config_.connections) {
    publishers_.push_back(drivers_.publisher(options, outbox_, clock_, metrics_));
    outbox_.AddConnection(name, *publishers_.back());
  }
  BuildOutboxRecovery();

  // Worker streams.
  workers_ = std::make_unique<WorkerServer>(
      WorkerServer::Options{
          .config = config_.workers,
          .gateway = config_.connections.begin()->second.client_id,
          .admission = {.chains = chains_, .may_create = [this](std::string_view chain) { return MayName(chain); }},
          .wake_by = [this](SteadyTime deadline) { ticker_.WakeBy(deadline); },
          .seed = std::random_device{}()},
      clock_, metrics_, static_cast<DeliverySource&>(*this), *settler_);
  if (absl::Status status = workers_->Start(); !status.ok()) return status;

  // Intake.
  BuildBacklog();
  BuildIntake();

  // Sight, before anything flows, of stages that are all there.
  if (!config_.http.listen.empty()) {
    absl::StatusOr<std::unique_ptr<HttpServer>> http =
        HttpServer::Start(config_.http.listen, metrics_, [this] { return Readiness(); });
    if (!http.ok()) return http.status();
    http_ = *std::move(http);
  }
  if (absl::Status status = StartAdmin(); !status.ok()) return status;

  // From here on messages come.
  ticker_.Add(dispatcher_);
  ticker_.Add(*workers_);
  ticker_.Add(*settler_);
  ticker_.Add(outbox_);
  ticker_.Add(intake_control_);
  if (!templates_.empty()) ticker_.Add(chain_sweeper_);
  if (outbox_recovery_) ticker_.Add(*outbox_recovery_);
  ticker_.Start();
  for (const std::unique_ptr<Publisher>& publisher : publishers_) publisher->Start();
  if (backlog_) backlog_->Start();
  for (const Intake& intake : intakes_) intake.connection->Start();
  return absl::OkStatus();
}

void Gateway::Stages::BuildOutboxRecovery() {
  SegmentJournal* disk = opened_journal_.on_disk();
  if (disk == nullptr || disk->depth().outbox_messages == 0) return;
  // No new reply before the last old one.
  dispatcher_.Pause();
  outbox_recovery_ = std::make_unique<OutboxRecovery>(
      clock_, outbox_,
      [disk](RecordId after, size_t max_messages, size_t max_bytes) {
        return disk->ReadReplies(after, {.max_entries = max_messages, .max_bytes = max_bytes});
      },
      [this] { dispatcher_.Resume(); });
}

absl::Status Gateway::Stages::StartDeadLetters() {
  SegmentJournal* disk = opened_journal_.on_disk();
  const std::string path = disk != nullptr ? absl::StrCat(config_.journal.path, "/dead-letters.db") : ":memory:";
  absl::StatusOr<std::unique_ptr<DeadLetterStore>> store =
      DeadLetterStore::Open(path, config_.dead_letters, clock_, metrics_);
  if (!store.ok()) return store.status();
  dead_letter_store_ = *std::move(store);
  dead_letters_ = std::make_unique<DeadLetters>(
      clock_, journal_, outbox_, *dead_letter_store_,
      DeadLetterNames{.chain = [this](std::string_view name) { return chains_.Find(name); },
                      .route = [this](std::string_view id) { return routes_.Find(id); },
                      .connection = [this](const std::string& name) -> const MqttOptions* {
                        const auto found = config_.connections.find(name);
                        return found == config_.connections.end() ? nullptr : &found->second;
                      }},
      DeadLetterBacklog{}, metrics_, [this](bool full) { OnFull(full); });
  DeadLetters::ReadJournaled read;
  if (disk != nullptr) read = [disk](RecordId after) { return disk->ReadDeadLetters(after); };
  dead_letters_->Start(std::move(read));
  return absl::OkStatus();
}

bool Gateway::Stages::MayName(std::string_view chain) const {
  return std::ranges::any_of(templates_, [chain](const auto& pattern) { return pattern->Allows(chain); });
}

absl::Status Gateway::Stages::StartAdmin() {
  const bool on_disk = opened_journal_.on_disk() != nullptr;
  const std::string beside_journal = on_disk ? absl::StrCat("unix:", config_.journal.path, "/admin.sock") : "";
  const std::string listen = config_.admin.listen.value_or(beside_journal);
  if (listen.empty()) return absl::OkStatus();
  replayer_ = std::make_unique<Replayer>(Replayer::Parts{.clock = clock_,
                                                         .restorer = *restorer_,
                                                         .chains = chains_,
                                                         .routes = routes_,
                                                         .may_name = [this](auto chain) { return MayName(chain); },
                                                         .journal = journal_,
                                                         .next = backlog_ ? static_cast<RoutedSink&>(*backlog_) : *this,
                                                         .outbox = outbox_,
                                                         .draining = [this] { return draining_.load(); }});
  absl::StatusOr<std::unique_ptr<AdminServer>> admin = AdminServer::Start(
      listen, config_.admin, clock_, static_cast<const StatusSource&>(*this), *dead_letter_store_, *replayer_);
  if (admin.ok()) {
    admin_ = *std::move(admin);
    return absl::OkStatus();
  }
  // Nobody has asked for this very address, and its path may be too long for a socket.
  if (config_.admin.listen || !absl::IsInvalidArgument(admin.status())) return admin.status();
  log::Warning("no admin listener: set admin.listen", {{"reason", std::string(admin.status().message())}});
  return absl::OkStatus();
}

void Gateway::Stages::BuildBacklog() {
  std::set<std::string> connections;
  for (const auto& [name, options] : config_.connections) connections.insert(name);
  restorer_ = std::make_unique<Restorer>(std::move(connections), chains_, routes_);
  SegmentJournal* disk = opened_journal_.on_disk();
  if (disk == nullptr) return;
  backlog_ = std::make_unique<Backlog>(
      Backlog::Parts{
          .clock = clock_,
          .journal = *disk,
          .restore = [this](RecoveredMessage message, RoutedMessage& out) { return Restore(std::move(message), out); },
          .next = static_cast<RoutedSink&>(*this),
          .on_disk = [this](const Chain& chain, size_t messages) { dispatcher_.SetOnDisk(chain, messages); }},
      /*recover=*/disk->depth().ingress_messages > 0);
  intake_control_.WatchJournal(
      {.watermark = Watermark({.messages = config_.journal.max_messages, .bytes = config_.journal.max_bytes},
                              config_.pressure.high, config_.pressure.low),
       .held = [disk] { return HeldBy(*disk); },
       .failure = [disk] { return std::string(disk->health().message()); }});
}

bool Gateway::Stages::Restore(RecoveredMessage message, RoutedMessage& out) {
  const absl::Status status = restorer_->Restore(std::move(message), out);
  if (status.ok()) return true;
  if (absl::IsFailedPrecondition(status)) {
    std::vector<DeadLetter> letters(1);
    letters[0].message = std::move(out);
    letters[0].reason = std::string(status.message());
    dead_letters_->Take(std::move(letters));
  } else {
    log::Error("a message stays in the journal", {{"reason", std::string(status.message())}});
  }
  return false;
}

void Gateway::Stages::BuildIntake() {
  const SegmentJournal* disk = opened_journal_.on_disk();
  const std::vector<ReceivedPacket> unreleased = disk ? disk->ReadReceived() : std::vector<ReceivedPacket>();
  for (const auto& [name, base_options] : config_.connections) {
    std::vector<SubscriptionGroup> groups = PlanSubscriptions(routes_.RoutesOf(name), base_options.mqtt5);
    for (size_t i = 0; i < groups.size(); ++i) {
      MqttOptions options = base_options;
      if (i > 0) {
        options.name = absl::StrCat(name, "#", i + 1);
        options.client_id = absl::StrCat(options.client_id, "-", i + 1);
      }
      Intake intake;
      RoutedSink& next = backlog_ ? static_cast<RoutedSink&>(*backlog_) : *this;
      intake.router = std::make_unique<Router>(options, unreleased, groups[i], chains_, journal_, next, *dead_letters_,
                                               metrics_, clock_);
      intake.connection = drivers_.intake(options, groups[i].Subscriptions(), *intake.router, clock_, metrics_);
      intake_control_.AddConnection(options.name, *intake.connection, groups[i]);
      intakes_.push_back(std::move(intake));
    }
  }
}

absl::StatusOr<std::unique_ptr<Gateway>> Gateway::Start(const GatewayConfig& config, GatewayParts parts) {
  absl::StatusOr<OpenJournal> journal = OpenJournal::Open(config.journal, parts.journal);
  if (!journal.ok()) return journal.status();
  auto stages = std::make_unique<Stages>(config, std::move(parts.mqtt), *std::move(journal));
  if (absl::Status status = stages->Start(); !status.ok()) return status;
  return std::unique_ptr<Gateway>(new Gateway(std::move(stages)));
}

Gateway::Gateway(std::unique_ptr<Stages> stages) : stages_(std::move(stages)) {}
Gateway::~Gateway() = default;

bool Gateway::Shutdown(Millis drain) { return stages_->Shutdown(drain); }
const std::string& Gateway::workers_address() const { return stages_->workers_address(); }
const std::string& Gateway::http_address() const { return stages_->http_address(); }
const std::string& Gateway::admin_address() const { return stages_->admin_address(); }

}  // namespace sluice
