// Where a process of the tests kills itself, with SIGKILL: no destructor, no flush, no farewell.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"

namespace sluice {

enum class Point : uint8_t {
  kAppendBefore,           // A batch has come in; nothing is written.
  kAppendAfter,            // It stands in the journal; no stage has it, no broker was told.
  kHandedOver,             // The stages have it; no broker was told.
  kSettleBefore,           // A settlement has come; nothing is written.
  kSettleAfter,            // It stands in the journal; its replies are with no broker.
  kPublished,              // Its replies are with the publisher.
  kConfirmedBeforeRecord,  // The broker has confirmed them; the journal does not know.
};

// Thread-safe.
class Failpoint {
 public:
  // "NAME" or "NAME:N": the N-th time (from 1). Empty: never. INVALID_ARGUMENT lists the names.
  static absl::StatusOr<std::unique_ptr<Failpoint>> Parse(std::string_view text);

  // Does not return where this is the end.
  void Reach(Point point);

 private:
  Failpoint(Point point, uint64_t count) : point_(point), left_(count) {}

  const Point point_;
  std::atomic<uint64_t> left_;  // 0: never.
};

}  // namespace sluice
