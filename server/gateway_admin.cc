// Where administrators come in: sluicectl's listener and the dashboard's, and what both work with.
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/mqtt/wire/factory.h"
#include "server/stages.h"

namespace sluice {

std::string Gateway::Stages::AdminAddress() const {
  const bool on_disk = opened_journal_.on_disk() != nullptr;
  return config_.admin.listen.value_or(on_disk ? absl::StrCat("unix:", config_.journal.path, "/admin.sock") : "");
}

void Gateway::Stages::BuildAdmin() {
  if (AdminAddress().empty() && config_.admin.dashboard.listen.empty()) return;
  replayer_ = std::make_unique<Replayer>(Replayer::Parts{
      .clock = clock_,
      .restorer = *restorer_,
      .chains = chains_,
      .routes = routes_,
      .configured = [this](auto chain) { return configured_chains_.Get()->contains(chain); },
      .may_name = [this](auto chain) { return MayName(chain); },
      .journal = journal_,
      .next = backlog_ ? static_cast<RoutedSink&>(*backlog_) : *this,
      .outbox = outbox_,
      .check_reply =
          [this](const OutboundMessage& reply, const Route& route) {
            const auto refused = CheckReply(reply, route, *rules_.Get());
            return refused ? absl::FailedPreconditionError("refused again: " + refused->message) : absl::OkStatus();
          },
      .draining = [this] { return draining_.load(); }});
  broker_sessions_ = std::make_unique<BrokerSessions>(
      config_.name, ClientIds(config_),
      [this](const MqttOptions& options, std::function<void()> ended) {
        return MakeWireSessionFarewell(options, std::move(ended), clock_);
      },
      clock_);
}

absl::Status Gateway::Stages::StartAdmin() {
  const std::string listen = AdminAddress();
  if (listen.empty()) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<AdminServer>> admin = AdminServer::Start(
      listen, config_.admin, clock_, metrics_, static_cast<const StatusSource&>(*this), *dead_letter_store_, *replayer_,
      *broker_sessions_, AccessOfAdmins(), &running_, live_view_.get(), &tap_, tracer_.get());
  if (admin.ok()) {
    admin_ = *std::move(admin);
    return absl::OkStatus();
  }
  // Nobody has asked for this very address, and its path may be too long for a socket.
  if (config_.admin.listen || !absl::IsInvalidArgument(admin.status())) return admin.status();
  log::Warning("no admin listener: set admin.listen", {{"reason", std::string(admin.status().message())}});
  return absl::OkStatus();
}

AdminAccess Gateway::Stages::AccessOfAdmins() const {
  return {.authenticator = admin_authenticator_.get(),
          .permissions = permissions_of_principals_.empty() ? nullptr : &permissions_of_principals_,
          .audit_file = config_.audit_file};
}

absl::Status Gateway::Stages::StartDashboard() {
  if (config_.admin.dashboard.listen.empty()) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<DashboardServer>> dashboard =
      DashboardServer::Start(config_.admin, {.clock = clock_,
                                             .metrics = metrics_,
                                             .status = static_cast<const StatusSource&>(*this),
                                             .store = *dead_letter_store_,
                                             .replay = *replayer_,
                                             .sessions = *broker_sessions_,
                                             .access = AccessOfAdmins(),
                                             .configuration = &running_,
                                             .live = live_view_.get(),
                                             .tap = &tap_,
                                             .trace = tracer_.get()});
  if (!dashboard.ok()) return dashboard.status();
  dashboard_ = *std::move(dashboard);
  return absl::OkStatus();
}

}  // namespace sluice
