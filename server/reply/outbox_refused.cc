// What becomes of replies that a broker refuses: they are handed on, or published again.
#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <utility>

#include "server/reply/outbox.h"
#include "server/reply/outcome.h"

namespace sluice {
namespace {

// Before a refused reply is published again.
constexpr Millis kFirstPause{1'000};
constexpr Millis kLongestPause{60'000};

}  // namespace

RefusedReply Outbox::Describe(const Slot& slot, const PublishOutcome& outcome) {
  return {.record = slot.record,
          .connection = slot.connection->first,
          .message = outcome.message,
          .reason = Explain(outcome),
          .message_id = slot.origin.message_id,
          .route = slot.route == nullptr ? "" : slot.route->id,
          .chain = slot.origin.chain == nullptr ? "" : slot.origin.chain->name,
          .worker = {},
          .place = nullptr};
}

void Outbox::HandOver(std::vector<RefusedReply> refused, RefusedReplies& to, bool known) {
  std::map<size_t, Fill> held;
  for (const RefusedReply& reply : refused) {
    Fill& of_level = held[known ? levels_.Number(reply.connection) : kNoConnection];
    ++of_level.messages;
    of_level.bytes += reply.message->footprint();
  }
  // Owns nothing: the deleter is what counts.
  std::shared_ptr<const void> places(this, [this, held](const void*) {
    for (const auto& [level, fill] : held) levels_.Release(level, fill);
  });
  for (RefusedReply& reply : refused) reply.place = places;
  places.reset();
  to.Take(std::move(refused));
}

void Outbox::RetryLater(Slot& slot, const PublishOutcome& outcome) {
  slot.told = true;
  if (slot.refusals < std::numeric_limits<uint8_t>::max()) ++slot.refusals;
  retries_due_.emplace(clock_.Now() + Pause(slot.refusals), Retry{outcome.token, outcome.message});
}

Millis Outbox::Pause(uint8_t refusals) {
  Millis step = kFirstPause;
  for (int i = 1; i < refusals && step < kLongestPause; ++i) step *= 2;
  step = std::min(step, kLongestPause);
  // Jittered, so that what was refused together does not come back together.
  return Millis(std::uniform_int_distribution<int64_t>(step.count() / 2, step.count())(random_));
}

void Outbox::PublishAgain(SteadyTime now) {
  std::map<Publisher*, std::vector<Outgoing>> due;
  {
    MutexLock lock(mutex_);
    const auto end = retries_due_.upper_bound(now);
    for (auto it = retries_due_.begin(); it != end; ++it) {
      const Slot& slot = slots_[it->second.token - 1];
      due[slot.connection->second.publisher].push_back(
          {it->second.token, std::move(it->second.message), slot.wait_for_connection});
    }
    retries_due_.erase(retries_due_.begin(), end);
  }
  for (auto& [publisher, messages] : due) publisher->Publish(std::move(messages));
}

}  // namespace sluice
