// Knows which deliveries are held, which of them handlers have begun, and when their leases are to be extended: at half
// the lease, again and again.
// Pure logic: time comes as a parameter.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "client/cpp/src/time.h"

namespace sluice::client {

// A delivery from its receipt to its settle.
struct HeldDelivery {
  enum class State : uint8_t {
    kHeld,     // Waits for a handler.
    kRunning,  // In a handler.
    kDone,     // Settled: no more extensions.
    kLost,     // The gateway gave it to another worker.
  };
  uint64_t id = 0;
  uint64_t window_bytes = 0;
  // The next two belong to the keeper once it has them.
  Millis lease{0};           // 0: not to be extended, any more.
  SteadyTime told = kNever;  // When the gateway was told that a handler has begun it; kNever: it was not.
  // Written by handler threads, read by the one that extends.
  std::atomic<State> state = State::kHeld;
};

// The deliveries of one frame. Fixed once it is added to a keeper, save for the states.
struct HeldGroup {
  std::unique_ptr<HeldDelivery[]> deliveries;
  size_t size = 0;

  std::span<HeldDelivery> all() const { return {deliveries.get(), size}; }
};

// Costs once per frame, nothing per message. Not thread-safe.
class LeaseKeeper {
 public:
  struct Extension {
    uint64_t delivery_id = 0;
    Millis lease{0};
  };

  // `received`: when the leases began.
  void Add(std::shared_ptr<HeldGroup> group, SteadyTime received);
  // When the last of the group is done. Unknown groups are ignored.
  void Remove(const HeldGroup* group);
  // The gateway wants to know what has begun, and extends nothing else.
  void TellBegun() { tells_begun_ = true; }
  // A delivery that the gateway has given to another worker: marked so, wherever it is held. Null: it is not.
  const HeldDelivery* MarkLost(uint64_t delivery_id);
  // Its lease cannot be extended any further.
  void StopExtending(uint64_t delivery_id);
  // What handlers have begun since the last call.
  std::vector<uint64_t> TakeBegun(SteadyTime now);
  // Of what TakeBegun() has told and is still in a handler.
  struct Running {
    size_t count = 0;
    SteadyTime youngest;  // When the last of them was told; not when there is none.
  };
  Running GetRunning() const;
  bool empty() const { return due_.empty(); }
  // What is to be extended at `now`.
  std::vector<Extension> TakeDue(SteadyTime now);
  // When TakeDue is worth a call; kNever when nothing is held.
  SteadyTime Next() const { return due_.empty() ? kNever : due_.begin()->first; }

 private:
  using Due = std::multimap<SteadyTime, std::shared_ptr<HeldGroup>>;

  // Half of the group's shortest lease, of those still held; kNever: none has one.
  static SteadyTime DueAt(const HeldGroup& group, SteadyTime from);
  HeldDelivery* Find(uint64_t delivery_id);

  bool tells_begun_ = false;
  Due due_;
  std::map<const HeldGroup*, Due::iterator> groups_;
};

}  // namespace sluice::client
