// What is not delivered for want of room behind the workers: messages of a connection that takes no replies, and
// chains whose dead letters have no place.
#include <memory>
#include <utility>

#include "server/queue/dispatch_core.h"

namespace sluice {

void DispatchCore::CloseConnection(const std::string& connection, SteadyTime now, Effects& effects) {
  if (closed_[connection]++ > 0) return;
  Begin(now, effects);
  // What a worker is kept for may not be delivered now.
  for (const std::unique_ptr<ChainState>& chain : chains_) {
    if (chain != nullptr && chain->reserved != nullptr) Touch(*chain);
  }
  Commit();
}

void DispatchCore::OpenConnection(const std::string& connection, SteadyTime now, Effects& effects) {
  const auto found = closed_.find(connection);
  if (found == closed_.end() || --found->second > 0) return;
  closed_.erase(found);
  Begin(now, effects);
  for (const std::unique_ptr<ChainState>& chain : chains_) {
    if (chain == nullptr || chain->queue.parked() == 0) continue;
    if (!chain->queue.Unpark([this](const QueueEntry& entry) { return !IsClosed(entry); })) continue;
    Touch(*chain);
    MarkReady(*chain);
  }
  Commit();
}

void DispatchCore::SetDeadLettersFull(bool full, SteadyTime now, Effects& effects) {
  dead_letters_full_ = full;
  if (full) return;
  Begin(now, effects);
  for (ChainState* chain : std::exchange(burying_, {})) {
    chain->buries = false;
    Touch(*chain);
    MarkReady(*chain);
  }
  Commit();
}

void DispatchCore::Park(QueueEntry& entry) {
  ChainState& chain = *entry.chain;
  const bool was_next = chain.queue.Front() == &entry;
  chain.queue.Park(entry);
  if (was_next && chain.reserved != nullptr) MarkDirty(SessionTable::Unreserve(chain)->group);
}

}  // namespace sluice
