// Connections to brokers: made at the start, and made anew, each by itself, when the configuration changes.
#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/mqtt/client_ids.h"
#include "server/route/subscription_plan.h"
#include "server/stages.h"

namespace sluice {
namespace {

// Of a connection that is exchanged: how long its broker may take to confirm what was sent, and to say goodbye.
constexpr Millis kConfirm{1'000};
constexpr Millis kGoodbye{2'000};

// Of what is shown of one intake connection, and of one connection for replies.
constexpr std::array<std::string_view, 3> kIntakeFamilies = {"sluice_mqtt_subscriptions_refused",
                                                             "sluice_intake_paused", "sluice_shared_filters_left"};
constexpr std::array<std::string_view, 2> kConnected = {"sluice_mqtt_connected", "sluice_mqtt_server_place"};

std::vector<std::string> FiltersOf(const SubscriptionGroup& group) {
  std::vector<std::string> filters;
  for (const Subscription& subscription : group.Subscriptions()) filters.push_back(subscription.filter);
  return filters;
}

}  // namespace

std::set<std::string> Gateway::Stages::NamesOf(const Connections& connections) {
  std::set<std::string> names;
  for (const auto& [name, options] : connections) names.insert(name);
  return names;
}

// ------------------------------------------------------------------------------------------------ at the start

void Gateway::Stages::BuildPublishers() {
  for (const auto& [name, options] : config_.connections) {
    auto& publisher = publishers_[name] = std::make_shared<ExchangeablePublisher>(name, outbox_);
    publisher->Set(MakePublisher(options));
    outbox_.AddConnection(name, *publisher);
  }
}

std::unique_ptr<Publisher> Gateway::Stages::MakePublisher(const MqttOptions& options) {
  if (!options.share_connection) return drivers_.publisher(options, outbox_, clock_, metrics_);
  SharedConnection shared = drivers_.shared(options, outbox_, clock_, metrics_);
  shared_intakes_.insert_or_assign(options.name, std::move(shared.intake));
  return std::move(shared.publisher);
}

void Gateway::Stages::BuildIntake() {
  passing_unroutable_ = std::make_unique<PassingUnroutable>(tap_, spans_.get(), *dead_letters_);
  passing_ = std::make_unique<PassingSink>(tap_, backlog_ ? static_cast<RoutedSink&>(*backlog_) : *this);
  const SegmentJournal* disk = opened_journal_.on_disk();
  session_memory_ =
      SessionMemory::Open(disk ? absl::StrCat(config_.journal.path, "/sessions") : "", JournalFiles::Posix());
  const std::vector<ReceivedPacket> unreleased = disk ? disk->ReadReceived() : std::vector<ReceivedPacket>();
  for (const PlannedIntake& planned : PlanIntake(config_.connections)) AddIntake(planned, unreleased, {});
  for (const SessionMemory::Session& session : session_memory_->Others()) {
    const auto found = config_.connections.find(session.connection);
    EndSession(session, found == config_.connections.end() ? nullptr : &found->second);
  }
  TellConnections(config_);
}

std::vector<Gateway::Stages::PlannedIntake> Gateway::Stages::PlanIntake(const Connections& connections) {
  std::vector<PlannedIntake> all;
  for (const auto& [name, base_options] : connections) {
    std::vector<SubscriptionGroup> groups = PlanSubscriptions(routes_.RoutesOf(name), base_options.mqtt5);
    for (size_t i = 0; i < groups.size(); ++i) {
      PlannedIntake& planned =
          all.emplace_back(PlannedIntake{.connection = name, .options = base_options, .group = std::move(groups[i])});
      if (i > 0) planned.options.name = absl::StrCat(name, "#", i + 1);
      planned.options.client_id = IntakeClientId(base_options, i);
      planned.session = {.client_id = planned.options.client_id, .broker = BrokerOf(base_options.uri)};
      // Nothing of a clean session outlives its connection.
      session_memory_->Begin(planned.session, name,
                             base_options.clean_session ? std::vector<std::string>() : FiltersOf(planned.group));
    }
  }
  // Before anything is asked for. An error is logged, and costs no more than that.
  (void)session_memory_->Save();
  return all;
}

void Gateway::Stages::AddIntake(const PlannedIntake& planned, std::span<const ReceivedPacket> unreleased,
                                SubscriptionGroup retired) {
  const auto& [connection_name, options, session, group] = planned;
  Intake intake{.connection_name = connection_name, .options = options, .session_name = session, .group = group};
  intake.router = std::make_unique<Router>(options, unreleased, group, chains_, journal_, *passing_,
                                           *passing_unroutable_, metrics_, clock_);
  intake.router->TraceBy(spans_.get());
  if (!retired.planned.empty()) intake.router->SetRoutes(group, retired);
  intake.retired = std::move(retired);
  intake.careful =
      std::make_unique<CarefulIntake>(options.name, *intake.router, opened_journal_.crash_marks(), metrics_);
  intake.session = std::make_unique<SessionSink>(session, *intake.careful, *session_memory_);
  std::vector<Subscription> subscriptions = SubscriptionsOf(session, group);
  for (std::string& filter : session_memory_->RemaindersOf(session)) {
    // With a clean session nothing is remembered, and what is asked for may have been by one that was not.
    const bool wanted = std::ranges::find(subscriptions, filter, &Subscription::filter) != subscriptions.end();
    if (!wanted) subscriptions.push_back({.filter = std::move(filter), .remainder = true});
  }
  const auto shared = shared_intakes_.find(options.name);
  intake.connection = shared == shared_intakes_.end()
                          ? drivers_.intake(options, std::move(subscriptions), *intake.session, clock_, metrics_)
                          : shared->second(std::move(subscriptions), *intake.session);
  if (shared != shared_intakes_.end()) shared_intakes_.erase(shared);
  intake_control_.AddConnection(options.name, *intake.connection, group);
  intakes_.push_back(std::move(intake));
}

void Gateway::Stages::EndSession(const SessionMemory::Session& session, const MqttOptions* connection_options) {
  // At the same broker, with the credentials that it knows, and not another connection's session by now.
  const bool reachable = connection_options != nullptr && BrokerOf(connection_options->uri) == session.name.broker &&
                         !session_memory_->InUse(session.name.client_id) && drivers_.end_session;
  log::Warning(reachable ? "a session that no configuration uses any more is left and ended at its broker"
                         : "a session that no configuration uses any more may live on at its broker, which gives it "
                           "messages until it expires: end it there, and remove it from the file 'sessions' of "
                           "journal.path",
               {{"connection", session.connection},
                {"client_id", session.name.client_id},
                {"broker", session.name.broker},
                {"filters", absl::StrJoin(session.filters, " ")}});
  if (!reachable) return;
  const bool mqtt5 = connection_options->mqtt5;
  SubscriptionGroup still_wanted;
  for (const SubscriptionGroup& group : PlanSubscriptions(routes_.RoutesOf(session.connection), mqtt5)) {
    for (const PlannedSubscription& planned : group.planned) {
      const bool held = std::ranges::find(session.filters, planned.subscription.filter) != session.filters.end();
      if (held) still_wanted.planned.push_back(planned);
    }
  }
  std::vector<Subscription> remainders;
  remainders.reserve(session.filters.size());
  for (const std::string& filter : session.filters) remainders.push_back({.filter = filter, .remainder = true});

  MqttOptions options = *connection_options;
  options.name = session.connection;
  options.client_id = session.name.client_id;
  options.clean_session = false;
  const SegmentJournal* disk = opened_journal_.on_disk();
  auto router =
      std::make_unique<Router>(options, disk ? disk->ReadReceived() : std::vector<ReceivedPacket>(), still_wanted,
                               chains_, journal_, *passing_, *passing_unroutable_, metrics_, clock_);
  router->TraceBy(spans_.get());
  auto sink = std::make_unique<LeavingSink>(std::move(router));
  // The router's is the connection's: that is what its messages and packet identifiers belong to.
  options.name = absl::StrCat(session.connection, " (leaving ", session.name.client_id, ")");
  auto connection = drivers_.intake(options, std::move(remainders), *sink, clock_, leaving_metrics_);
  intake_control_.AddConnection(options.name, *connection, still_wanted);
  session_leaver_.Add({.name = options.name,
                       .client_id = session.name.client_id,
                       .sink = std::move(sink),
                       .connection = std::move(connection),
                       .may_begin = [this, of = session.connection] { return HasSubscribed(of); },
                       .end =
                           [this, options, name = session.name] {
                             return drivers_.end_session(
                                 options, [this, name] { session_memory_->Ended(name); }, clock_);
                           }});
  patient_ticker_.WakeBy(clock_.Now());
}

bool Gateway::Stages::HasSubscribed(const std::string& connection) const {
  const std::shared_ptr<const Shown> shown = shown_.Get();
  return std::ranges::all_of(shown->intakes, [&connection](const auto& intake) {
    const ConnectionState state = intake->State();
    return state.ready || (state.name != connection && !state.name.starts_with(connection + "#"));
  });
}

// ------------------------------------------------------------------------------------------------ while it runs

void Gateway::Stages::CarryConnections(const GatewayConfig& wanted, const ReloadPlan& plan) {
  // Two connections of one client id would throw each other out, so the old ones go first. Meanwhile their brokers keep
  // what comes in the sessions, and replies are kept here.
  std::vector<Intake> gone = TakeDown(plan.remade);
  const SteadyTime now = clock_.Now();
  for (const std::string& name : plan.reconnected) {
    const auto found = publishers_.find(name);
    if (found != publishers_.end()) found->second->Withdraw(now + kConfirm, now + kGoodbye);
  }

  Connections remade;
  std::map<std::string, std::unique_ptr<Publisher>> next;
  for (const auto& [name, options] : wanted.connections) {
    if (plan.remade.contains(name)) remade.emplace(name, options);
    if (plan.reconnected.contains(name)) next.emplace(name, MakePublisher(options));
  }
  connections_.Set(wanted.connections);
  restorer_->SetConnections(NamesOf(wanted.connections));
  const SegmentJournal* disk = opened_journal_.on_disk();
  std::vector<ReceivedPacket> unreleased = disk ? disk->ReadReceived() : std::vector<ReceivedPacket>();
  if (disk == nullptr) {
    for (const Intake& intake : gone) {
      for (const uint16_t id : intake.router->UnreleasedPackets()) unreleased.push_back({intake.router->session(), id});
    }
  }
  const size_t first = intakes_.size();
  for (const PlannedIntake& planned : PlanIntake(remade)) {
    for (const std::string& name : session_leaver_.GiveUp(planned.session.client_id)) {
      intake_control_.RemoveConnection(name);
    }
    // What its session still holds came for these. A broker that is given by another address may be the same.
    SubscriptionGroup retired;
    for (Intake& intake : gone) {
      if (intake.session_name.client_id != planned.session.client_id) continue;
      retired = std::move(intake.retired);
      std::ranges::move(intake.group.planned, std::back_inserter(retired.planned));
    }
    std::erase_if(retired.planned, [&planned](const PlannedSubscription& old) {
      return std::ranges::any_of(planned.group.planned, [&old](const PlannedSubscription& mine) {
        return mine.subscription.filter == old.subscription.filter;
      });
    });
    AddIntake(planned, unreleased, std::move(retired));
  }
  for (auto& [name, publisher] : next) {
    auto& slot = publishers_[name];
    const bool is_new = slot == nullptr;
    if (is_new) slot = std::make_shared<ExchangeablePublisher>(name, outbox_);
    slot->Set(std::move(publisher));
    if (!is_new) continue;
    outbox_.AddConnection(name, *slot);
    slot->Start();
  }
  for (const std::string& name : plan.reconnected) {
    if (!wanted.connections.contains(name)) publishers_.at(name)->Close();
  }
  for (size_t i = first; i < intakes_.size(); ++i) intakes_[i].connection->Start();

  // Before sessions are left, which waits for these.
  TellConnections(wanted);
  for (const SessionMemory::Session& session : session_memory_->Others()) {
    const auto was = std::ranges::find(gone, session.name, &Intake::session_name);
    if (was != gone.end() && !session.filters.empty()) EndSession(session, &was->options);
  }
  for (const Intake& intake : gone) {
    const auto is_mine = [&intake](const Intake& other) { return other.options.name == intake.options.name; };
    if (std::ranges::any_of(intakes_, is_mine)) continue;
    metrics_.Retire(kIntakeFamilies, {{"connection", intake.options.name}});
    for (const char* role : {"intake", "shared"}) {
      metrics_.Retire(kConnected, {{"connection", intake.options.name}, {"role", role}});
    }
  }
}

std::vector<Gateway::Stages::Intake> Gateway::Stages::TakeDown(const std::set<std::string>& names) {
  std::vector<Intake> gone;
  std::vector<Intake> stay;
  for (Intake& intake : intakes_) {
    (names.contains(intake.connection_name) ? gone : stay).push_back(std::move(intake));
  }
  intakes_ = std::move(stay);
  const SteadyTime deadline = clock_.Now() + kGoodbye;
  for (const Intake& intake : gone) intake_control_.RemoveConnection(intake.options.name);
  for (const Intake& intake : gone) {
    intake.connection->Stop(deadline);
    session_memory_->Leave(intake.session_name);
  }
  return gone;
}

void Gateway::Stages::TellConnections(const GatewayConfig& config) {
  Shown shown;
  for (const Intake& intake : intakes_) shown.intakes.push_back(intake.connection);
  for (const auto& [name, publisher] : publishers_) {
    if (!publisher->closed()) {
      shown.publishers.push_back(publisher);
      continue;
    }
    for (const char* role : {"replies", "shared"}) {
      metrics_.Retire(kConnected, {{"connection", name}, {"role", role}});
    }
  }
  shown_.Set(std::move(shown));
  if (broker_sessions_) broker_sessions_->SetOwn(ClientIds(config));
  certificate_watch_.SetFiles(CertificateFilesOf(config));
}

std::vector<MqttOptions> Gateway::Stages::ClientIds(const GatewayConfig& config) const {
  std::vector<MqttOptions> all;
  for (const auto& [name, options] : config.connections) {
    // Of a shared one intake's says it all, and what the broker chose is nobody's to end.
    const std::string id = RepliesClientId(options);
    if (id.empty() || options.share_connection) continue;
    all.push_back(options);
    all.back().client_id = id;
  }
  for (const Intake& intake : intakes_) all.push_back(intake.options);
  return all;
}

}  // namespace sluice
