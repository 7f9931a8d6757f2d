#include <algorithm>

#include "server/stages.h"

namespace sluice {
namespace {

// Of `shutdown.drain`, the share that intake may take to leave its subscriptions and disconnect.
constexpr int kIntakeShare = 4;
// What each may take beyond the drain: workers that settle what they hold and leave, ending streams, flushing replies.
constexpr Millis kAfterDrain{2'000};

// ---- with a journal on disk
// A delivery that has been out for so long makes its chain a slow one, which the others are not to wait for.
constexpr Millis kSlow{250};
// How often it is looked for, which takes a pass over all that is in flight.
constexpr Millis kLook{25};
// What waits in the queues of chains that flow is still delivered once intake has ended, for so long at most.
constexpr Millis kLinger{500};
// Workers that hold nothing are given this long to leave.
constexpr Millis kFarewell{500};

}  // namespace

Gateway::Stages::~Stages() {
  // Threads first, each before what it calls; then the members go. Connections say farewell if they can.
  const SteadyTime farewell = clock_.Now() + kAfterDrain;
  running_.Close();
  intake_control_.Stop();
  for (const Intake& intake : intakes_) intake.connection->Stop(farewell);
  session_leaver_.Stop(farewell);
  if (backlog_) backlog_->Stop();
  if (workers_) workers_->Stop(clock_.Now());
  if (dead_letters_) dead_letters_->Stop(clock_.Now());
  for (const auto& [name, publisher] : publishers_) publisher->Stop(farewell);
  if (http_) http_->Stop();
  if (admin_) admin_->Stop(clock_.Now());
  if (dashboard_) dashboard_->Stop();
  ticker_.Stop();
  patient_ticker_.Stop();
  if (settler_) settler_->Stop();
  if (otlp_) otlp_->Stop(clock_.Now());
}

bool Gateway::Stages::Shutdown(Millis drain) {
  // One that never ran has taken nothing in.
  if (phase_ == Phase::kRunning) ended_well_ = Drain(drain);
  phase_ = Phase::kEnded;
  return ended_well_;
}

bool Gateway::Stages::Drain(Millis drain) {
  const SteadyTime start = clock_.Now();
  const SteadyTime deadline = start + drain;
  draining_ = true;
  running_.Close();
  workers_->SetNotServing();
  // Somebody wants the end: no message has to do with it, even if it is cut short.
  if (InHand* in_hand = opened_journal_.in_hand()) in_hand->Pardon();
  if (CrashMarks* crash_marks = opened_journal_.crash_marks()) crash_marks->Pardon();
  log::Info("draining",
            {{"seconds", std::chrono::duration<double>(drain).count()}, {"backlog", dispatcher_.Backlog()}});

  const SteadyTime intake_deadline = start + drain / kIntakeShare;
  // One that knows itself to be alone keeps them: what comes meanwhile waits in its sessions.
  if (running_.config()->pressure.replicas != 1) {
    for (const Intake& intake : intakes_) intake.connection->UnsubscribeShared(intake_deadline);
  }
  if (backlog_) {
    SettleInFlight(start, deadline, intake_deadline);
  } else {
    for (const Intake& intake : intakes_) intake.connection->Stop(intake_deadline);
    session_leaver_.Stop(intake_deadline);
    dispatcher_.WaitUntilEmpty(deadline);
  }
  // Only now: a drained stream gets no more deliveries, and until here what waits, and what a lost stream or lease
  // gives back, finds a worker.
  size_t held = 0;
  for (const Dispatcher::ChainCounts& chain : dispatcher_.Chains()) held += chain.in_flight;
  const size_t left = dispatcher_.Backlog() - held;
  const SteadyTime leave_by = clock_.Now() + std::min(drain, backlog_ && held == 0 ? kFarewell : kAfterDrain);
  workers_->Drain(leave_by, "the gateway is shutting down; connect again");
  workers_->WaitUntilEmpty(leave_by);
  settler_->Flush(leave_by);
  // Streams that are over have given back what they held.
  const bool settled = held == 0 || dispatcher_.Backlog() <= left;
  // Common to all that follow, so that what each may take does not add up. What the journal holds need not wait for
  // brokers that are slow.
  const SteadyTime flush_by = backlog_ ? clock_.Now() + kAfterDrain : std::max(deadline, clock_.Now() + kAfterDrain);
  const SteadyTime stop_by = flush_by + kAfterDrain;
  workers_->Stop(flush_by);
  settler_->Flush(flush_by);
  // Before egress goes: what is written is published where a chain has a topic for it. And after it: what it refuses.
  dead_letters_->Flush(flush_by);

  for (const auto& [name, publisher] : publishers_) {
    if (!backlog_ || publisher->State().ready) publisher->Flush(flush_by);
    publisher->Stop(stop_by);
  }
  const size_t unsettled = dispatcher_.Backlog() + dead_letters_->Stop(stop_by);
  ticker_.Stop();
  patient_ticker_.Stop();
  settler_->Stop();
  // The last spans are there by now.
  if (otlp_) otlp_->Stop(clock_.Now() + std::min(drain, kAfterDrain));
  // What was granted while something else was not.
  if (session_memory_) (void)session_memory_->Save();
  // With those that were refused and wait to be published again.
  const size_t unconfirmed = outbox_.outstanding();
  if (http_) http_->Stop();
  if (admin_) admin_->Stop(clock_.Now());
  if (dashboard_) dashboard_->Stop();

  if (InHand* in_hand = opened_journal_.in_hand(); in_hand != nullptr && settled) in_hand->EndWell();
  if (CrashMarks* crash_marks = opened_journal_.crash_marks()) crash_marks->EndWell();
  const double seconds = std::chrono::duration<double>(clock_.Now() - start).count();
  if (backlog_ ? !settled : unsettled + unconfirmed > 0) {
    log::Warning(backlog_ ? "drain overran: what workers did not settle stands in the journal for the next start"
                          : "drain overran: messages that only memory held are lost",
                 {{"unsettled_messages", unsettled}, {"unconfirmed_replies", unconfirmed}});
    return false;
  }
  if (unsettled + unconfirmed > 0) {
    log::Info("drained: the journal keeps what is left for the next start",
              {{"seconds", seconds}, {"unsettled_messages", unsettled}, {"unconfirmed_replies", unconfirmed}});
  } else {
    log::Info("drained", {{"seconds", seconds}});
  }
  return true;
}

void Gateway::Stages::SettleInFlight(SteadyTime start, SteadyTime deadline, SteadyTime intake_deadline) {
  // Intake and delivery go on beside what is still at work, until time is short: only chains that are slow, or have no
  // worker, get nothing more.
  const SteadyTime intake_ends =
      deadline - std::min<SteadyTime::duration>((deadline - start) / kIntakeShare, kAfterDrain);
  while (dispatcher_.HoldSlow(start, kSlow).in_flight > 0 && clock_.Now() < intake_ends) {
    dispatcher_.WaitUntilIdle(std::min(intake_ends, clock_.Now() + kLook));
  }
  const SteadyTime disconnect_by = std::max(intake_deadline, std::min(deadline, clock_.Now() + kAfterDrain));
  for (const Intake& intake : intakes_) intake.connection->Stop(disconnect_by);
  session_leaver_.Stop(disconnect_by);
  backlog_->Stop();
  // What came last, and what only memory has (QoS 0), goes to workers that take it at once.
  const SteadyTime linger = std::min(deadline, clock_.Now() + kLinger);
  while (dispatcher_.HoldSlow(start, kSlow).waiting > 0 && clock_.Now() < linger) {
    dispatcher_.WaitUntilEmpty(std::min(linger, clock_.Now() + kLook));
  }
  dispatcher_.Pause();
  dispatcher_.WaitUntilIdle(deadline);
}

}  // namespace sluice
