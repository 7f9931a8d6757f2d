// Interns chains, so that the path compares pointers and indexes arrays instead of names.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/route/route.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"

namespace sluice {

// Thread-safe.
//
// What the configuration names stays. Whoever may publish can make a template route (`${topic}`) name any chain, so
// those names are bounded, and forgotten when nobody uses them any more. Workers' names have a bound of their own: a
// worker is not refused for what devices publish, and a name that a worker has named takes no place of theirs, whoever
// was first. So a chain that is served never has to make room for names that nobody serves.
class ChainDirectory {
 public:
  static constexpr size_t kMostOfMessages = 1'000;
  static constexpr size_t kMostOfWorkers = 10'000;

  // `defaults` for chains that Define() does not name, until SetOptions(). `most_of_messages`: names that messages may bring.
  explicit ChainDirectory(ChainOptions defaults, size_t most_of_messages = kMostOfMessages)
      : most_of_messages_(most_of_messages), defaults_(std::move(defaults)) {}
  // A ChainRef may go later.
  ~ChainDirectory();
  ChainDirectory(const ChainDirectory&) = delete;
  ChainDirectory& operator=(const ChainDirectory&) = delete;

  // Chains that stay from now on, the first with options of its own.
  const Chain& Define(std::string_view name, ChainOptions options);
  const Chain& Keep(std::string_view name);
  // Gives all chains the options that they have from now on: `defaults` those that `named` does not name. Which of them
  // have others now. By one thread at a time.
  std::vector<ChainRef> SetOptions(ChainOptions defaults, const std::map<std::string, ChainOptions>& named);

  // Each: the chain of this name, made with the defaults if there is none yet.
  // Null at the bound.
  ChainRef ForMessage(std::string_view name);
  ChainRef ForWorker(std::string_view name);
  // Of what an earlier process took in: never null.
  ChainRef ForJournal(std::string_view name);

  // Null when no such chain is known.
  ChainRef Find(std::string_view name) const;
  // At most `limit` names, sorted, those of the configuration before others: for messages to people.
  std::vector<std::string> Names(size_t limit) const;

  // Forgets the names that nobody holds; those that workers have named once nobody has held them for `keep_served`.
  void Sweep(SteadyTime now = {}, Millis keep_served = Millis{0});
  // How many there are that can be forgotten.
  size_t forgettable() const;
  size_t most_of_messages() const { return most_of_messages_; }
  // No message may bring another name.
  bool at_bound() const;

 private:
  enum class Origin : uint8_t { kConfiguration, kMessage, kWorker };
  struct Node {
    Chain chain;
    Origin origin = Origin::kConfiguration;
    std::atomic<uint32_t> users{0};
    SteadyTime unheld_since = kNever;  // As Sweep() has seen it.
  };

  ChainRef FindOrMake(std::string_view name, Origin origin, size_t most);
  const Chain& Add(std::string_view name, ChainOptions options, Origin origin) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  size_t& CountOf(Origin origin) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return counts_[static_cast<size_t>(origin)]; }

  // From now on it is not forgotten, whoever has named it first.
  void Pin(Node& node) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t most_of_messages_;

  mutable Mutex mutex_;
  ChainOptions defaults_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string_view, std::unique_ptr<Node>> nodes_ ABSL_GUARDED_BY(mutex_);  // By chain.name.
  std::array<size_t, 3> counts_ ABSL_GUARDED_BY(mutex_){};                                      // By origin.
  std::vector<uint32_t> free_indexes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
