// What /readyz and the admin listener tell.
#include <algorithm>
#include <iterator>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/stages.h"

namespace sluice {

namespace {

// A thread of the workers' listener that has not turned for so long does not do so any more.
constexpr Millis kStuck{10'000};

}  // namespace

absl::Status Gateway::Stages::StartHttp() {
  const HttpConfig& config = config_.http;
  if (config.listen.empty()) return absl::OkStatus();
  if (config.tls) {
    TlsServerSettings settings = SettingsOf("http.tls", *config.tls);
    settings.protocols = {"http/1.1"};
    settings.protocol_required = false;
    absl::StatusOr<std::shared_ptr<TlsServer>> tls = TlsServer::Load(std::move(settings), clock_);
    if (!tls.ok()) return tls.status();
    http_tls_ = *std::move(tls);
  }
  if (!config.metrics_token_file.empty()) {
    absl::StatusOr<std::shared_ptr<TokenGate>> token =
        TokenGate::Load("http.metricsTokenFile", config.metrics_token_file);
    if (!token.ok()) return token.status();
    metrics_token_ = *std::move(token);
  }
  absl::StatusOr<std::unique_ptr<HttpServer>> http = HttpServer::Start(
      {.listen = config.listen,
       .tls = http_tls_,
       .metrics_token = metrics_token_,
       .health = [this](const auto& answer) { answer(workers_->Alive(kStuck)); }},
      metrics_, [this] { return Readiness(); }, clock_);
  if (!http.ok()) return http.status();
  http_ = *std::move(http);
  return absl::OkStatus();
}

std::vector<ReadinessItem> Gateway::Stages::Readiness() const {
  std::vector<ReadinessItem> items;
  const std::string drained = draining_ ? "draining" : live_view_->drained();
  items.push_back({"gateway", drained.empty(), drained});
  if (!draining_) {
    const absl::Status workers = workers_->state();
    items.push_back({"workers", workers.ok(), std::string(workers.message())});
  }
  if (const SegmentJournal* disk = opened_journal_.on_disk()) {
    const absl::Status health = disk->health();
    items.push_back({"journal", health.ok(), std::string(health.message())});
  }
  items.push_back({"configuration", true, running_.Describe()});
  if (std::string paused = live_view_->DescribePauses(); !paused.empty()) {
    items.push_back({"chains", true, std::move(paused)});
  }
  items.push_back({"dead letters", !dead_letters_->full(), dead_letters_->trouble()});
  auto add = [&items](const ConnectionState& state) {
    items.push_back({absl::StrCat("connection ", state.name), state.ready, state.detail});
  };
  const std::shared_ptr<const Shown> shown = shown_.Get();
  for (const auto& intake : shown->intakes) add(intake->State());
  for (const auto& publisher : shown->publishers) add(publisher->State());
  std::ranges::move(intake_control_.Readiness(), std::back_inserter(items));
  return items;
}

std::set<std::string, std::less<>> Gateway::Stages::ConfiguredChains(const GatewayConfig& config) const {
  std::set<std::string, std::less<>> names;
  for (const auto& [name, options] : config.chains) names.insert(name);
  for (const auto& [connection, options] : config.connections) {
    for (const Route* route : routes_.RoutesOf(connection)) {
      if (route->target.chain != nullptr) names.insert(route->target.chain->name);
    }
  }
  return names;
}

absl::Status Gateway::Stages::BuildLiveView() {
  const bool on_disk = opened_journal_.on_disk() != nullptr;
  absl::StatusOr<std::unique_ptr<ChainPauses>> pauses =
      ChainPauses::Open(on_disk ? absl::StrCat(config_.journal.path, "/paused-chains") : "", JournalFiles::Posix());
  if (!pauses.ok()) return pauses.status();
  const auto states_of = [](const auto& connections) {
    std::vector<ConnectionState> states;
    states.reserve(connections.size());
    for (const auto& connection : connections) states.push_back(connection->State());
    return states;
  };
  live_view_ = std::make_unique<LiveView>(
      LiveView::Parts{.clock = clock_,
                      .metrics = metrics_,
                      .chains = chains_,
                      .intake = intake_control_,
                      .dispatcher = dispatcher_,
                      .outbox = outbox_,
                      .workers = *workers_,
                      .configured_chains = [this] { return ConfiguredChains(*running_.config()); },
                      .connections = [this] { return connections_.Get(); },
                      .intake_states = [this, states_of] { return states_of(shown_.Get()->intakes); },
                      .publisher_states = [this, states_of] { return states_of(shown_.Get()->publishers); },
                      .keeps_shares = [this] { return running_.config()->pressure.replicas == 1; },
                      .ending = [this] { return draining_.load(); }},
      *std::move(pauses));
  tracer_ = std::make_unique<Tracer>(Tracer::Parts{.clock = clock_,
                                                   .ring = trace_ring_,
                                                   .dispatcher = dispatcher_,
                                                   .outbox = outbox_,
                                                   .letters = *dead_letter_store_,
                                                   .journal = opened_journal_.on_disk()},
                                     metrics_);
  return absl::OkStatus();
}

GatewayStatus Gateway::Stages::Status() const {
  GatewayStatus status;
  status.gateway = config_.name;
  status.draining = draining_;
  status.configuration = running_.version();
  status.readiness = Readiness();
  const std::shared_ptr<const Shown> shown = shown_.Get();
  for (const auto& intake : shown->intakes) status.connections.push_back(intake->State());
  for (const auto& publisher : shown->publishers) status.connections.push_back(publisher->State());
  status.journal_persistent = opened_journal_.on_disk() != nullptr;
  status.journal = journal_.depth();
  std::set<std::string, std::less<>> idle = ConfiguredChains(*running_.config());
  for (const Dispatcher::ChainCounts& chain : dispatcher_.Chains()) {
    status.chains.push_back({chain.chain->name, chain.waiting, chain.on_disk, chain.in_flight});
    idle.erase(chain.chain->name);
  }
  for (const std::string& name : idle) status.chains.push_back({.name = name});
  status.workers_address = workers_->address();
  status.worker_streams = workers_->streams();
  constexpr size_t kMostShown = 1'000;
  for (Session::Description& one : workers_->Describe(kMostShown)) {
    status.workers.push_back({.session = std::move(one.number),
                              .worker = std::move(one.worker),
                              .principal = std::move(one.principal),
                              .peer = std::move(one.peer),
                              .age = one.age});
  }
  status.outbox_messages = outbox_.outstanding();
  status.dead_letters_waiting = dead_letters_->waiting();
  status.dead_letters_trouble = dead_letters_->trouble();
  return status;
}

}  // namespace sluice
