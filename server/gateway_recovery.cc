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
  if (status.ok()) {
    if (spans_) out.message = spans_->Resume(out.message);
    if (Convict(out)) return false;
    if (tap_.on()) TellReadBack(tap_, out);
    return true;
  }
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

}  // namespace sluice
