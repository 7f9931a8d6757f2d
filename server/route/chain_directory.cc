#include "server/route/chain_directory.h"

namespace sluice {

const Chain& ChainDirectory::Define(std::string_view name, ChainOptions options) {
  MutexLock lock(mutex_);
  return AddLocked(name, std::move(options));
}

const Chain* ChainDirectory::FindOrCreate(std::string_view name) {
  MutexLock lock(mutex_);
  if (auto it = by_name_.find(name); it != by_name_.end()) return it->second;
  if (chains_.size() >= kMaxChains) return nullptr;
  return &AddLocked(name, defaults_);
}

const Chain* ChainDirectory::Find(std::string_view name) const {
  MutexLock lock(mutex_);
  auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : it->second;
}

std::vector<std::string> ChainDirectory::Names(size_t limit) const {
  MutexLock lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, chain] : by_name_) {
    if (names.size() == limit) break;
    names.push_back(name);
  }
  return names;
}

const Chain& ChainDirectory::AddLocked(std::string_view name, ChainOptions options) {
  Chain& chain =
      chains_.emplace_back(Chain{std::string(name), static_cast<uint32_t>(chains_.size()), std::move(options)});
  by_name_.emplace(chain.name, &chain);
  return chain;
}

}  // namespace sluice
