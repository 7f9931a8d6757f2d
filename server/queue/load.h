// What each chain and each session has to do, for people who look: Dispatcher::ChainLoads() and LoadOf().
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "server/queue/verdict.h"
#include "server/queue/window.h"
#include "server/route/route.h"
#include "server/runtime/clock.h"
#include "server/runtime/rate_meter.h"

namespace sluice {

// What has become of a chain's or a session's deliveries since it began.
struct Tally {
  uint64_t deliveries = 0;
  std::array<uint64_t, 4> settles{};  // By Verdict.
  uint64_t lost_leases = 0;           // Ended before the worker had settled.

  uint64_t settled() const { return settles[0] + settles[1] + settles[2] + settles[3]; }
};

// A Tally whose rates are known.
struct MeteredTally {
  Tally counts;
  RateMeter deliveries;
  RateMeter settles;

  // After a batch.
  void Look(SteadyTime now) {
    deliveries.Look(counts.deliveries, now);
    settles.Look(counts.settled(), now);
  }
};

struct Rates {
  double deliveries = 0;  // A second.
  double settles = 0;
};

struct ChainLoad {
  ChainRef chain{};
  size_t waiting = 0;  // In memory.
  size_t waiting_bytes = 0;
  size_t on_disk = 0;  // In the journal alone.
  size_t in_flight = 0;
  size_t workers = 0;                  // Sessions that get its messages; not those that drain.
  std::optional<SteadyTime> received;  // Of the oldest in memory or in flight. None: there is none, or it is not kept.
  bool paused = false;
  uint64_t arrived = 0;
  double arrivals = 0;  // A second.
  Tally tally;
  Rates rates;
};

struct SessionLoad {
  std::vector<ChainRef> chains;
  Window window;  // As the worker's last frame says, and 0 while it does not read.
  size_t in_flight = 0;
  uint64_t in_flight_bytes = 0;
  std::optional<SteadyTime> delivered;  // The oldest of what is in flight.
  bool draining = false;
  Tally tally;
  Rates rates;
};

}  // namespace sluice
