#include "server/journal/commit_queue.h"

#include <algorithm>

namespace sluice {
namespace {

// What one pwritev takes.
constexpr size_t kMostGrouped = 256;

}  // namespace

bool CommitQueue::AwaitTurn(Commit& commit, Mutex& mutex) {
  commit.ready = true;
  while (!commit.done && commits_.front() != &commit) commit.turn.Wait(mutex);
  return !commit.done;
}

void CommitQueue::Leave(const Commit& commit) {
  const bool first = commits_.front() == &commit;
  commits_.erase(std::ranges::find(commits_, &commit));
  if (first) WakeFirst();
}

CommitQueue::Commits CommitQueue::Group(size_t most_bytes) const {
  Commits group{commits_.front()};
  if (group.front()->alone) return group;
  size_t bytes = group.front()->encoder->size();
  for (size_t i = 1; i < commits_.size() && group.size() < kMostGrouped; ++i) {
    Commit& next = *commits_[i];
    if (!next.ready || next.alone) break;
    bytes += next.encoder->size();
    if (bytes > most_bytes) break;
    group.push_back(&next);
  }
  return group;
}

size_t CommitQueue::ready() const { return static_cast<size_t>(std::ranges::count_if(commits_, &Commit::ready)); }

void CommitQueue::Done(size_t count) {
  for (; count > 0; --count) {
    Commit& commit = *commits_.front();
    commits_.pop_front();
    commit.done = true;
    // It may be gone as soon as the lock is.
    commit.turn.NotifyOne();
  }
  WakeFirst();
}

void CommitQueue::WakeFirst() {
  if (!commits_.empty() && commits_.front()->ready) commits_.front()->turn.NotifyOne();
}

}  // namespace sluice
