// The sessions, grouped by the chains they serve, and which of them takes the next message.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "absl/container/btree_map.h"
#include "server/queue/chain_state.h"
#include "server/queue/session.h"

namespace sluice {

// A chain in a group. `listed`: in the group's `ready`.
struct Membership {
  SessionGroup* group = nullptr;
  ChainState* chain = nullptr;
  bool listed = false;
};

// Sessions that serve the same chains: usually all of them are one group, so that the least loaded one stands at the
// top of one heap, whatever the number of chains.
struct SessionGroup {
  std::vector<uint32_t> chain_indexes;  // Sorted; names the group.
  IndexedHeap<SessionState, uint64_t, &SessionState::heap_position> by_load;
  std::vector<std::unique_ptr<Membership>> chains;
  // Chains with messages to deliver take turns. May hold chains that have none any more.
  std::deque<Membership*> ready;
  bool dirty = false;  // Within one batch: there may be something to deliver.

  bool HasRoom() const { return !by_load.empty() && by_load.top_key() != SessionState::kFull; }
};

// Single-threaded.
class SessionTable {
 public:
  SessionTable() = default;
  SessionTable(const SessionTable&) = delete;
  SessionTable& operator=(const SessionTable&) = delete;

  // `chains` are those of `options`, without duplicates.
  SessionState& Add(SessionOptions options, std::shared_ptr<DeliverySink> sink, const std::vector<ChainState*>& chains);
  // Null when unknown or erased.
  SessionState* Find(SessionId id) const;
  // Takes it out of its group: it gets no more messages.
  void Leave(SessionState& session);
  void Erase(SessionState& session) { sessions_.erase(session.id); }

  // The session for the next message of `chain`: `preferred` if it has room, else the least loaded that has; null:
  // none has. May reserve a session for a message that is too large for what is left of its window.
  SessionState* Pick(ChainState& chain, size_t bytes, SessionId preferred);
  // After a change of what is in flight, the window, or the reservation.
  static void Rank(SessionState& session);
  // Ends the chain's reservation; returns the session that is free for all again, or null.
  static SessionState* Unreserve(ChainState& chain);
  // Keeps the least loaded session that has room for the chain's suspects; null: none has.
  static SessionState* Isolate(ChainState& chain);
  // Ends that.
  static void EndIsolation(ChainState& chain);

  const absl::btree_map<SessionId, std::unique_ptr<SessionState>>& all() const { return sessions_; }
  const std::map<std::vector<uint32_t>, std::unique_ptr<SessionGroup>>& groups() const { return groups_; }

 private:
  SessionGroup& GroupOf(const std::vector<ChainState*>& chains);

  // Ordered, so that what happens to all of them happens in the same order in every run.
  absl::btree_map<SessionId, std::unique_ptr<SessionState>> sessions_;
  std::map<std::vector<uint32_t>, std::unique_ptr<SessionGroup>> groups_;
  SessionId next_id_ = 1;
};

}  // namespace sluice
