#include "server/admin/broker_sessions.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/config/address.h"
#include "server/mqtt/server_list.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

constexpr Millis kGoodbye{2'000};

// Which of them have ended.
class Ended {
 public:
  explicit Ended(size_t count) : ended_(count) {}
  void Tell(size_t index) {
    MutexLock lock(mutex_);
    ended_[index] = true;
    changed_.NotifyAll();
  }
  // Waits for it until `deadline`; whether it has.
  bool Wait(size_t index, const Clock& clock, SteadyTime deadline) {
    MutexLock lock(mutex_);
    while (!ended_[index] && clock.Now() < deadline) changed_.WaitUntil(mutex_, deadline);
    return ended_[index];
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<bool> ended_ ABSL_GUARDED_BY(mutex_);
};

std::string ConnectionName(const MqttOptions& options) { return options.name.substr(0, options.name.find('#')); }

}  // namespace

BrokerSessions::BrokerSessions(std::string gateway, std::vector<MqttOptions> own, MakeFarewell make_farewell,
                               const Clock& clock)
    : gateway_(std::move(gateway)), own_(std::move(own)), make_farewell_(std::move(make_farewell)), clock_(clock) {}

BrokerSessions::~BrokerSessions() = default;

absl::StatusOr<std::vector<MqttOptions>> BrokerSessions::Targets(const std::string& gateway,
                                                                 const std::string& client_id,
                                                                 const std::string& connection) const {
  if (gateway == gateway_) {
    return absl::InvalidArgumentError(absl::StrCat("'", gateway, "' is the replica that was asked; ask another one"));
  }
  std::set<std::pair<std::string, std::string>> mine;
  const std::shared_ptr<const std::vector<MqttOptions>> all = own_.Get();
  for (const MqttOptions& own : *all) {
    for (const std::string& server : ServersOf(own)) mine.insert({BrokerIdentity(server), own.client_id});
  }
  std::set<std::pair<std::string, std::string>> known;
  std::vector<MqttOptions> targets;
  bool connection_is_there = false;
  for (const MqttOptions& own : *all) {
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
  MutexLock lock(one_call_);
  Ended ended(targets->size());
  std::vector<std::unique_ptr<SessionFarewell>> farewells;
  for (size_t i = 0; i < targets->size(); ++i) {
    farewells.push_back(make_farewell_((*targets)[i], [&ended, i] { ended.Tell(i); }));
    farewells.back()->Start();
  }
  const SteadyTime deadline = clock_.Now() + kTimeout;
  std::vector<EndedSession> sessions;
  for (size_t i = 0; i < targets->size(); ++i) {
    EndedSession session{.connection = (*targets)[i].name, .client_id = (*targets)[i].client_id};
    session.ended = ended.Wait(i, clock_, deadline);
    if (!session.ended) session.detail = farewells[i]->Detail();
    farewells[i]->Stop(clock_.Now() + kGoodbye);
    log::Info(session.ended ? "session ended at the broker" : "session not ended at the broker",
              {{"connection", session.connection}, {"client_id", session.client_id}, {"detail", session.detail}});
    sessions.push_back(std::move(session));
  }
  return sessions;
}

}  // namespace sluice
