#include "server/live/trace_path.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <limits>
#include <numeric>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace sluice {
namespace {

// Steps of one moment, as they follow each other.
int RankOf(PassingStep step) {
  switch (step) {
    case PassingStep::kReceived:
      return 0;
    case PassingStep::kQueued:
      return 1;
    case PassingStep::kDelivered:
      return 2;
    case PassingStep::kSettled:
    case PassingStep::kLeaseEnded:
    case PassingStep::kWorkerLost:
      return 3;
    case PassingStep::kReplied:
      return 4;
    case PassingStep::kConfirmed:
      return 5;
    case PassingStep::kDied:
    case PassingStep::kDropped:
      break;
  }
  return 6;
}

// As attempts are counted over a message: what is of none comes after them, but for its arrival.
uint32_t AttemptOf(const TracedStep& step) {
  if (step.attempt > 0) return step.attempt;
  return RankOf(step.step) < 2 ? 0 : std::numeric_limits<uint32_t>::max();
}

bool Before(const KeptStep& a, const KeptStep& b) {
  return std::tuple(a.step.at, AttemptOf(a.step), RankOf(a.step.step)) <
         std::tuple(b.step.at, AttemptOf(b.step), RankOf(b.step.step));
}

// Steps of one moment and kind, such as replies, keep their places.
void SortSteps(std::vector<KeptStep>& steps) {
  std::vector<size_t> order(steps.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(
      order, [&](size_t a, size_t b) { return Before(steps[a], steps[b]) || (a < b && !Before(steps[b], steps[a])); });
  std::vector<KeptStep> sorted;
  sorted.reserve(steps.size());
  for (const size_t place : order) sorted.push_back(std::move(steps[place]));
  steps = std::move(sorted);
}

v1::TraceStepKind KindOf(PassingStep step) {
  switch (step) {
    case PassingStep::kReceived:
      return v1::TRACE_STEP_KIND_RECEIVED;
    case PassingStep::kQueued:
      return v1::TRACE_STEP_KIND_QUEUED;
    case PassingStep::kDelivered:
      return v1::TRACE_STEP_KIND_DELIVERED;
    case PassingStep::kSettled:
      return v1::TRACE_STEP_KIND_SETTLED;
    case PassingStep::kReplied:
      return v1::TRACE_STEP_KIND_REPLIED;
    case PassingStep::kConfirmed:
      return v1::TRACE_STEP_KIND_CONFIRMED;
    case PassingStep::kLeaseEnded:
      return v1::TRACE_STEP_KIND_LEASE_ENDED;
    case PassingStep::kWorkerLost:
      return v1::TRACE_STEP_KIND_WORKER_LOST;
    case PassingStep::kDropped:
      return v1::TRACE_STEP_KIND_DROPPED;
    case PassingStep::kDied:
      break;
  }
  return v1::TRACE_STEP_KIND_DIED;
}

class Path {
 public:
  Path(KnownMessage known, const WallClock& clock, v1::TracedMessage& out)
      : known_(std::move(known)), clock_(clock), out_(out) {
    SortSteps(known_.steps);
  }

  void Describe() {
    out_.set_message_id(known_.id.ToString());
    out_.set_received_unix_ms(UnixMillisOf(known_.id));
    for (const KeptStep& kept : known_.steps) {
      const bool of_reply = kept.step.step == PassingStep::kReplied || kept.step.step == PassingStep::kConfirmed;
      if (!of_reply) DescribeBy(kept);
    }
    if (known_.letter) {
      const StoredLetter& letter = known_.letter->letter;
      DescribeBy(*letter.message, letter.connection, letter.chain);
      out_.set_payload_bytes(known_.letter->payload_bytes);
    }
    if (known_.on_disk) DescribeBy(*known_.on_disk->message, known_.on_disk->connection, known_.on_disk->chain);
    if (known_.whereabouts && known_.whereabouts->message != nullptr) {
      const Whereabouts& at = *known_.whereabouts;
      DescribeBy(*at.message, at.route == nullptr ? std::string() : at.route->connection,
                 at.chain.get() == nullptr ? std::string() : at.chain->name);
    }
  }

  void Steps() {
    for (const KeptStep& kept : known_.steps) Step(kept);
  }

  void State() {
    out_.set_replies_unconfirmed(known_.unconfirmed);
    if (known_.whereabouts) return InMemory(*known_.whereabouts);
    if (known_.letter) return Dead(*known_.letter);
    if (known_.on_disk) {
      out_.set_state(v1::TRACE_STATE_ON_DISK);
      out_.set_state_detail(known_.on_disk_why);
      out_.set_attempts(known_.on_disk->attempts);
      out_.set_journaled(true);
      return;
    }
    if (!known_.refused.empty()) return Dead(known_.refused.front());
    if (known_.unconfirmed > 0) return out_.set_state(v1::TRACE_STATE_UNCONFIRMED);
    BySteps();
  }

 private:
  void DescribeBy(const KeptStep& kept) {
    if (!kept.topic.empty()) {
      out_.set_topic(kept.topic);
      out_.set_payload_bytes(kept.step.payload_bytes);
    }
    if (!kept.connection.empty()) out_.set_connection(kept.connection);
    if (!kept.chain.empty()) out_.set_chain(kept.chain);
    out_.set_qos(static_cast<uint32_t>(kept.step.qos));
    out_.set_retain(kept.step.retain);
  }
  void DescribeBy(const Message& message, const std::string& connection, const std::string& chain) {
    out_.set_topic(std::string(message.topic));
    out_.set_payload_bytes(message.payload.size());
    out_.set_qos(static_cast<uint32_t>(message.qos));
    out_.set_retain(message.retain);
    out_.set_connection(connection);
    out_.set_chain(chain);
  }

  v1::TraceStep& Add(v1::TraceStepKind kind, SteadyTime at) {
    v1::TraceStep& step = *out_.add_steps();
    step.set_kind(kind);
    step.set_at_unix_us(clock_.Micros(at));
    return step;
  }

  void Step(const KeptStep& kept) {
    const TracedStep& step = kept.step;
    if (step.step == PassingStep::kReceived) {
      Add(v1::TRACE_STEP_KIND_RECEIVED, step.received);
      if (step.journaled) Add(v1::TRACE_STEP_KIND_JOURNALED, step.at);
      if (QueuedAtOnce()) Add(v1::TRACE_STEP_KIND_QUEUED, step.at);
      return;
    }
    v1::TraceStep& out = Add(KindOf(step.step), step.at);
    if (step.step == PassingStep::kQueued) out.set_detail("from the journal");
    out.set_attempt(step.attempt);
    out.set_worker(step.step == PassingStep::kSettled && kept.worker.empty() ? WorkerOf(step.attempt) : kept.worker);
    out.set_outcome(kept.outcome);
    if (!kept.detail.empty()) out.set_detail(kept.detail);
    if (step.step == PassingStep::kReplied || step.step == PassingStep::kConfirmed) {
      out.set_topic(kept.topic.empty() ? TopicOf(step.reply) : kept.topic);
      out.set_connection(kept.connection);
    }
  }

  // It did not stand in the journal alone first. While it is not known in memory nobody can tell, unless a worker has had
  // it.
  bool QueuedAtOnce() const {
    if (Has(PassingStep::kQueued)) return false;
    return known_.whereabouts || Has(PassingStep::kDelivered);
  }
  bool Has(PassingStep wanted) const { return Last(wanted) != nullptr; }
  const KeptStep* Last(PassingStep wanted) const {
    for (auto kept = known_.steps.rbegin(); kept != known_.steps.rend(); ++kept) {
      if (kept->step.step == wanted) return &*kept;
    }
    return nullptr;
  }
  std::string WorkerOf(uint32_t attempt) const {
    for (auto kept = known_.steps.rbegin(); kept != known_.steps.rend(); ++kept) {
      if (kept->step.step == PassingStep::kDelivered && kept->step.attempt == attempt) return kept->worker;
    }
    return "";
  }
  std::string TopicOf(uint32_t reply) const {
    for (const KeptStep& kept : known_.steps) {
      if (reply != 0 && kept.step.step == PassingStep::kReplied && kept.step.reply == reply) return kept.topic;
    }
    return "";
  }

  void InMemory(const Whereabouts& at) {
    using At = Whereabouts::State;
    out_.set_journaled(at.record != 0);
    out_.set_attempts(at.attempts);
    const std::string chain = absl::StrCat("chain '", at.chain.get() == nullptr ? "" : at.chain->name, "'");
    const auto because = [&](v1::TraceState state, const std::string& otherwise) {
      out_.set_state(state);
      out_.set_state_detail(at.chain_paused         ? chain + " is paused"
                            : at.chain_workers == 0 ? "no worker serves " + chain
                                                    : otherwise);
    };
    if (at.state == At::kWithWorker || at.state == At::kSettling) {
      out_.set_state(at.state == At::kSettling ? v1::TRACE_STATE_SETTLING : v1::TRACE_STATE_WITH_WORKER);
      out_.set_worker(at.worker);
      out_.set_state_since_unix_ms(clock_.Milliseconds(at.delivered));
      if (at.due != kNever) out_.set_due_unix_ms(clock_.Milliseconds(at.due));
    } else if (at.state == At::kDelayed) {
      out_.set_state(v1::TRACE_STATE_DELAYED);
      out_.set_due_unix_ms(clock_.Milliseconds(at.due));
    } else if (at.state == At::kParked) {
      because(v1::TRACE_STATE_PARKED, "the connection that its replies go to has no room for them");
    } else if (at.state == At::kBehind) {
      because(v1::TRACE_STATE_WAITING, "another message with its ordering key goes first");
    } else {
      because(v1::TRACE_STATE_WAITING, "the workers of " + chain + " have no room, or other messages go first");
    }
  }

  void Dead(const KeptLetter& kept) {
    const StoredLetter& letter = kept.letter;
    out_.set_state(v1::TRACE_STATE_DEAD_LETTER);
    out_.set_state_detail(letter.kind == StoredLetter::Kind::kReply
                              ? absl::StrCat("its reply to ", std::string(letter.message->topic), ": ", letter.reason)
                              : letter.reason);
    out_.set_worker(letter.worker);
    out_.set_state_since_unix_ms(letter.died_unix_ms);
    out_.set_attempts(letter.attempts);
  }

  void BySteps() {
    const KeptStep* last = nullptr;
    for (const KeptStep& kept : known_.steps) {
      const PassingStep step = kept.step.step;
      if (step == PassingStep::kSettled || step == PassingStep::kDied || step == PassingStep::kDropped) last = &kept;
    }
    if (last == nullptr) return;
    if (last->step.step == PassingStep::kDied || last->step.step == PassingStep::kDropped) {
      const bool died = last->step.step == PassingStep::kDied;
      out_.set_state(died ? v1::TRACE_STATE_DEAD_LETTER : v1::TRACE_STATE_DROPPED);
      out_.set_state_detail(last->detail);
      out_.set_worker(last->worker);
      out_.set_state_since_unix_ms(clock_.Milliseconds(last->step.at));
    } else if (last->outcome == "ack" || last->outcome == "drop") {
      out_.set_state(v1::TRACE_STATE_DONE);
    }
    out_.set_attempts(last->step.attempt);
  }

  KnownMessage known_;
  const WallClock clock_;
  v1::TracedMessage& out_;
};

}  // namespace

KeptStep::KeptStep(const TracedStep& from)
    : step(from),
      topic(from.topic),
      connection(from.connection),
      chain(from.chain),
      worker(from.worker),
      outcome(from.outcome),
      detail(from.detail) {
  step.topic = step.connection = step.chain = step.worker = step.outcome = step.detail = {};
}

int64_t WallClock::Micros(SteadyTime time) const {
  return unix_ms * 1'000 + std::chrono::duration_cast<std::chrono::microseconds>(time - now).count();
}

void ToProto(KnownMessage known, const WallClock& clock, SteadyTime complete_since, v1::TracedMessage& out) {
  out.set_incomplete(UnixMillisOf(known.id) < clock.Milliseconds(complete_since));
  Path path(std::move(known), clock, out);
  path.Describe();
  path.Steps();
  path.State();
}

}  // namespace sluice
