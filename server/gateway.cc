#include "server/gateway.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/admin/admin_server.h"
#include "server/backlog/backlog.h"
#include "server/backlog/replayer.h"
#include "server/backlog/restorer.h"
#include "server/deadletter/dead_letters.h"
#include "server/deadletter/store.h"
#include "server/mqtt/paho/factory.h"
#include "server/mqtt/wire/factory.h"
#include "server/pressure/intake_control.h"
#include "server/queue/dispatcher.h"
#include "server/reply/outbox.h"
#include "server/reply/outbox_recovery.h"
#include "server/reply/refused_replies.h"
#include "server/reply/reply_permissions.h"
#include "server/reply/settler.h"
#include "server/route/chain_directory.h"
#include "server/route/route_table.h"
#include "server/route/router.h"
#include "server/route/subscription_plan.h"
#include "server/runtime/ticker.h"
#include "server/telemetry/http.h"
#include "server/telemetry/log.h"
#include "server/telemetry/process_metrics.h"
#include "server/worker/delivery_source.h"
#include "server/worker/server.h"

namespace sluice {
namespace {

// Of `shutdown.drain`, the share that intake may take to leave its subscriptions and disconnect.
constexpr int kIntakeShare = 4;
// What each may take beyond the drain: workers that settle what they hold and leave, ending streams, flushing replies.
constexpr Millis kAfterDrain{2'000};

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

// The stages, members in the order of a message's path. Each is called by the one before it; where an arrow points
// back (settles, pressure, dead letters), the private interfaces at the end join them.
class Gateway::Stages final : private RoutedSink,
                              private DeliverySource,
                              private DispatcherListener,
                              private StatusSource {
 public:
  Stages(GatewayConfig config, MqttDrivers drivers, OpenJournal journal);
  ~Stages() override { intake_control_.Stop(); }

  absl::Status Start();
  bool Shutdown(Millis drain);

  const std::string& workers_address() const { return workers_->address(); }
  const std::string& http_address() const { return http_ ? http_->address() : no_address_; }
  const std::string& admin_address() const { return admin_ ? admin_->address() : no_address_; }

 private:
  // A connection to a broker that takes messages in, with what it hands them to.
  struct Intake {
    std::unique_ptr<Router> router;
    std::unique_ptr<IntakeConnection> connection;
  };

  void BuildOutboxRecovery();
  absl::Status StartDeadLetters();
  absl::Status StartAdmin(bool any_template);
  void BuildBacklog();
  void BuildIntake();
  bool Restore(RecoveredMessage message, RoutedMessage& out);
  std::vector<ReadinessItem> Readiness() const;
  GatewayStatus Status() const override;

  // The arrows backlog → queue and worker stream → queue. Who serves a chain is of interest to pressure, too.
  void Enqueue(std::span<RoutedMessage> batch) override { dispatcher_.Enqueue(batch); }
  SessionId AddSession(SessionOptions options, std::shared_ptr<DeliverySink> sink) override {
    const std::vector<const Chain*> chains = options.chains;
    const SessionId session = dispatcher_.AddSession(std::move(options), std::move(sink));
    intake_control_.OnWorkerJoined(session, chains);
    return session;
  }
  void SetWindow(SessionId session, Window window) override { dispatcher_.SetWindow(session, window); }
  void DrainSession(SessionId session) override {
    dispatcher_.DrainSession(session);
    intake_control_.OnWorkerLeft(session);
  }
  void RemoveSession(SessionId session, bool counts, uint64_t began) override {
    intake_control_.OnWorkerLeft(session);
    dispatcher_.RemoveSession(session, counts, began);
  }
  bool Extend(SessionId session, uint64_t delivery_id, Millis lease) override {
    return dispatcher_.Extend(session, delivery_id, lease);
  }
  // The arrows queue → pressure, queue → dead letters, queue → journal.
  void OnPressure(const Chain& chain, bool high) override {
    backlog_ ? backlog_->OnPressure(chain, high) : intake_control_.OnQueue(chain, high);
  }
  void OnDeadLetters(std::vector<DeadLetter> letters) override { dead_letters_->Take(std::move(letters)); }
  void OnForgotten(std::span<const RecordId> records) override {
    if (absl::Status status = journal_.Settle(records, {}); !status.ok()) {
      log::Error("the journal could not end dropped messages", {{"error", status.ToString()}});
    }
  }
  void OnAttempts(std::span<const AttemptsNote> notes) override { journal_.NoteAttempts(notes); }
  // The arrows outbox → queue and dead letters → queue: what is full asks nothing more of workers.
  void OnFull(bool full) { full ? dispatcher_.Pause() : dispatcher_.Resume(); }

  const GatewayConfig config_;
  const MqttDrivers drivers_;
  const std::string no_address_;
  const Clock& clock_ = Clock::Real();
  std::atomic<bool> draining_ = false;

  MetricsRegistry metrics_;
  Ticker ticker_{clock_};

  ChainDirectory chains_{config_.chain_defaults};
  RouteTable routes_;
  OpenJournal opened_journal_;
  Journal& journal_ = opened_journal_.journal();
  IntakeControl intake_control_{LadderOptions(config_.pressure), clock_, metrics_,
                                [this](SteadyTime deadline) { ticker_.WakeBy(deadline); }};
  std::unique_ptr<Restorer> restorer_;
  std::unique_ptr<Backlog> backlog_;  // Null: the journal is in memory, and so is all that waits.
  Dispatcher dispatcher_{clock_, metrics_, *this, [this](SteadyTime deadline) { ticker_.WakeBy(deadline); },
                         std::random_device{}()};
  Outbox outbox_{clock_,
                 journal_,
                 metrics_,
                 {.max_messages = config_.replies.max_outstanding_messages,
                  .max_bytes = config_.replies.max_outstanding_bytes,
                  .result_timeout = config_.replies.result_timeout},
                 [this](bool full) { OnFull(full); }};
  DroppedReplies dropped_replies_{clock_, journal_, metrics_};
  std::unique_ptr<DeadLetterStore> dead_letter_store_;
  std::unique_ptr<DeadLetters> dead_letters_;
  std::unique_ptr<OutboxRecovery> outbox_recovery_;  // Null: the journal held no replies.
  std::unique_ptr<ReplyPermissions> permissions_;
  std::unique_ptr<Settler> settler_;
  std::unique_ptr<WorkerServer> workers_;
  std::vector<std::unique_ptr<Publisher>> publishers_;
  std::vector<Intake> intakes_;
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<Replayer> replayer_;
  std::unique_ptr<AdminServer> admin_;
};

Gateway::Stages::Stages(GatewayConfig config, MqttDrivers drivers, OpenJournal journal)
    : config_(std::move(config)), drivers_(std::move(drivers)), opened_journal_(std::move(journal)) {
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
  bool any_template = std::ranges::any_of(all_routes, [](const Route* route) { return !route->target.chain; });

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
          .admission = {.chains = chains_, .may_create = [any_template](std::string_view) { return any_template; }},
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
  if (absl::Status status = StartAdmin(any_template); !status.ok()) return status;

  // From here on messages come.
  ticker_.Add(dispatcher_);
  ticker_.Add(*workers_);
  ticker_.Add(*settler_);
  ticker_.Add(outbox_);
  ticker_.Add(intake_control_);
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

absl::Status Gateway::Stages::StartAdmin(bool any_template) {
  const bool on_disk = opened_journal_.on_disk() != nullptr;
  const std::string beside_journal = on_disk ? absl::StrCat("unix:", config_.journal.path, "/admin.sock") : "";
  const std::string listen = config_.admin.listen.value_or(beside_journal);
  if (listen.empty()) return absl::OkStatus();
  replayer_ = std::make_unique<Replayer>(Replayer::Parts{.clock = clock_,
                                                         .restorer = *restorer_,
                                                         .chains = chains_,
                                                         .routes = routes_,
                                                         .any_chain = any_template,
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
      intake.router =
          std::make_unique<Router>(options, unreleased, groups[i], chains_, journal_, next, metrics_, clock_);
      intake.connection = drivers_.intake(options, groups[i].Subscriptions(), *intake.router, clock_, metrics_);
      intake_control_.AddConnection(options.name, *intake.connection, groups[i]);
      intakes_.push_back(std::move(intake));
    }
  }
}

bool Gateway::Stages::Shutdown(Millis drain) {
  const SteadyTime start = clock_.Now();
  const SteadyTime deadline = start + drain;
  draining_ = true;
  log::Info("draining",
            {{"seconds", std::chrono::duration<double>(drain).count()}, {"backlog", dispatcher_.Backlog()}});

  const SteadyTime intake_deadline = start + drain / kIntakeShare;
  for (const Intake& intake : intakes_) intake.connection->UnsubscribeShared(intake_deadline);
  for (const Intake& intake : intakes_) intake.connection->Stop(intake_deadline);

  // With nobody to work, what is in the journal is as well off there.
  if (!backlog_ || dispatcher_.HasWorkers()) {
    if (backlog_) backlog_->WaitUntilEmpty(deadline);
    dispatcher_.WaitUntilEmpty(deadline);
  }
  if (backlog_) backlog_->Stop();
  // Only now: a drained stream gets no more deliveries, and until here what waits, and what a lost stream or lease
  // gives back, finds a worker.
  const SteadyTime leave_by = clock_.Now() + std::min(drain, kAfterDrain);
  workers_->Drain(leave_by, "the gateway is shutting down; connect again");
  workers_->WaitUntilEmpty(leave_by);
  workers_->Stop(clock_.Now() + kAfterDrain);
  // Before egress goes: what is written is published where a chain has a topic for it. And after it: what it refuses.
  dead_letters_->Flush(std::max(deadline, clock_.Now() + kAfterDrain));

  for (const std::unique_ptr<Publisher>& publisher : publishers_) {
    publisher->Flush(std::max(deadline, clock_.Now() + kAfterDrain));
    publisher->Stop(clock_.Now() + kAfterDrain);
  }
  const size_t unsettled = dispatcher_.Backlog() + dead_letters_->Stop(clock_.Now() + kAfterDrain);
  ticker_.Stop();
  // With those that were refused and wait to be published again.
  const size_t unconfirmed = outbox_.outstanding();
  if (http_) http_->Stop();
  if (admin_) admin_->Stop(clock_.Now());

  const bool all = unsettled == 0 && unconfirmed == 0;
  if (!all) {
    log::Warning(backlog_ ? "drain overran: what is left stands in the journal for the next start"
                          : "drain overran: messages that only memory held are lost",
                 {{"unsettled_messages", unsettled}, {"unconfirmed_replies", unconfirmed}});
  } else {
    log::Info("drained", {{"seconds", std::chrono::duration<double>(clock_.Now() - start).count()}});
  }
  return all;
}

std::vector<ReadinessItem> Gateway::Stages::Readiness() const {
  std::vector<ReadinessItem> items;
  items.push_back({"gateway", !draining_, draining_ ? "draining" : ""});
  if (const SegmentJournal* disk = opened_journal_.on_disk()) {
    const absl::Status health = disk->health();
    items.push_back({"journal", health.ok(), std::string(health.message())});
  }
  items.push_back({"dead letters", !dead_letters_->full(), dead_letters_->trouble()});
  auto add = [&items](const ConnectionState& state) {
    items.push_back({absl::StrCat("connection ", state.name), state.ready, state.detail});
  };
  for (const Intake& intake : intakes_) add(intake.connection->State());
  for (const std::unique_ptr<Publisher>& publisher : publishers_) add(publisher->State());
  std::ranges::move(intake_control_.Readiness(), std::back_inserter(items));
  return items;
}

GatewayStatus Gateway::Stages::Status() const {
  GatewayStatus status;
  status.gateway = config_.connections.begin()->second.client_id;
  status.draining = draining_;
  status.readiness = Readiness();
  for (const Intake& intake : intakes_) status.connections.push_back(intake.connection->State());
  for (const std::unique_ptr<Publisher>& publisher : publishers_) status.connections.push_back(publisher->State());
  status.journal_persistent = opened_journal_.on_disk() != nullptr;
  status.journal = journal_.depth();
  for (const Dispatcher::ChainCounts& chain : dispatcher_.Chains()) {
    status.chains.push_back({chain.chain->name, chain.waiting, chain.on_disk, chain.in_flight});
  }
  status.workers_address = workers_->address();
  status.worker_streams = workers_->streams();
  status.outbox_messages = outbox_.outstanding();
  status.dead_letters_waiting = dead_letters_->waiting();
  status.dead_letters_trouble = dead_letters_->trouble();
  return status;
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
