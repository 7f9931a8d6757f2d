// What /readyz and the admin listener tell.
#include <algorithm>
#include <iterator>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/stages.h"

namespace sluice {

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

std::set<std::string, std::less<>> Gateway::Stages::ConfiguredChains() const {
  std::set<std::string, std::less<>> names;
  for (const auto& [name, options] : config_.chains) names.insert(name);
  for (const auto& [connection, options] : config_.connections) {
    for (const Route* route : routes_.RoutesOf(connection)) {
      if (route->target.chain != nullptr) names.insert(route->target.chain->name);
    }
  }
  return names;
}

GatewayStatus Gateway::Stages::Status() const {
  GatewayStatus status;
  status.gateway = config_.name;
  status.draining = draining_;
  status.readiness = Readiness();
  for (const Intake& intake : intakes_) status.connections.push_back(intake.connection->State());
  for (const std::unique_ptr<Publisher>& publisher : publishers_) status.connections.push_back(publisher->State());
  status.journal_persistent = opened_journal_.on_disk() != nullptr;
  status.journal = journal_.depth();
  std::set<std::string, std::less<>> idle = ConfiguredChains();
  for (const Dispatcher::ChainCounts& chain : dispatcher_.Chains()) {
    status.chains.push_back({chain.chain->name, chain.waiting, chain.on_disk, chain.in_flight});
    idle.erase(chain.chain->name);
  }
  for (const std::string& name : idle) status.chains.push_back({.name = name});
  status.workers_address = workers_->address();
  status.worker_streams = workers_->streams();
  status.outbox_messages = outbox_.outstanding();
  status.dead_letters_waiting = dead_letters_->waiting();
  status.dead_letters_trouble = dead_letters_->trouble();
  return status;
}

}  // namespace sluice
