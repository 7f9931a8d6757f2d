// What is to run: the file, and what was put beside it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "server/config/load.h"
#include "server/reload/addition_store.h"

namespace sluice {

// A configuration in place of a file's.
struct ConfigText {
  std::string text;
  std::string name;  // What errors call it.
};

// Nothing for `text`: the gateway's own file, read anew.
using LoadConfiguration =
    std::function<LoadResult(const std::optional<ConfigText>& text, std::span<const Addition> additions)>;

struct HeldAddition {
  StoredAddition stored;
  Value value;
  std::string name;     // What errors call it.
  std::string trouble;  // Why it is set aside: kept, and not part of what runs. Empty: it is.
};
using HeldAdditions = std::map<ItemKey, HeldAddition>;

// Of what is in the store. What cannot be read is set aside.
HeldAdditions Hold(const AdditionStore::Content& content);

struct Desired {
  LoadResult loaded;
  HeldAdditions additions;
};

// Loads `text` with `additions`, but for those that are set aside. One that is not among `needed` is set aside where it
// has an error; else the errors are the result's.
Desired LoadDesired(const LoadConfiguration& load, const std::optional<ConfigText>& text, HeldAdditions additions,
                    const std::set<ItemKey>& needed);

// Those that run.
std::set<ItemKey> Active(const HeldAdditions& additions);
// Tries again what was set aside.
HeldAdditions WithoutTrouble(HeldAdditions additions);

}  // namespace sluice
