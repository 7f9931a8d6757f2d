#include "server/admin/broker_sessions.h"

#include <algorithm>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/config/address.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

constexpr Millis kPoll{20};
constexpr Millis kGoodbye{2'000};

// A clean start leaves nothing that could come.
class NoMessages final : public InboundSink {
 public:
  absl::Status OnMessages(std::span<InboundMessage> /*batch*/) override { return absl::OkStatus(); }
};

std::string ConnectionName(const MqttOptions& options) { return options.name.substr(0, options.name.find('#')); }

}  // namespace

struct BrokerSessions::Visit {
  EndedSession session;
  NoMessages sink;
  MetricsRegistry metrics;  // Its own: the gateway's shall not count this as a connection.
  std::unique_ptr<IntakeConnection> connection;
};

BrokerSessions::BrokerSessions(std::string gateway, std::vector<MqttOptions> own, Connect connect, const Clock& clock)
    : gateway_(std::move(gateway)), own_(std::move(own)), connect_(std::move(connect)), clock_(clock) {}

BrokerSessions::~BrokerSessions() = default;

absl::StatusOr<std::vector<MqttOptions>> BrokerSessions::Targets(const std::string& gateway,
                                                                 const std::string& client_id,
                                                                 const std::string& connection) const {
  if (gateway == gateway_) {
    return absl::InvalidArgumentError(absl::StrCat("'", gateway, "' is the replica that was asked; ask another one"));
  }
  std::set<std::pair<std::string, std::string>> mine;
  for (const MqttOptions& own : own_) mine.insert({BrokerIdentity(own.uri), own.client_id});
  std::set<std::pair<std::string, std::string>> known;
  std::vector<MqttOptions> targets;
  bool connection_is_there = false;
  for (const MqttOptions& own : own_) {
    if (!connection.empty() && ConnectionName(own) != connection) continue;
    connection_is_there = true;
    MqttOptions target = own;
    target.client_id = client_id;
    if (client_id.empty()) {
      const size_t at = own.client_id.find(gateway_);
      if (at == std::string::npos) {
        return absl::FailedPreconditionError(
            absl::StrCat("the client id '", own.client_id, "' of connection '", ConnectionName(own),
                         "' does not hold this replica's name, '", gateway_,
                         "', so that those of another replica cannot be told from it: say the client id itself"));
      }
      target.client_id = own.client_id;
      target.client_id.replace(at, gateway_.size(), gateway);
    }
    const std::pair<std::string, std::string> session{BrokerIdentity(own.uri), target.client_id};
    if (mine.contains(session)) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", target.client_id, "' is a client id of the replica that was asked"));
    }
    if (!known.insert(session).second) continue;
    target.name = ConnectionName(own);
    target.driver = MqttDriver::kWire;
    target.clean_session = true;
    target.session_expiry_s = 0;
    targets.push_back(std::move(target));
  }
  if (!connection_is_there) return absl::NotFoundError(absl::StrCat("there is no connection '", connection, "'"));
  return targets;
}

absl::StatusOr<std::vector<EndedSession>> BrokerSessions::EndSessions(const std::string& gateway,
                                                                      const std::string& client_id,
                                                                      const std::string& connection) {
  absl::StatusOr<std::vector<MqttOptions>> targets = Targets(gateway, client_id, connection);
  if (!targets.ok()) return targets.status();
  MutexLock lock(mutex_);
  visits_.clear();
  for (const MqttOptions& target : *targets) {
    Visit& visit = *visits_.emplace_back(std::make_unique<Visit>());
    visit.session = {.connection = target.name, .client_id = target.client_id};
    visit.connection = connect_(target, visit.sink, visit.metrics);
    visit.connection->Start();
  }
  const SteadyTime deadline = clock_.Now() + kTimeout;
  std::vector<EndedSession> sessions;
  for (const std::unique_ptr<Visit>& visit : visits_) {
    ConnectionState state = visit->connection->State();
    while (!state.ready && clock_.Now() < deadline) {
      std::this_thread::sleep_for(kPoll);
      state = visit->connection->State();
    }
    visit->connection->Stop(clock_.Now() + kGoodbye);
    visit->session.ended = state.ready;
    if (!state.ready) visit->session.detail = state.detail;
    sessions.push_back(visit->session);
    log::Info(state.ready ? "session ended at the broker" : "session not ended at the broker",
              {{"connection", visit->session.connection},
               {"client_id", visit->session.client_id},
               {"detail", visit->session.detail}});
  }
  return sessions;
}

}  // namespace sluice
