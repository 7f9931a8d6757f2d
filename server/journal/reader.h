// Reads messages back out of a journal, in pages.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "server/journal/recovered.h"

namespace sluice {

// How much one call returns: at least one entry, if there is one.
struct ReadLimits {
  size_t max_entries = 1000;
  size_t max_bytes = 1u << 20;
};

// Thread-safe; beside a journal that is written to. What is settled is left out. What cannot be read (the disk fails)
// is left out with a warning: it stays in the journal, and the next start finds it.
class MessageReader {
 public:
  virtual ~MessageReader() = default;

  // The records of messages after `after` (0: from the begin), in order, at most so many; empty: there are none. Reads
  // nothing of them.
  virtual std::vector<RecordId> RecordsAfter(RecordId after, size_t most) = 0;

  // Messages with records after `after` (0: from the begin), in order; empty: there are none.
  virtual std::vector<RecoveredMessage> ReadMessages(RecordId after, ReadLimits limits = {}) = 0;

  // Those of `records`, in their order.
  struct Selection {
    std::vector<RecoveredMessage> messages;
    size_t looked_at = 0;  // How many of `records` the limits let it come to: at least one, if there is one.
  };
  virtual Selection ReadMessages(std::span<const RecordId> records, ReadLimits limits = {}) = 0;
};

}  // namespace sluice
