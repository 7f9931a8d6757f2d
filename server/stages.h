// What a gateway is made of: its stages, in the order of a message's path. gateway.cc makes them and joins them,
// gateway_recovery.cc takes up what an earlier process left, gateway_connections.cc makes and exchanges connections to
// brokers, gateway_admin.cc lets administrators in, gateway_reload.cc changes the rest while it runs, gateway_shutdown.cc ends them, gateway_state.cc says how they
// are.
#pragma once

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/admin/admin_server.h"
#include "server/admin/broker_sessions.h"
#include "server/backlog/backlog.h"
#include "server/backlog/replayer.h"
#include "server/backlog/restorer.h"
#include "server/certificate_files.h"
#include "server/certificates/watch.h"
#include "server/dashboard/dashboard_server.h"
#include "server/deadletter/dead_letters.h"
#include "server/deadletter/store.h"
#include "server/gateway.h"
#include "server/http/http_server.h"
#include "server/identity/authenticator.h"
#include "server/identity/permission_file.h"
#include "server/identity/permissions.h"
#include "server/live/live_view.h"
#include "server/live/passing.h"
#include "server/live/tracer.h"
#include "server/mqtt/exchangeable_publisher.h"
#include "server/otlp/otlp_client.h"
#include "server/pressure/intake_control.h"
#include "server/queue/dispatcher.h"
#include "server/reply/outbox.h"
#include "server/reply/outbox_recovery.h"
#include "server/reply/refused_replies.h"
#include "server/reply/reply_permissions.h"
#include "server/reply/settler.h"
#include "server/reply/stream_holds.h"
#include "server/route/chain_directory.h"
#include "server/route/chain_sweeper.h"
#include "server/route/route_table.h"
#include "server/router/router.h"
#include "server/runtime/live.h"
#include "server/runtime/ticker.h"
#include "server/session/careful_intake.h"
#include "server/session/session_leaver.h"
#include "server/session/session_memory.h"
#include "server/session/session_sink.h"
#include "server/spans/message_spans.h"
#include "server/telemetry/log.h"
#include "server/worker/delivery_source.h"
#include "server/worker/server.h"

namespace sluice {

// As `config` has them (gateway_reload.cc).
Ladder::Options LadderOptions(const PressureConfig& config);
Watermark JournalWatermark(const GatewayConfig& config);

// The stages, members in the order of a message's path. Each is called by the one before it; where an arrow points
// back (settles, pressure, dead letters), the private interfaces at the end join them.
class Gateway::Stages final : private RoutedSink,
                              private DeliverySource,
                              private DispatcherListener,
                              private StatusSource {
 public:
  Stages(GatewayConfig config, GatewayParts parts, OpenJournal journal);
  // Stops whatever runs, without waiting for anybody's work.
  ~Stages() override;

  // Makes the rest, once. After an error of this or of Start() it is only to be destroyed.
  absl::Status Build();
  absl::Status Start();
  bool Shutdown(Millis drain);
  void Tick();
  RunningConfig& running() { return running_; }

  const std::string& workers_address() const { return workers_->address(); }
  const std::string& http_address() const { return http_ ? http_->address() : no_address_; }
  const std::string& admin_address() const { return admin_ ? admin_->address() : no_address_; }
  const std::string& dashboard_address() const { return dashboard_ ? dashboard_->address() : no_address_; }

 private:
  // A connection to a broker that takes messages in, with what it hands them to.
  struct Intake {
    std::string connection_name;  // Of the configuration.
    MqttOptions options;          // With the client id, and the name that it has in metrics and logs.
    SessionName session_name{};
    SubscriptionGroup group{};    // What it subscribes to.
    SubscriptionGroup retired{};  // What it did before a change: messages may still come for it.
    std::unique_ptr<Router> router;
    std::unique_ptr<CarefulIntake> careful;
    std::unique_ptr<SessionSink> session;
    std::shared_ptr<IntakeConnection> connection;
  };
  using Connections = std::map<std::string, MqttOptions>;

  // ---- connections to brokers, at the start and later (gateway_connections.cc)
  void BuildPublishers();
  void BuildIntake();
  // The one side of it, whose other side waits in shared_intakes_ where both are one.
  std::unique_ptr<Publisher> MakePublisher(const MqttOptions& options);
  struct PlannedIntake {
    std::string connection;  // Of the configuration.
    MqttOptions options;
    SessionName session{};
    SubscriptionGroup group{};
  };
  // One for each intake connection of these; their sessions are begun, and stand in the memory on disk.
  std::vector<PlannedIntake> PlanIntake(const Connections& connections);
  // Not started. `unreleased`: see Router. `retired`: see Intake.
  void AddIntake(const PlannedIntake& planned, std::span<const ReceivedPacket> unreleased, SubscriptionGroup retired);
  // Of a configuration that is not used any more: where it can be, else it is told. `options`: its connection's, with the
  // credentials that its broker knows; null: nobody knows them.
  void EndSession(const SessionMemory::Session& session, const MqttOptions* options);
  // Whether all of intake connection `connection` is there with all that it subscribes to. From any thread.
  bool HasSubscribed(const std::string& connection) const;
  // Those that `plan` names are made anew, from the options that they have now, or go.
  void CarryConnections(const GatewayConfig& wanted, const ReloadPlan& plan);
  // Of the plan's, with their connections stopped and what their sessions hold as remainders.
  std::vector<Intake> TakeDown(const std::set<std::string>& names);
  // Whoever tells of connections knows these from now on.
  void TellConnections(const GatewayConfig& config);
  // Of each connection to a broker, with the client id it uses.
  std::vector<MqttOptions> ClientIds(const GatewayConfig& config) const;
  static std::set<std::string> NamesOf(const Connections& connections);

  // ---- a change of the configuration while it runs (gateway_reload.cc)
  // See RunningConfig::Carry.
  absl::Status Carry(const GatewayConfig& wanted, const ReloadPlan& plan);
  void CarryChains(const GatewayConfig& wanted);
  void CarryBounds(const GatewayConfig& wanted, const ReloadPlan& plan);
  void CarryRoutes(const ReloadPlan& plan);
  void Resubscribe(Intake& intake, SubscriptionGroup group);

  // ---- what a start and a change have in common
  // Of the connections of `config`, in service.
  std::vector<const Route*> RoutesOf(const GatewayConfig& config) const;
  // What workers may publish, and which chains templates may make. After routes_.
  void SetRules(const GatewayConfig& config);
  void ExpectChains(const GatewayConfig& config);
  std::set<std::string, std::less<>> ConfiguredChains(const GatewayConfig& config) const;
  // As the driver takes them, with what the session is known to hold.
  std::vector<Subscription> SubscriptionsOf(const SessionName& session, const SubscriptionGroup& group) const;

  void BuildOutboxRecovery();
  absl::Status StartHttp();
  absl::Status BuildDeadLetters();
  void StartDeadLetters();
  // Empty: administrators have no listener.
  std::string AdminAddress() const;
  void BuildAdmin();
  absl::Status StartAdmin();
  absl::Status StartDashboard();
  AdminAccess AccessOfAdmins() const;
  // Who workers are, and what they may.
  absl::Status BuildIdentity();
  // From now on workers and administrators may what these say; streams and calls that last notice.
  void SetPermissions(Permissions rules);
  // What lets administrators in has changed.
  void CheckAdminsAgain();
  // Whether the template of a route may name this chain.
  bool MayName(std::string_view chain) const;
  void BuildBacklog();
  absl::Status BuildLiveView();
  // A message that the journal gives back; false: no worker is to have it, which has been seen to.
  bool Restore(RecoveredMessage message, RoutedMessage& out);
  // What the ends of earlier processes have to do with it; true: it is a dead letter.
  bool Convict(RoutedMessage& message);
  // Shutdown() of one that runs.
  bool Drain(Millis drain);
  // With a journal on disk, the middle of Drain(): what workers hold is settled, the rest stays where it is. Intake
  // has ended when it returns.
  void SettleInFlight(SteadyTime start, SteadyTime deadline, SteadyTime intake_deadline);
  std::shared_ptr<DeliverySink> WithSeam(std::shared_ptr<DeliverySink> sink) const;
  std::vector<ReadinessItem> Readiness() const;
  GatewayStatus Status() const override;

  // The arrows backlog → queue and worker stream → queue. Who serves a chain is of interest to pressure, too.
  void Enqueue(std::span<RoutedMessage> batch) override { dispatcher_.Enqueue(batch); }
  SessionId AddSession(SessionOptions options, std::shared_ptr<DeliverySink> sink) override {
    const std::vector<const Chain*> chains = options.chains;
    if (seams_.delivered) sink = WithSeam(std::move(sink));
    sink = std::make_shared<PassingDeliveries>(tap_, spans_.get(), std::move(sink), options.worker);
    const SessionId session = dispatcher_.AddSession(std::move(options), std::move(sink));
    intake_control_.OnWorkerJoined(session, chains);
    return session;
  }
  void SetWindow(SessionId session, Window window) override { dispatcher_.SetWindow(session, window); }
  void DrainSession(SessionId session) override {
    dispatcher_.DrainSession(session);
    intake_control_.OnWorkerLeft(session);
  }
  std::vector<uint64_t> Begin(SessionId session, std::span<const uint64_t> ids) override {
    return dispatcher_.Begin(session, ids);
  }
  void RemoveSession(SessionId session, SessionEnd how, uint64_t written) override {
    intake_control_.OnWorkerLeft(session);
    dispatcher_.RemoveSession(session, how, written);
    stream_holds_.Forget(session);
  }
  std::optional<Dispatcher::Extended> Extend(SessionId session, uint64_t delivery_id, Millis lease) override {
    return dispatcher_.Extend(session, delivery_id, lease);
  }
  // The arrows queue → pressure, queue → dead letters, queue → journal, and what those who look are told.
  void OnPressure(const Chain& chain, bool high) override {
    backlog_ ? backlog_->OnPressure(chain, high) : intake_control_.OnQueue(chain, high);
  }
  void OnDeadLetters(std::vector<DeadLetter> letters) override {
    if (tap_.on()) TellDeaths(tap_, letters);
    if (spans_ != nullptr) TraceDeaths(*spans_, letters);
    dead_letters_->Take(std::move(letters));
  }
  void OnLost(const LostDeliveries& lost) override {
    if (tap_.on()) TellLost(tap_, lost);
  }
  void OnDropped(std::vector<LostMessage> dropped) override {
    if (tap_.on()) TellDropped(tap_, dropped);
    if (spans_ != nullptr) TraceDropped(*spans_, dropped);
    std::vector<RecordId> records;
    for (const LostMessage& lost : dropped) {
      if (lost.message.record != 0) records.push_back(lost.message.record);
    }
    if (records.empty()) return;
    settler_->Run([this, ended = std::move(records)] {
      if (absl::Status status = journal_.Settle(ended, {}); !status.ok()) {
        log::Error("the journal could not end dropped messages", {{"error", status.ToString()}});
      }
    });
  }
  void OnAttempts(std::span<const AttemptsNote> notes) override {
    settler_->Run(
        [this, noted = std::vector<AttemptsNote>(notes.begin(), notes.end())] { journal_.NoteAttempts(noted); });
  }
  // The arrow outbox → queue: nothing more is asked of workers for a connection that is full.
  void OnConnectionFull(const std::string& connection, bool full) {
    if (full) return dispatcher_.CloseConnection(connection);
    dispatcher_.OpenConnection(connection);
    stream_holds_.Relieved(connection);
  }
  // The arrows back to the worker streams: what workers send of their own accord is not read while it has no place.
  void HoldStream(SessionId session) {
    read_gate_.Hold(session);
    dispatcher_.HoldLeases(session);
  }
  void LetGoStream(SessionId session) {
    dispatcher_.ReleaseLeases(session);
    read_gate_.LetGo(session);
  }
  void OnRepliesFull(bool full) {
    if (full) {
      read_gate_.Close();
      dispatcher_.HoldLeases();
    } else {
      dispatcher_.ReleaseLeases();
      read_gate_.Open();
    }
  }

  const GatewayConfig config_;
  const MqttDrivers drivers_;
  const GatewaySeams seams_;
  const std::string no_address_;
  const bool ticks_by_hand_;  // See GatewayParts::clock.
  const Clock& clock_;
  const uint64_t seed_;
  std::atomic<bool> draining_ = false;
  enum class Phase : uint8_t { kBuilt, kStarting, kRunning, kEnded };
  Phase phase_ = Phase::kBuilt;  // kStarting, too, where a start has failed.
  bool ended_well_ = true;

  MetricsRegistry& metrics_;
  Ticker ticker_{clock_};          // Of what must be in time: nothing on it waits for a file or for somebody.
  Ticker patient_ticker_{clock_};  // Of what reads files, or waits for brokers.
  TraceRing trace_ring_{clock_, config_.tracing};
  Tap tap_{clock_, &trace_ring_};
  std::unique_ptr<OtlpClient> otlp_;     // Null: nothing is traced.
  std::unique_ptr<MessageSpans> spans_;  // Likewise.
  CertificateWatch certificate_watch_{CertificateFilesOf(config_), clock_, metrics_};

  RunningConfig running_;

  ChainDirectory chains_{config_.chain_defaults, config_.max_template_chains};
  RouteTable routes_;
  Live<std::vector<std::shared_ptr<const TargetPattern>>> templates_{{}};
  Live<std::set<std::string, std::less<>>> configured_chains_{{}};
  Live<Connections> connections_{config_.connections};  // Within a change already those that it brings.
  OpenJournal opened_journal_;
  Journal& journal_ = opened_journal_.journal();
  IntakeControl intake_control_;
  std::unique_ptr<Restorer> restorer_;
  std::unique_ptr<Backlog> backlog_;  // Null: the journal is in memory, and so is all that waits.
  // Where routers hand messages to.
  std::unique_ptr<PassingSink> passing_;
  std::unique_ptr<PassingUnroutable> passing_unroutable_;
  ReadGate read_gate_;
  Dispatcher dispatcher_{clock_, metrics_,
                         *this,  [this](SteadyTime deadline) { ticker_.WakeBy(deadline); },
                         seed_,  opened_journal_.in_hand()};
  Outbox outbox_{clock_,
                 journal_,
                 metrics_,
                 {.max_messages = config_.replies.max_outstanding_messages,
                  .max_bytes = config_.replies.max_outstanding_bytes,
                  .result_timeout = config_.replies.result_timeout},
                 [this](const std::string& connection, bool full) { OnConnectionFull(connection, full); }};
  StreamHolds stream_holds_{
      {.allowance = {.messages = std::max<size_t>(config_.replies.max_outstanding_messages / 4, 1),
                     .bytes = std::max<size_t>(config_.replies.max_outstanding_bytes / 4, 1)},
       .full = [this](std::string_view connection) { return outbox_.full(connection); },
       .overdrawn = [this](std::string_view connection) { return outbox_.overdrawn(connection); },
       .hold = [this](SessionId session) { HoldStream(session); },
       .let_go = [this](SessionId session) { LetGoStream(session); }}};
  DroppedReplies dropped_replies_{clock_, journal_, metrics_};
  std::unique_ptr<DeadLetterStore> dead_letter_store_;
  std::unique_ptr<DeadLetters> dead_letters_;
  std::unique_ptr<OutboxRecovery> outbox_recovery_;  // Null: the journal held no replies.
  Live<ReplyRules> rules_{{}};
  std::unique_ptr<Settler> settler_;
  Permissions permissions_of_principals_;
  std::unique_ptr<PermissionFile> permission_file_;                // Null: the rules stand in the configuration.
  std::unique_ptr<ConfiguredAuthenticator> worker_authenticator_;  // Null: nobody asks workers who they are.
  std::unique_ptr<ConfiguredAuthenticator> admin_authenticator_;   // Null: nobody asks administrators.
  std::unique_ptr<WorkerServer> workers_;
  std::map<std::string, std::shared_ptr<ExchangeablePublisher>> publishers_;  // Also of connections that went.
  std::unique_ptr<SessionMemory> session_memory_;
  MetricsRegistry leaving_metrics_;  // Nobody's: a connection that is to go is not one that is down.
  SessionLeaver session_leaver_{clock_};
  // Of connections that share one with their replies, until AddIntake().
  std::map<std::string, decltype(SharedConnection::intake)> shared_intakes_;
  std::vector<Intake> intakes_;
  // For those who ask how they are, while others come and go.
  struct Shown {
    std::vector<std::shared_ptr<const IntakeConnection>> intakes;
    std::vector<std::shared_ptr<const Publisher>> publishers;
  };
  Live<Shown> shown_{{}};
  std::unique_ptr<BrokerSessions> broker_sessions_;
  std::shared_ptr<TlsServer> http_tls_;
  std::shared_ptr<TokenGate> metrics_token_;
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<LiveView> live_view_;
  std::unique_ptr<Tracer> tracer_;
  std::unique_ptr<Replayer> replayer_;
  std::unique_ptr<AdminServer> admin_;
  std::unique_ptr<DashboardServer> dashboard_;
  ChainSweeper chain_sweeper_{chains_,
                              [this](Millis idle) {
                                dispatcher_.ForgetIdle(idle);
                                if (backlog_) backlog_->ForgetIdle();
                              },
                              config_.template_chain_idle};
};

}  // namespace sluice
