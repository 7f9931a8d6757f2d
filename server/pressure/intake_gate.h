// The rung between the queues and the broker: while a chain's queue is above its high watermark, the connections that
// feed it take nothing in, so that the broker keeps what comes.
#pragma once

#include <functional>
#include <set>
#include <vector>

#include "server/mqtt/driver.h"
#include "server/route/route.h"
#include "server/runtime/mutex.h"

namespace sluice {

// Thread-safe.
class IntakeGate {
 public:
  // Set-up. `feeds`: can a message of this connection go to the chain? `connection` outlives the last OnPressure().
  void AddConnection(IntakeConnection& connection, std::function<bool(const Chain&)> feeds) {
    connections_.push_back({&connection, std::move(feeds)});
  }

  // See DispatcherListener::OnPressure. Repeats are harmless.
  void OnPressure(const Chain& chain, bool high);

 private:
  struct Entry {
    IntakeConnection* connection;
    std::function<bool(const Chain&)> feeds;
  };
  std::vector<Entry> connections_;  // Constant after set-up.

  // Held over Pause() and Resume(), which return at once, so that their order is that of the decisions.
  Mutex mutex_;
  std::set<const Chain*> full_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
