#include "server/live/live_view.h"

#include <algorithm>
#include <chrono>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/mqtt/server_list.h"
#include "server/router/router.h"

namespace sluice {
namespace {

constexpr uint32_t kDefaultWorkers = 1'000;
constexpr uint32_t kMostWorkers = 10'000;
// How often the counters of connections are looked at.
constexpr Millis kLook{2'000};

uint64_t AgeMs(SteadyTime since, SteadyTime now) {
  return now <= since ? 0 : static_cast<uint64_t>(std::chrono::duration_cast<Millis>(now - since).count());
}

void CountsToProto(const Tally& tally, v1::DeliveryCounts& out) {
  const auto settled = [&tally](Verdict verdict) { return tally.settles[static_cast<size_t>(verdict)]; };
  out.set_deliveries(tally.deliveries);
  out.set_acked(settled(Verdict::kAck));
  out.set_retried(settled(Verdict::kRetry));
  out.set_rejected(settled(Verdict::kReject));
  out.set_dropped(settled(Verdict::kDrop));
  out.set_leases_expired(tally.lost_leases);
}

// Whether a link is of the connection: "plant", "plant#2" or "plant (replies)".
bool IsLinkOf(std::string_view link, std::string_view connection) {
  if (!link.starts_with(connection)) return false;
  const std::string_view rest = link.substr(connection.size());
  if (rest.empty() || rest == " (replies)") return true;
  return rest.size() > 1 && rest.front() == '#' &&
         std::ranges::all_of(rest.substr(1), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

LiveView::LiveView(Parts parts, std::unique_ptr<ChainPauses> pauses)
    : parts_(std::move(parts)),
      pauses_(std::move(pauses)),
      paused_(parts_.metrics.GetGauge("sluice_chains_paused", "Chains that an operator has paused.", {})) {
  const ChainPauses::Pauses all = pauses_->all();
  for (const auto& [name, pause] : all) parts_.dispatcher.PauseChain(*parts_.chains.ForJournal(name));
  paused_.Set(static_cast<int64_t>(all.size()));
}

void LiveView::WorkerToProto(const Session::Description& from, v1::LiveWorker& out) const {
  out.set_session(from.number);
  out.set_worker(from.worker);
  out.set_sdk(from.sdk);
  out.set_principal(from.principal);
  out.set_peer(from.peer);
  out.set_user_agent(from.user_agent);
  out.set_age_ms(static_cast<uint64_t>(from.age.count()));
  out.set_state(from.draining ? "draining" : from.stalled ? "not reading" : "open");
  out.set_window_messages(from.window.messages);
  out.set_window_bytes(from.window.bytes);
  const std::optional<SessionLoad> load = parts_.dispatcher.LoadOf(from.session);
  if (!load) return;
  for (const ChainRef& chain : load->chains) out.add_chains(chain->name);
  std::ranges::sort(*out.mutable_chains());
  out.set_in_flight(load->in_flight);
  out.set_in_flight_bytes(load->in_flight_bytes);
  if (load->delivered) out.set_oldest_delivery_ms(AgeMs(*load->delivered, parts_.clock.Now()));
  out.set_delivery_rate(load->rates.deliveries);
  out.set_settle_rate(load->rates.settles);
  CountsToProto(load->tally, *out.mutable_counts());
}

absl::Status LiveView::ListWorkers(const v1::ListWorkersRequest& request, v1::ListWorkersResponse& response) {
  std::vector<Session::Description> all = parts_.workers.Describe(SIZE_MAX);
  response.set_streams(all.size());
  if (!request.worker().empty()) {
    std::erase_if(all, [&](const Session::Description& one) { return !one.IsCalled(request.worker()); });
    if (all.empty()) {
      return absl::NotFoundError(absl::StrCat("no worker stream is open that is called '", request.worker(), "'"));
    }
  }
  // The oldest first.
  std::ranges::sort(all, [](const Session::Description& a, const Session::Description& b) {
    return std::tie(b.age, a.number) < std::tie(a.age, b.number);
  });
  const size_t limit = request.limit() == 0 ? kDefaultWorkers : std::min(request.limit(), kMostWorkers);
  all.resize(std::min(all.size(), limit));
  for (const Session::Description& one : all) WorkerToProto(one, *response.add_workers());
  return absl::OkStatus();
}

void LiveView::ChainToProto(const ChainLoad& from, const ChainPauses::Pauses& pauses, v1::LiveChain& out) const {
  out.set_name(from.chain->name);
  out.set_waiting(from.waiting);
  out.set_waiting_bytes(from.waiting_bytes);
  out.set_on_disk(from.on_disk);
  out.set_in_flight(from.in_flight);
  if (from.received) out.set_oldest_ms(AgeMs(*from.received, parts_.clock.Now()));
  out.set_workers(from.workers);
  out.set_arrival_rate(from.arrivals);
  out.set_delivery_rate(from.rates.deliveries);
  out.set_settle_rate(from.rates.settles);
  out.set_arrivals(from.arrived);
  CountsToProto(from.tally, *out.mutable_counts());
  const auto pause = pauses.find(from.chain->name);
  if (pause == pauses.end()) return;
  out.mutable_pause()->set_since_unix_ms(pause->second.since_unix_ms);
  out.mutable_pause()->set_by(pause->second.by);
  out.mutable_pause()->set_reason(pause->second.reason);
}

absl::Status LiveView::ListChains(const v1::ListChainsRequest& request, v1::ListChainsResponse& response) {
  const ChainPauses::Pauses pauses = pauses_->all();
  std::vector<ChainLoad> loads = parts_.dispatcher.ChainLoads();
  for (const std::string& name : parts_.configured_chains()) {
    const auto is = [&name](const ChainLoad& load) { return load.chain->name == name; };
    if (ChainRef chain = parts_.chains.Find(name); std::ranges::none_of(loads, is) && chain.get() != nullptr) {
      loads.push_back({.chain = std::move(chain)});
    }
  }
  if (!request.chain().empty()) {
    std::erase_if(loads, [&](const ChainLoad& load) { return load.chain->name != request.chain(); });
    if (loads.empty()) return absl::NotFoundError(absl::StrCat("there is no chain '", request.chain(), "' now"));
  }
  std::ranges::sort(loads, {}, [](const ChainLoad& load) -> const std::string& { return load.chain->name; });
  for (const ChainLoad& load : loads) ChainToProto(load, pauses, *response.add_chains());
  return absl::OkStatus();
}

absl::Status LiveView::Find(const std::string& chain, v1::LiveChain& out) const {
  for (const ChainLoad& load : parts_.dispatcher.ChainLoads()) {
    if (load.chain->name != chain) continue;
    ChainToProto(load, pauses_->all(), out);
    return absl::OkStatus();
  }
  return absl::NotFoundError(absl::StrCat("there is no chain '", chain, "' now"));
}

LiveView::ConnectionTotals LiveView::TotalsOf(const std::string& connection,
                                              const std::vector<ConnectionState>& intake) const {
  ConnectionTotals totals;
  for (const ConnectionState& state : intake) {
    if (!IsLinkOf(state.name, connection)) continue;
    const ReceivedCounters counters = ReceivedBy(state.name, parts_.metrics);
    for (const Counter* counter : counters.messages) totals.received += counter->value();
    for (const Counter* counter : counters.bytes) totals.received_bytes += counter->value();
  }
  const Fill published = parts_.outbox.published(connection);
  totals.published = published.messages;
  totals.published_bytes = published.bytes;
  return totals;
}

absl::Status LiveView::ListConnections(const v1::ListConnectionsRequest& request,
                                       v1::ListConnectionsResponse& response) {
  const std::shared_ptr<const Connections> connections = parts_.connections();
  const std::vector<ConnectionState> intake = parts_.intake_states();
  std::vector<ConnectionState> states = parts_.publisher_states();
  states.insert(states.begin(), intake.begin(), intake.end());
  const SteadyTime now = parts_.clock.Now();
  for (const auto& [name, options] : *connections) {
    if (!request.connection().empty() && request.connection() != name) continue;
    v1::LiveConnection& out = *response.add_connections();
    out.set_name(name);
    out.set_server(absl::StrJoin(ServersOf(options), ", "));
    for (const ConnectionState& state : states) {
      if (!IsLinkOf(state.name, name)) continue;
      v1::ConnectionStatus& link = *out.add_links();
      link.set_name(state.name);
      link.set_ready(state.ready);
      link.set_detail(state.detail);
    }
    const ConnectionTotals totals = TotalsOf(name, intake);
    out.set_received(totals.received);
    out.set_received_bytes(totals.received_bytes);
    out.set_published(totals.published);
    out.set_published_bytes(totals.published_bytes);
    {
      MutexLock lock(mutex_);
      if (const auto rates = rates_.find(name); rates != rates_.end()) {
        out.set_receive_rate(rates->second.received.PerSecond(now));
        out.set_receive_byte_rate(rates->second.received_bytes.PerSecond(now));
        out.set_publish_rate(rates->second.published.PerSecond(now));
        out.set_publish_byte_rate(rates->second.published_bytes.PerSecond(now));
      }
    }
    const Fill held = parts_.outbox.held(name);
    const Fill bounds = parts_.outbox.bounds();
    out.set_outbox_messages(held.messages);
    out.set_outbox_bytes(held.bytes);
    out.set_outbox_max_messages(bounds.messages);
    out.set_outbox_max_bytes(bounds.bytes);
    out.set_outbox_full(parts_.outbox.full(name));
  }
  if (!request.connection().empty() && response.connections().empty()) {
    return absl::NotFoundError(absl::StrCat("there is no connection '", request.connection(), "'"));
  }
  return absl::OkStatus();
}

SteadyTime LiveView::Tick(SteadyTime now) {
  const std::shared_ptr<const Connections> connections = parts_.connections();
  const std::vector<ConnectionState> intake = parts_.intake_states();
  MutexLock lock(mutex_);
  std::erase_if(rates_, [&](const auto& rate) { return !connections->contains(rate.first); });
  for (const auto& [name, options] : *connections) {
    const ConnectionTotals totals = TotalsOf(name, intake);
    ConnectionRates& rates = rates_[name];
    rates.received.Look(totals.received, now);
    rates.received_bytes.Look(totals.received_bytes, now);
    rates.published.Look(totals.published, now);
    rates.published_bytes.Look(totals.published_bytes, now);
  }
  return now + kLook;
}

}  // namespace sluice
