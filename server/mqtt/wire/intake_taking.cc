// An intake whose sink waits for a disk: the loop hands over and goes on, the Taker's thread waits, and acknowledgements go
// out from the loop when it has told of what was taken.
#include <algorithm>
#include <utility>

#include "server/mqtt/wire/intake.h"

namespace sluice::wire {
namespace {

// What may be handed over and not taken, before no more is read: of Receive Maximum, since mosquitto 2.0 may send twice
// that, and MQTT 3.1.1 has none; and in bytes.
constexpr size_t kPendingWindows = 2;
constexpr size_t kPendingBytes = 16u << 20;

}  // namespace

absl::Status IntakeCore::HandOver() {
  if (stopped_) {
    // Neither acknowledged nor answered: it comes again.
    batch_.clear();
    released_.clear();
    filters_.clear();
    return absl::OkStatus();
  }
  Taker::Turn turn;
  Pending pending{.received = link_.client().received(), .released = released_.size()};
  for (InboundMessage& inbound : batch_) {
    if (inbound.message->qos == Qos::kAtMostOnce) {
      at_most_once_.push_back(std::move(inbound));
      continue;
    }
    pending.bytes += inbound.message->bytes();
    if (inbound.packet_id != 0) pending.packet_ids.push_back(inbound.packet_id);
    turn.messages.push_back(std::move(inbound));
  }
  batch_.clear();
  if (absl::Status taken = TakeAtMostOnce(); !taken.ok()) return taken;

  if (std::exchange(session_lost_, false)) {
    turn.session = session_foreign_ ? Taker::Session::kForeign : Taker::Session::kLost;
  }
  turn.released = std::exchange(released_, {});
  turn.filters = std::exchange(filters_, {});
  if (!turn.empty()) {
    pending_bytes_ += pending.bytes;
    pending_.push_back(std::move(pending));
    taker_->Add(std::move(turn));
  } else if (!pending_.empty()) {
    // A duplicate has its turn behind what came before it.
    pending_.back().received = pending.received;
  } else {
    link_.client().Accept(pending.received);
    if (!withholding_) link_.client().AcknowledgeAccepted();
  }
  if (withholding_ && shares_link_ &&
      link_.client().unacknowledged() > kPendingWindows * link_.options().receive_maximum) {
    PassOver();
  }
  return absl::OkStatus();
}

absl::Status IntakeCore::TakeAtMostOnce() {
  if (at_most_once_.empty()) return absl::OkStatus();
  MutexLock lock(sink_mutex_);
  absl::Status taken;
  if (sink_ != nullptr) {
    taken = sink_->OnMessages(at_most_once_);
    const std::vector<std::string> remainders = sink_->TakeRemainders();
    for (const std::string& filter : remainders) subscriptions_.AddRemainder(filter);
    if (!remainders.empty()) link_.WakeAt(clock_.Now());
  }
  at_most_once_.clear();
  return taken;
}

void IntakeCore::OnNews() {
  const Taker::News news = taker_->TakeNews();
  Client& client = link_.client();
  bool in_vain = false;
  for (auto [turns, taken] : news.turns) {
    for (; turns > 0; --turns) {
      const Pending turn = std::move(pending_.front());
      pending_.pop_front();
      pending_bytes_ -= turn.bytes;
      client.Resolve(turn.packet_ids, taken);
      in_vain = in_vain || (!taken && !turn.packet_ids.empty());
      if (!taken) continue;
      client.Accept(turn.received);
      client.Complete(turn.released);
    }
  }
  if (news.refusal) {
    Refuse(*news.refusal);
  } else if (refused_) {
    TakenAgain();
  }
  for (const std::string& filter : news.remainders) subscriptions_.AddRemainder(filter);
  if (!link_.up()) return;
  // As duplicates of these they were passed over.
  if (in_vain)
    return link_.Drop("messages of the last connection were not taken: connects anew, for them to come again");
  if (!withholding_) client.AcknowledgeAccepted();
  link_.Flush();
  if (pending_.empty()) link_.EndIfFailing();
  if (!link_.up() || CatchUp()) return;
  link_.ReadOn();
  if (!news.remainders.empty() || (subscribes_later_ && !SessionUntold())) Advance();
}

void IntakeCore::AbandonPending() {
  for (size_t forgotten = taker_->Abandon(); forgotten > 0; --forgotten) {
    pending_bytes_ -= pending_.back().bytes;
    pending_.pop_back();
  }
  // What the sink has been given it may take yet: no acknowledgement of that goes to another connection.
  for (Pending& turn : pending_) {
    turn.received = 0;
    turn.released = 0;
    link_.client().KeepInDoubt(turn.packet_ids);
  }
}

bool IntakeCore::Overfull() const {
  if (pending_.empty() || passing_over_) return false;
  return pending_bytes_ > kPendingBytes ||
         link_.client().unacknowledged() > kPendingWindows * link_.options().receive_maximum;
}

void IntakeCore::FinishTaking(SteadyTime deadline) {
  if (!link_.up()) return;
  link_.Post([this] {
    stopped_ = true;
    if (shares_link_) PassOver();
    taker_->NoMore();
  });
  const SteadyTime now = clock_.Now();
  taker_->Flush(clock_, now + (deadline - now) / 2);
}

}  // namespace sluice::wire
