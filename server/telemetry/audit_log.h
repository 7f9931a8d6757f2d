// Who did what as an administrator, or was not let: a line of JSON each, in a file of its own or in the log.
#pragma once

#include <string>
#include <string_view>

#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"

namespace sluice {

struct AuditEntry {
  std::string_view who;      // The principal's name; "unix:1000" of the owner's socket.
  std::string_view from;     // Its address.
  std::string_view what;     // "PurgeDeadLetters".
  std::string_view outcome;  // "done", "refused", "failed".
  std::string_view detail;   // Of what, how many, or why not. No payload, and no secret.
};

// Thread-safe.
class AuditLog {
 public:
  // `file` empty: the log, as the event "audit". Else lines are appended to it; it is made with mode 0600, and opened for
  // each line, so that it can be rotated by being moved away. `clock` outlives it.
  AuditLog(std::string file, const Clock& clock) : file_(std::move(file)), clock_(clock) {}

  // A line that cannot be appended goes into the log, with an error that says why.
  void Write(const AuditEntry& entry);

 private:
  const std::string file_;
  const Clock& clock_;
  Mutex mutex_;  // A line at a time.
};

}  // namespace sluice
