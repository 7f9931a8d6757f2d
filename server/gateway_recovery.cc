// What an earlier process left: in the journal, and at brokers.
#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/route/dropped.h"
#include "server/route/subscription_plan.h"
#include "server/stages.h"

namespace sluice {
namespace {

// Ends of the gateway, with the message in hand, after which it is delivered alone.
constexpr uint32_t kSuspiciousCrashes = 2;
// And after which it is a dead letter, if it was alone at the last of them.
constexpr uint32_t kMostCrashes = 5;

class SeamSink final : public DeliverySink {
 public:
  SeamSink(std::shared_ptr<DeliverySink> inner, const std::function<void(const Message&)>& look)
      : inner_(std::move(inner)), look_(look) {}

  void Deliver(std::vector<Delivery> batch) override {
    for (const Delivery& delivery : batch) look_(*delivery.message);
    inner_->Deliver(std::move(batch));
  }
  void Revoke(std::vector<Revocation> revocations) override { inner_->Revoke(std::move(revocations)); }

 private:
  const std::shared_ptr<DeliverySink> inner_;
  const std::function<void(const Message&)>& look_;
};

}  // namespace

bool Gateway::Stages::Restore(RecoveredMessage message, RoutedMessage& out) {
  if (seams_.read_back) seams_.read_back(*message.message);
  const absl::Status status = restorer_->Restore(std::move(message), out);
  if (status.ok()) return !Convict(out);
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

bool Gateway::Stages::Convict(RoutedMessage& message) {
  InHand* in_hand = opened_journal_.in_hand();
  if (in_hand == nullptr) return false;
  const InHand::Past past = in_hand->Find(message.record);
  if (past.crashes == 0) return false;
  const uint32_t most = message.chain->options().max_attempts;
  if (past.uncounted > 0) {
    // Where others were in hand too, it need not have been the one: that is no last attempt.
    const uint32_t bound = past.alone ? most : std::max(message.attempts, most - 1);
    message.attempts = std::min(message.attempts + past.uncounted, bound);
    const AttemptsNote note{.record = message.record, .attempts = message.attempts};
    journal_.NoteAttempts({&note, 1});
    in_hand->Counted(message.record);
  }
  if (past.alone && (message.attempts >= most || past.crashes >= kMostCrashes)) {
    metrics_
        .GetCounter("sluice_dead_letters_total", kDeadLettersHelp,
                    {{"chain", message.chain->name}, {"reason_kind", "gateway_killed"}})
        .Add();
    std::vector<DeadLetter> letters(1);
    letters[0].reason =
        absl::StrCat("the gateway was killed or crashed ", past.crashes, past.crashes == 1 ? " time" : " times",
                     " in a row while this message was with a worker, the last time apart from others");
    letters[0].message = std::move(message);
    dead_letters_->Take(std::move(letters));
    return true;
  }
  if (past.crashes >= kSuspiciousCrashes || message.attempts + 1 >= most) in_hand->Suspect(message.record);
  return false;
}

std::shared_ptr<DeliverySink> Gateway::Stages::WithSeam(std::shared_ptr<DeliverySink> sink) const {
  return std::make_shared<SeamSink>(std::move(sink), seams_.delivered);
}

void Gateway::Stages::EndSession(const SessionMemory::Session& session) {
  const auto found = config_.connections.find(session.connection);
  // At the same broker, with the credentials that it knows, and not another connection's session by now.
  const bool reachable = found != config_.connections.end() && BrokerOf(found->second.uri) == session.name.broker &&
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
  const bool mqtt5 = found->second.mqtt5;
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

  MqttOptions options = found->second;
  options.client_id = session.name.client_id;
  options.clean_session = false;
  const SegmentJournal* disk = opened_journal_.on_disk();
  RoutedSink& next = backlog_ ? static_cast<RoutedSink&>(*backlog_) : *this;
  auto sink = std::make_unique<LeavingSink>(
      std::make_unique<Router>(options, disk ? disk->ReadReceived() : std::vector<ReceivedPacket>(), still_wanted,
                               chains_, journal_, next, *dead_letters_, metrics_, clock_));
  // The router's is the connection's: that is what its messages and packet identifiers belong to.
  options.name = absl::StrCat(session.connection, " (leaving ", session.name.client_id, ")");
  auto connection = drivers_.intake(options, std::move(remainders), *sink, clock_, leaving_metrics_);
  intake_control_.AddConnection(options.name, *connection, still_wanted);
  session_leaver_.Add({.client_id = session.name.client_id,
                       .sink = std::move(sink),
                       .connection = std::move(connection),
                       .end = [this, options, name = session.name] {
                         return drivers_.end_session(options, [this, name] { session_memory_->Ended(name); }, clock_);
                       }});
}

}  // namespace sluice
