// What the stage of the dead letters asks of whoever keeps them.
#pragma once

#include <span>

#include "absl/status/status.h"
#include "server/deadletter/letter.h"

namespace sluice {

// Thread-safe. May wait for a disk.
class LetterSink {
 public:
  virtual ~LetterSink() = default;
  // All or none, durable on return of OK. One of an id that is there already takes its place.
  virtual absl::Status Put(std::span<const StoredLetter> letters) = 0;
  // Lets go of what is too old. Wants to be called about every minute.
  virtual absl::Status Expire() = 0;
};

}  // namespace sluice
