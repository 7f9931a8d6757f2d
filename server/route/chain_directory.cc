#include "server/route/chain_directory.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace sluice {
namespace {

constexpr size_t kNoBound = std::numeric_limits<size_t>::max();

}  // namespace

ChainDirectory::~ChainDirectory() {
  // A ChainRef looks at its chain when it goes, and nothing says that all of them go first. So what may still be held
  // outlives this, as the registries of metrics do; the holders of configured chains are not counted.
  static Mutex kept_mutex;
  static auto& kept = *new std::vector<std::unique_ptr<Node>>;
  MutexLock lock(kept_mutex);
  for (auto& [name, node] : std::exchange(nodes_, {})) {
    if (!node->chain.can_be_forgotten() || node->users.load(std::memory_order_acquire) != 0) {
      kept.push_back(std::move(node));
    }
  }
}

const Chain& ChainDirectory::Define(std::string_view name, ChainOptions options) {
  MutexLock lock(mutex_);
  if (auto found = nodes_.find(name); found != nodes_.end()) {
    Pin(*found->second);
    if (found->second->chain.options() != options) found->second->chain.SetOptions(std::move(options));
    return found->second->chain;
  }
  return Add(name, std::move(options), Origin::kConfiguration);
}

const Chain& ChainDirectory::Keep(std::string_view name) {
  MutexLock lock(mutex_);
  if (auto found = nodes_.find(name); found != nodes_.end()) {
    Pin(*found->second);
    return found->second->chain;
  }
  return Add(name, defaults_, Origin::kConfiguration);
}

void ChainDirectory::Pin(Node& node) {
  if (node.origin == Origin::kConfiguration) return;
  --CountOf(node.origin);
  ++CountOf(Origin::kConfiguration);
  node.origin = Origin::kConfiguration;
  node.users.fetch_add(1, std::memory_order_relaxed);
}

std::vector<ChainRef> ChainDirectory::SetOptions(ChainOptions defaults,
                                                 const std::map<std::string, ChainOptions>& named) {
  std::vector<ChainRef> changed;
  MutexLock lock(mutex_);
  defaults_ = std::move(defaults);
  for (auto& [name, node] : nodes_) {
    const auto found = named.find(node->chain.name);
    const ChainOptions& options = found == named.end() ? defaults_ : found->second;
    if (node->chain.options() == options) continue;
    node->chain.SetOptions(options);
    changed.emplace_back(&node->chain);
  }
  return changed;
}

ChainRef ChainDirectory::ForMessage(std::string_view name) {
  return FindOrMake(name, Origin::kMessage, most_of_messages_);
}

ChainRef ChainDirectory::ForWorker(std::string_view name) {
  {
    MutexLock lock(mutex_);
    const auto found = nodes_.find(name);
    if (found != nodes_.end() && found->second->origin == Origin::kMessage &&
        CountOf(Origin::kWorker) < kMostOfWorkers) {
      --CountOf(Origin::kMessage);
      ++CountOf(Origin::kWorker);
      found->second->origin = Origin::kWorker;
    }
  }
  return FindOrMake(name, Origin::kWorker, kMostOfWorkers);
}

ChainRef ChainDirectory::ForJournal(std::string_view name) { return FindOrMake(name, Origin::kMessage, kNoBound); }

ChainRef ChainDirectory::FindOrMake(std::string_view name, Origin origin, size_t most) {
  MutexLock lock(mutex_);
  if (auto found = nodes_.find(name); found != nodes_.end()) return &found->second->chain;
  if (CountOf(origin) >= most) return nullptr;
  return &Add(name, defaults_, origin);
}

ChainRef ChainDirectory::Find(std::string_view name) const {
  MutexLock lock(mutex_);
  auto found = nodes_.find(name);
  return found == nodes_.end() ? nullptr : &found->second->chain;
}

std::vector<std::string> ChainDirectory::Names(size_t limit) const {
  std::vector<std::string> names;
  std::vector<std::string> others;
  {
    MutexLock lock(mutex_);
    for (const auto& [name, node] : nodes_) {
      (node->origin == Origin::kConfiguration ? names : others).emplace_back(name);
    }
  }
  std::ranges::sort(names);
  std::ranges::sort(others);
  names.insert(names.end(), others.begin(), others.end());
  names.resize(std::min(names.size(), limit));
  std::ranges::sort(names);
  return names;
}

void ChainDirectory::Sweep(SteadyTime now, Millis keep_served) {
  std::vector<std::unique_ptr<Node>> forgotten;  // Freed without the lock.
  MutexLock lock(mutex_);
  for (auto it = nodes_.begin(); it != nodes_.end();) {
    Node& node = *it->second;
    // Whoever holds none can get one here only, under the lock.
    const bool held = !node.chain.can_be_forgotten() || node.users.load(std::memory_order_acquire) != 0;
    node.unheld_since = held ? kNever : std::min(node.unheld_since, now);
    if (held || (node.origin == Origin::kWorker && now - node.unheld_since < keep_served)) {
      ++it;
      continue;
    }
    --CountOf(node.origin);
    free_indexes_.push_back(node.chain.index);
    forgotten.push_back(std::move(it->second));
    nodes_.erase(it++);
  }
}

size_t ChainDirectory::forgettable() const {
  MutexLock lock(mutex_);
  return nodes_.size() - counts_[static_cast<size_t>(Origin::kConfiguration)];
}

bool ChainDirectory::at_bound() const {
  MutexLock lock(mutex_);
  return counts_[static_cast<size_t>(Origin::kMessage)] >= most_of_messages_;
}

const Chain& ChainDirectory::Add(std::string_view name, ChainOptions options, Origin origin) {
  auto node = std::make_unique<Node>();
  node->chain.name = name;
  node->chain.SetOptions(std::move(options));
  node->origin = origin;
  if (origin != Origin::kConfiguration) node->chain.users = &node->users;
  if (free_indexes_.empty()) {
    node->chain.index = static_cast<uint32_t>(nodes_.size());
  } else {
    node->chain.index = free_indexes_.back();
    free_indexes_.pop_back();
  }
  ++CountOf(origin);
  const Chain& chain = node->chain;
  nodes_.emplace(chain.name, std::move(node));
  return chain;
}

}  // namespace sluice
