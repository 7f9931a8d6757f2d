#include <algorithm>

#include "server/stages.h"

namespace sluice {
namespace {

// Of `shutdown.drain`, the share that intake may take to leave its subscriptions and disconnect.
constexpr int kIntakeShare = 4;
// What each may take beyond the drain: workers that settle what they hold and leave, ending streams, flushing replies.
constexpr Millis kAfterDrain{2'000};

}  // namespace

bool Gateway::Stages::Shutdown(Millis drain) {
  const SteadyTime start = clock_.Now();
  const SteadyTime deadline = start + drain;
  draining_ = true;
  workers_->SetNotServing();
  log::Info("draining",
            {{"seconds", std::chrono::duration<double>(drain).count()}, {"backlog", dispatcher_.Backlog()}});

  const SteadyTime intake_deadline = start + drain / kIntakeShare;
  for (const Intake& intake : intakes_) intake.connection->UnsubscribeShared(intake_deadline);
  for (const Intake& intake : intakes_) intake.connection->Stop(intake_deadline);
  session_leaver_.Stop(intake_deadline);

  // With nobody to work, what is in the journal is as well off there.
  if (!backlog_ || dispatcher_.HasWorkers()) {
    if (backlog_) backlog_->WaitUntilEmpty(deadline);
    dispatcher_.WaitUntilEmpty(deadline);
  }
  if (backlog_) backlog_->Stop();
  // Only now: a drained stream gets no more deliveries, and until here what waits, and what a lost stream or lease
  // gives back, finds a worker.
  const SteadyTime leave_by = clock_.Now() + std::min(drain, kAfterDrain);
  workers_->Drain(leave_by, "the gateway is shutting down; connect again");
  workers_->WaitUntilEmpty(leave_by);
  // Common to all that follow, so that what each may take does not add up.
  const SteadyTime flush_by = std::max(deadline, leave_by + kAfterDrain);
  const SteadyTime stop_by = flush_by + kAfterDrain;
  workers_->Stop(flush_by);
  // Before egress goes: what is written is published where a chain has a topic for it. And after it: what it refuses.
  dead_letters_->Flush(flush_by);

  for (const std::unique_ptr<Publisher>& publisher : publishers_) {
    publisher->Flush(flush_by);
    publisher->Stop(stop_by);
  }
  const size_t unsettled = dispatcher_.Backlog() + dead_letters_->Stop(stop_by);
  ticker_.Stop();
  // With those that were refused and wait to be published again.
  const size_t unconfirmed = outbox_.outstanding();
  if (http_) http_->Stop();
  if (admin_) admin_->Stop(clock_.Now());

  const bool all = unsettled == 0 && unconfirmed == 0;
  if (!all) {
    log::Warning(backlog_ ? "drain overran: what is left stands in the journal for the next start"
                          : "drain overran: messages that only memory held are lost",
                 {{"unsettled_messages", unsettled}, {"unconfirmed_replies", unconfirmed}});
  } else {
    log::Info("drained", {{"seconds", std::chrono::duration<double>(clock_.Now() - start).count()}});
  }
  return all;
}

}  // namespace sluice
