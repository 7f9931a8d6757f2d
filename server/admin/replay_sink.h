// Where replayed dead letters go.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "server/deadletter/letter.h"

namespace sluice {

// Thread-safe. May wait for the journal.
class ReplaySink {
 public:
  virtual ~ReplaySink() = default;
  // A status for each letter, in order. OK: it stands in the journal (QoS 0: in its queue), and may be forgotten.
  // RESOURCE_EXHAUSTED or UNAVAILABLE: nothing more can be taken now. Another: this one cannot be taken, and why.
  virtual std::vector<absl::Status> Replay(std::vector<StoredLetter> letters) = 0;
};

}  // namespace sluice
