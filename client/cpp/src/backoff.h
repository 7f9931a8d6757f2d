// How long to wait before a connection is tried again.
#pragma once

#include <cstdint>
#include <random>

#include "client/cpp/src/time.h"
#include "sluice/status.h"

namespace sluice::client {

// Codes that will not go away by themselves (worker.proto, "The life of a stream").
bool IsFatal(StatusCode code);

// Pure; not thread-safe.
class Backoff {
 public:
  Backoff(Millis first, Millis longest, uint64_t seed) : first_(first), longest_(longest), random_(seed) {}

  // After a failure, or a stream that lived for less than `longest`: a random half … whole of a pause that doubles.
  // With a fatal code: of the longest.
  Millis Next(StatusCode code);
  // After a stream that has served for a while.
  void Reset() { failures_ = 0; }

 private:
  Millis first_;
  Millis longest_;
  std::mt19937_64 random_;  // Not a linear generator: those begin alike from neighbouring seeds.
  unsigned failures_ = 0;
};

}  // namespace sluice::client
