// What each principal has of a gateway at once: streams, and replies a second over all of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "server/identity/permissions.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"

namespace sluice {

// Holds a rate without dropping anything: what goes over it is paid for by a pause. Thread-safe.
class PacedUse {
 public:
  explicit PacedUse(const Grants::Bounds& bounds) : bounds_(bounds) {}

  const Grants::Bounds& bounds() const { return bounds_; }

  // So much has come. Returns until when nothing more is to be read; `now`: read on. A second's worth may come at once.
  SteadyTime Charge(size_t messages, size_t bytes, SteadyTime now);

 private:
  const Grants::Bounds bounds_;
  Mutex mutex_;
  // When all that has come would have come at the rate.
  SteadyTime messages_until_ ABSL_GUARDED_BY(mutex_){};
  SteadyTime bytes_until_ ABSL_GUARDED_BY(mutex_){};
};

// Thread-safe. What Enter() gives may outlive it.
class PrincipalUses {
 public:
  // A stream of the principal of this name, until it goes. Null: it has as many as `bounds` let it.
  std::shared_ptr<PacedUse> Enter(const std::string& name, const Grants::Bounds& bounds);

 private:
  struct Use {
    uint32_t streams = 0;
    std::shared_ptr<PacedUse> pace;
  };
  struct State {
    void Leave(const std::string& name);

    Mutex mutex;
    std::map<std::string, Use> uses ABSL_GUARDED_BY(mutex);
  };
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace sluice
