// Where the journal lies, and its bounds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "server/journal/fsync.h"
#include "server/runtime/clock.h"

namespace sluice {

struct JournalConfig {
  bool enabled = true;
  // The gateway's own directory: the log lies in `path`/journal.
  std::string path = "/var/lib/sluice";
  Fsync fsync = Fsync::kInterval;
  Millis fsync_interval{1'000};
  uint64_t segment_bytes = 64u << 20;
  uint64_t max_bytes = 4ull << 30;  // Of what is not settled.
  size_t max_messages = 5'000'000;
  // From the command line: open a damaged journal with what can be read of it.
  bool salvage = false;

  std::string log_path() const { return path + "/journal"; }
  friend bool operator==(const JournalConfig&, const JournalConfig&) = default;
};

}  // namespace sluice
