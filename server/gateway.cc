#include "server/gateway.h"

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/addition/store.h"
#include "server/config/address.h"
#include "server/limit_metrics.h"
#include "server/mqtt/client_ids.h"
#include "server/route/subscription_plan.h"
#include "server/route/target.h"
#include "server/rpc/library_log.h"
#include "server/runtime/mutex.h"
#include "server/stages.h"
#include "server/telemetry/process_metrics.h"

namespace sluice {
namespace {

// As its bounds count: replies and dead letters have no place in them but their bytes.
Fill HeldBy(const SegmentJournal& journal) {
  const Journal::Depth depth = journal.depth();
  return {.messages = depth.ingress_messages, .bytes = depth.live_bytes};
}

// A connection that could not be stopped in time goes on counting: no registry is ever destroyed.
MetricsRegistry& NewRegistry() {
  static Mutex mutex;
  static auto& all = *new std::deque<MetricsRegistry>;
  MutexLock lock(mutex);
  return all.emplace_back();
}

}  // namespace

Gateway::Stages::Stages(GatewayConfig config, GatewayParts parts, OpenJournal journal)
    : config_(std::move(config)),
      drivers_(std::move(parts.mqtt)),
      seams_(std::move(parts.seams)),
      ticks_by_hand_(parts.clock != nullptr),
      clock_(ticks_by_hand_ ? *parts.clock : Clock::Real()),
      seed_(parts.seed ? *parts.seed : std::random_device{}()),
      metrics_(NewRegistry()),
      otlp_(config_.otlp.on() ? std::make_unique<OtlpClient>(config_.otlp, config_.name, clock_, metrics_) : nullptr),
      spans_(otlp_ ? std::make_unique<MessageSpans>(clock_, config_.otlp.sample_ratio, otlp_->sink()) : nullptr),
      running_(
          config_, std::move(parts.origin),
          [this](const auto& wanted, const auto& plan) { return Carry(wanted, plan); }, clock_, metrics_),
      opened_journal_(std::move(journal)),
      intake_control_(LadderOptions(config_.pressure), clock_, metrics_,
                      [this](SteadyTime deadline) { ticker_.WakeBy(deadline); }) {
  AddProcessMetrics(metrics_);
  AddLibraryLogMetrics(metrics_);
  metrics_
      .GetGauge("sluice_gateway_info", "Always 1; the label says what this replica is called (gateway.name).",
                {{"gateway", config_.name}})
      .Set(1);
  AddLimitMetrics(config_, metrics_);
  opened_journal_.AddMetrics(metrics_);
}

absl::Status Gateway::Stages::Build() {
  certificate_watch_.Tick(clock_.Now());

  // Chains and routes.
  for (const auto& [name, options] : config_.chains) chains_.Define(name, options);
  if (absl::Status status = routes_.Replace(config_.routes, chains_); !status.ok()) return status;

  // Replies: check, outbox, egress.
  SetRules(config_);
  settler_ = std::make_unique<Settler>(
      clock_, dispatcher_, journal_, outbox_, *rules_.Get(), metrics_,
      Settler::HeldLimits{.max_messages = config_.replies.max_outstanding_messages,
                          .max_bytes = config_.replies.max_outstanding_bytes},
      [this](bool full) { OnRepliesFull(full); },
      opened_journal_.on_disk() != nullptr ? Settler::Writes::kOnOwnThread : Settler::Writes::kAtOnce);
  settler_->TellOf(stream_holds_);
  settler_->ShowTo(tap_);
  outbox_.ShowTo(tap_);
  if (spans_) {
    settler_->TraceBy(*spans_);
    outbox_.TraceBy(*spans_);
  }
  ExpectChains(config_);
  if (absl::Status status = BuildDeadLetters(); !status.ok()) return status;
  if (config_.replies.on_refused == OnRefused::kDeadLetter) outbox_.HandRefusedTo(*dead_letters_);
  if (config_.replies.on_refused == OnRefused::kDrop) outbox_.HandRefusedTo(dropped_replies_);
  if (config_.replies.on_denied == OnDenied::kDeadLetter) outbox_.HandDeniedTo(*dead_letters_);
  BuildPublishers();
  BuildOutboxRecovery();

  // Worker streams.
  if (absl::Status status = BuildIdentity(); !status.ok()) return status;
  workers_ = std::make_unique<WorkerServer>(
      WorkerServer::Options{
          .config = config_.workers,
          .result_timeout = config_.replies.result_timeout,
          .gateway = config_.name,
          .admission = {.chains = chains_, .may_create = [this](std::string_view chain) { return MayName(chain); }},
          .wake_by = [this](SteadyTime deadline) { ticker_.WakeBy(deadline); },
          .seed = seed_ + 1,
          .serve = seams_.serve_workers,
          .authenticator = worker_authenticator_.get(),
          .permissions = permissions_of_principals_.empty() ? nullptr : &permissions_of_principals_},
      clock_, metrics_, static_cast<DeliverySource&>(*this), *settler_, read_gate_);

  // Intake.
  BuildBacklog();
  BuildIntake();
  if (absl::Status status = BuildLiveView(); !status.ok()) return status;
  BuildAdmin();
  return absl::OkStatus();
}

absl::Status Gateway::Stages::Start() {
  if (phase_ != Phase::kBuilt) return absl::FailedPreconditionError("a gateway is started once");
  phase_ = Phase::kStarting;
  // Workers may come, and people may look.
  StartDeadLetters();
  if (absl::Status status = workers_->Start(); !status.ok()) return status;
  if (absl::Status status = StartHttp(); !status.ok()) return status;
  if (absl::Status status = StartAdmin(); !status.ok()) return status;
  if (absl::Status status = StartDashboard(); !status.ok()) return status;

  if (otlp_) otlp_->Start();
  // From here on messages come.
  ticker_.Add(dispatcher_);
  ticker_.Add(*workers_);
  if (admin_ || dashboard_) ticker_.Add(*live_view_);
  ticker_.Add(*settler_);
  ticker_.Add(outbox_);
  ticker_.Add(intake_control_);
  ticker_.Add(chain_sweeper_);
  ticker_.Add(trace_ring_);
  // What reads files, or waits for brokers.
  if (worker_authenticator_) patient_ticker_.Add(*worker_authenticator_);
  if (permission_file_) patient_ticker_.Add(*permission_file_);
  if (admin_authenticator_) patient_ticker_.Add(*admin_authenticator_);
  if (admin_) patient_ticker_.Add(*admin_);
  if (dashboard_) patient_ticker_.Add(*dashboard_);
  patient_ticker_.Add(session_leaver_);
  if (outbox_recovery_) patient_ticker_.Add(*outbox_recovery_);
  patient_ticker_.Add(certificate_watch_);
  if (http_tls_) patient_ticker_.Add(*http_tls_);
  if (metrics_token_) patient_ticker_.Add(*metrics_token_);
  if (!ticks_by_hand_) {
    ticker_.Start();
    patient_ticker_.Start();
  }
  for (const auto& [name, publisher] : publishers_) publisher->Start();
  if (backlog_) backlog_->Start();
  session_leaver_.Start();
  for (const Intake& intake : intakes_) intake.connection->Start();
  running_.Open();
  phase_ = Phase::kRunning;
  return absl::OkStatus();
}

void Gateway::Stages::Tick() {
  ticker_.Step();
  patient_ticker_.Step();
}

void Gateway::Stages::BuildOutboxRecovery() {
  // Its series is there from the start, so that whoever watches its rate sees the first one, too.
  LeftOutAfterCrashes(metrics_, "replies");
  SegmentJournal* disk = opened_journal_.on_disk();
  if (disk == nullptr || disk->depth().outbox_messages == 0) return;
  // No new reply of a connection before its last old one.
  std::vector<std::string> connections;
  for (const auto& [name, options] : config_.connections) {
    connections.push_back(name);
    dispatcher_.CloseConnection(name);
  }
  outbox_recovery_ = std::make_unique<OutboxRecovery>(
      clock_, outbox_, connections,
      [disk](RecordId after, size_t max_messages, size_t max_bytes) {
        return disk->ReadReplies(after, {.max_entries = max_messages, .max_bytes = max_bytes});
      },
      opened_journal_.crash_marks(), metrics_,
      [this](const std::string& connection) { dispatcher_.OpenConnection(connection); });
}

absl::Status Gateway::Stages::BuildDeadLetters() {
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
                      .connection = [this](const std::string& name) -> std::shared_ptr<const MqttOptions> {
                        std::shared_ptr<const Connections> all = connections_.Get();
                        const auto found = all->find(name);
                        if (found == all->end()) return nullptr;
                        return {std::move(all), &found->second};
                      }},
      DeadLetterBacklog{}, metrics_, [this](bool full) { dispatcher_.SetDeadLettersFull(full); });
  if (CrashMarks* marks = opened_journal_.crash_marks()) dead_letters_->Mark(*marks);
  if (disk != nullptr) dead_letters_->NoteBy([this](auto note) { settler_->Run(std::move(note)); });
  if (seams_.kept) dead_letters_->LookAt(seams_.kept);
  return absl::OkStatus();
}

bool Gateway::Stages::MayName(std::string_view chain) const {
  return std::ranges::any_of(*templates_.Get(), [chain](const auto& pattern) { return pattern->Allows(chain); });
}

void Gateway::Stages::StartDeadLetters() {
  DeadLetters::ReadJournaled read;
  if (SegmentJournal* disk = opened_journal_.on_disk()) {
    read = [disk](RecordId after) { return disk->ReadDeadLetters(after); };
  }
  dead_letters_->Start(std::move(read));
}

void Gateway::Stages::BuildBacklog() {
  restorer_ = std::make_unique<Restorer>(NamesOf(config_.connections), chains_, routes_);
  SegmentJournal* disk = opened_journal_.on_disk();
  if (disk == nullptr) return;
  backlog_ = std::make_unique<Backlog>(
      Backlog::Parts{
          .clock = clock_,
          .journal = *disk,
          .restore = [this](RecoveredMessage message, RoutedMessage& out) { return Restore(std::move(message), out); },
          .next = static_cast<RoutedSink&>(*this),
          .on_disk = [this](const Chain& chain, Fill fill, bool full) { dispatcher_.SetOnDisk(chain, fill, full); },
          .room = {.messages = config_.journal.max_messages, .bytes = config_.journal.max_bytes},
          .on_full = [this](const Chain& chain, bool full) { intake_control_.OnBacklog(chain, full); },
          .in_hand = opened_journal_.in_hand()},
      /*recover=*/disk->depth().ingress_messages > 0);
  intake_control_.WatchJournal({.watermark = JournalWatermark(config_),
                                .held = [disk] { return HeldBy(*disk); },
                                .failure = [disk] { return std::string(disk->health().message()); }});
}

absl::StatusOr<std::unique_ptr<Gateway>> Gateway::Build(const GatewayConfig& config, GatewayParts parts) {
  absl::StatusOr<OpenJournal> journal = OpenJournal::Open(config.journal, parts.journal);
  if (!journal.ok()) return journal.status();
  const std::string path =
      journal->on_disk() != nullptr ? absl::StrCat(config.journal.path, "/additions.db") : ":memory:";
  absl::StatusOr<std::unique_ptr<AdditionStore>> store = OpenAdditionStore(path);
  if (!store.ok()) return store.status();
  GatewayConfig desired = config;
  if (absl::Status status = TakeUp(*std::move(store), desired, parts.origin); !status.ok()) return status;
  auto stages = std::make_unique<Stages>(std::move(desired), std::move(parts), *std::move(journal));
  if (absl::Status status = stages->Build(); !status.ok()) return status;
  return std::unique_ptr<Gateway>(new Gateway(std::move(stages)));
}

Gateway::Gateway(std::unique_ptr<Stages> stages) : stages_(std::move(stages)) {}
Gateway::~Gateway() = default;

absl::Status Gateway::Start() { return stages_->Start(); }
void Gateway::Tick() { stages_->Tick(); }
ConfigControl& Gateway::configuration() { return stages_->running(); }
bool Gateway::Shutdown(Millis drain) { return stages_->Shutdown(drain); }
absl::Status Gateway::Reload(const std::string& asker) {
  return stages_->running().Apply(std::nullopt, asker, "").status();
}
ConfigVersion Gateway::config_version() const { return stages_->running().version(); }
std::shared_ptr<const GatewayConfig> Gateway::config() const { return stages_->running().config(); }
const std::string& Gateway::workers_address() const { return stages_->workers_address(); }
const std::string& Gateway::http_address() const { return stages_->http_address(); }
const std::string& Gateway::admin_address() const { return stages_->admin_address(); }
const std::string& Gateway::dashboard_address() const { return stages_->dashboard_address(); }

}  // namespace sluice
