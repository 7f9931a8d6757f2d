#include "server/queue/session_table.h"

#include <algorithm>
#include <utility>

namespace sluice {

SessionState& SessionTable::Add(SessionOptions options, std::shared_ptr<DeliverySink> sink,
                                const std::vector<ChainState*>& chains) {
  auto session = std::make_unique<SessionState>();
  session->id = next_id_++;
  session->worker = std::move(options.worker);
  session->lease = options.lease;
  session->tells_began = options.tells_began;
  session->sink = std::move(sink);
  session->window = options.window;
  session->group = &GroupOf(chains);
  session->group->by_load.Push(*session, session->Load());
  return *sessions_.emplace(session->id, std::move(session)).first->second;
}

SessionState* SessionTable::Find(SessionId id) const {
  auto it = sessions_.find(id);
  return it == sessions_.end() ? nullptr : it->second.get();
}

void SessionTable::Leave(SessionState& session) {
  if (session.reserved_for != nullptr) session.reserved_for->reserved = nullptr;
  session.reserved_for = nullptr;
  if (session.isolated_for != nullptr) session.isolated_for->isolated = nullptr;
  session.isolated_for = nullptr;
  SessionGroup* group = std::exchange(session.group, nullptr);
  if (group == nullptr) return;
  group->by_load.Remove(session);
  if (!group->by_load.empty()) return;
  for (const auto& membership : group->chains) std::erase(membership->chain->groups, membership.get());
  groups_.erase(std::vector<uint32_t>(group->chain_indexes));
}

SessionState* SessionTable::Pick(ChainState& chain, size_t bytes, SessionId preferred) {
  if (chain.reserved != nullptr && chain.reserved->Fits(bytes)) return chain.reserved;
  if (preferred != 0) {
    SessionState* session = Find(preferred);
    if (session != nullptr && session->group != nullptr && session->reserved_for == nullptr && session->Fits(bytes)) {
      return session;
    }
  }
  SessionState* least = nullptr;
  uint64_t load = SessionState::kFull;
  for (const Membership* membership : chain.groups) {
    const auto& by_load = membership->group->by_load;
    if (by_load.top_key() < load) {
      load = by_load.top_key();
      least = by_load.top();
    }
  }
  if (least == nullptr || least->Fits(bytes)) return least;

  // Rare: only the bytes are short there. Another session may have them.
  SessionState* fitting = nullptr;
  load = SessionState::kFull;
  for (const Membership* membership : chain.groups) {
    for (const auto& node : membership->group->by_load.nodes()) {
      if (node.key < load && node.item->Fits(bytes)) {
        load = node.key;
        fitting = node.item;
      }
    }
  }
  if (fitting == nullptr && chain.reserved == nullptr) {
    chain.reserved = least;
    least->reserved_for = &chain;
    Rank(*least);
  }
  return fitting;
}

void SessionTable::Rank(SessionState& session) {
  if (session.group != nullptr) session.group->by_load.Update(session, session.Load());
}

SessionState* SessionTable::Isolate(ChainState& chain) {
  SessionState* least = nullptr;
  uint64_t load = SessionState::kFull;
  for (const Membership* membership : chain.groups) {
    const auto& by_load = membership->group->by_load;
    if (by_load.top_key() < load) {
      load = by_load.top_key();
      least = by_load.top();
    }
  }
  if (least == nullptr) return nullptr;
  chain.isolated = least;
  least->isolated_for = &chain;
  Rank(*least);
  return least;
}

void SessionTable::EndIsolation(ChainState& chain) {
  SessionState* session = std::exchange(chain.isolated, nullptr);
  if (session == nullptr) return;
  session->isolated_for = nullptr;
  Rank(*session);
}

SessionState* SessionTable::Unreserve(ChainState& chain) {
  SessionState* session = std::exchange(chain.reserved, nullptr);
  if (session == nullptr) return nullptr;
  session->reserved_for = nullptr;
  Rank(*session);
  return session;
}

SessionGroup& SessionTable::GroupOf(const std::vector<ChainState*>& chains) {
  std::vector<uint32_t> indexes;
  indexes.reserve(chains.size());
  for (const ChainState* chain : chains) indexes.push_back(chain->chain.index);
  std::sort(indexes.begin(), indexes.end());
  std::unique_ptr<SessionGroup>& group = groups_[indexes];
  if (group != nullptr) return *group;
  group = std::make_unique<SessionGroup>();
  group->chain_indexes = std::move(indexes);
  for (ChainState* chain : chains) {
    auto membership = std::make_unique<Membership>(Membership{.group = group.get(), .chain = chain, .listed = false});
    if (chain->queue.Front() != nullptr) {
      membership->listed = true;
      group->ready.push_back(membership.get());
    }
    chain->groups.push_back(membership.get());
    group->chains.push_back(std::move(membership));
  }
  return *group;
}

}  // namespace sluice
