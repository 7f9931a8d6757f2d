// Looks names up again and again, on a thread of its own: a lookup may block for long.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "client/cpp/src/address.h"
#include "client/cpp/src/backoff.h"
#include "client/cpp/src/time.h"

namespace sluice::client {

class Resolver {
 public:
  // Called on the resolver's thread for each lookup that came to its end. `index`: into the targets; `again`: until the
  // next lookup, for one that failed.
  using OnLookup = std::function<void(size_t index, Lookup lookup, Millis again)>;

  // Looks up every name among `targets` (not the literals) at once and then every `interval`; sooner, after a pause of
  // `failed`, while one of them cannot be found: who starts before the gateways' name is there is not to wait for long.
  // `ask`: in place of the system's resolver; empty: that.
  Resolver(std::vector<Target> targets, Options::Family family, ResolverFunction ask, Millis interval,
           const Backoff& failed, OnLookup on_lookup);
  // No call of OnLookup is under way or will come. Does not wait for a lookup that has not been answered yet:
  // its thread ends by itself later, and touches nothing but its own state.
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace sluice::client
