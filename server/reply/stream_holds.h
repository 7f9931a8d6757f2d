// Which worker streams are not read, because of what they bring for a connection that is full.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "server/queue/dispatcher.h"
#include "server/runtime/mutex.h"
#include "server/runtime/watermark.h"

namespace sluice {

// While a connection is full none of its messages is delivered; what is with workers is still answered, and taken. A
// stream that brings more than its allowance for the connection meanwhile, or anything at all once that is overdrawn,
// is read no further until the connection has room. All other streams are read, and so is this one's worker heard on its
// other streams.
//
// Thread-safe. Its lock is held while a stream is held or let go, so that the two alternate.
class StreamHolds {
 public:
  struct Parts {
    // What a stream may bring for a connection while that is full.
    Fill allowance;
    // As the outbox says. Called with the lock held.
    std::function<bool(std::string_view connection)> full;
    std::function<bool(std::string_view connection)> overdrawn;
    std::function<void(SessionId)> hold;
    std::function<void(SessionId)> let_go;
  };
  explicit StreamHolds(Parts parts) : parts_(std::move(parts)) {}

  // A stream has brought so much for `connection`, which was full.
  void Charge(SessionId session, std::string_view connection, Fill fill);
  // It has room again.
  void Relieved(std::string_view connection);
  // The stream has ended.
  void Forget(SessionId session);

 private:
  struct Account {
    Fill brought;
    bool held = false;
  };

  const Parts parts_;
  Mutex mutex_;
  std::map<std::string, absl::flat_hash_map<SessionId, Account>, std::less<>> accounts_ ABSL_GUARDED_BY(mutex_);
  // Those that are held, with the number of connections that they are held for.
  absl::flat_hash_map<SessionId, int> held_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
