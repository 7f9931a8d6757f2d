// Interns chains, so that the path compares pointers and indexes arrays instead of names.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "server/route/route.h"
#include "server/runtime/mutex.h"

namespace sluice {

// Thread-safe. Chains are never removed.
class ChainDirectory {
 public:
  // A template route (`${topic}`) can name any chain; more than this many are refused.
  static constexpr size_t kMaxChains = 10'000;

  // `defaults` for chains that Define() does not name.
  explicit ChainDirectory(ChainOptions defaults) : defaults_(std::move(defaults)) {}
  ChainDirectory(const ChainDirectory&) = delete;
  ChainDirectory& operator=(const ChainDirectory&) = delete;

  // Set-up: a chain with options of its own.
  const Chain& Define(std::string_view name, ChainOptions options);
  // The chain of this name, made with the defaults if there is none yet; null when there are kMaxChains.
  const Chain* FindOrCreate(std::string_view name);
  // Null when no such chain is known.
  const Chain* Find(std::string_view name) const;
  // At most `limit` names, sorted: for messages to people.
  std::vector<std::string> Names(size_t limit) const;

 private:
  const Chain& AddLocked(std::string_view name, ChainOptions options) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const ChainOptions defaults_;
  mutable Mutex mutex_;
  std::deque<Chain> chains_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, const Chain*, std::less<>> by_name_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
