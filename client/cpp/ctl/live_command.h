// The commands that look at a running gateway and steer it, as a command line has them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/cpp/ctl/top_screen.h"
#include "sluice/v1/tap.pb.h"
#include "sluice/v1/trace.pb.h"

namespace sluice::ctl {

// Workers, chains or connections at work.
struct LookCommand {
  enum class What : uint8_t { kWorkers, kWorker, kChains, kConnections };
  What what = What::kWorkers;
  std::string name;                                // Of one of them; empty: all.
  std::optional<std::chrono::milliseconds> watch;  // Again and again, so often.
};

// What is done to a worker, a chain or the gateway.
struct SteerCommand {
  enum class Verb : uint8_t {
    kDrainWorker,
    kDisconnectWorker,
    kPauseChain,
    kResumeChain,
    kDrainGateway,
    kResumeGateway
  };
  Verb verb = Verb::kDrainWorker;
  std::string name;  // The worker's or the chain's.
  std::string reason;
  std::chrono::milliseconds within{0};  // Of kDrainWorker. 0: the gateway's own.
};

// What passes, until it is interrupted.
struct TailCommand {
  v1::TailRequest request;
};

// What has become of a message, or of the newest of a topic.
struct TraceCommand {
  v1::TraceRequest request;
};

struct TopCommand {
  std::chrono::milliseconds every{2'000};
  TopSort sort = TopSort::kRate;
};

}  // namespace sluice::ctl
