// What this gateway has asked for in the sessions that it has at brokers, kept over restarts: a broker goes on serving
// every subscription of a session, whoever made it, and tells nobody which there are.
#pragma once

#include <compare>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/journal/file.h"
#include "server/runtime/mutex.h"

namespace sluice {

// A session at a broker.
struct SessionName {
  std::string client_id;  // What the broker keeps it by.
  std::string broker;     // HOST:PORT.

  friend auto operator<=>(const SessionName&, const SessionName&) = default;
};

// "HOST:PORT" of tcp://HOST:PORT/PATH.
std::string BrokerOf(std::string_view uri);

// Thread-safe, save that set-up comes first. What changes is written at once, to a file that is replaced as a whole: what
// a session may hold is in it before it is asked for, and goes when the broker has said that it is gone. There is more
// in it than in the session at times, never less.
//
// It writes at the start of a configuration that differs from the last one, and when the differences are gone or all of
// it is granted: not while messages flow.
class SessionMemory {
 public:
  // `path`: of the file; empty: in memory only. One that cannot be read is put aside, with a warning: the gateway is of
  // more use without it.
  static std::unique_ptr<SessionMemory> Open(std::string path, JournalFiles& files);

  struct Session {
    SessionName name;
    std::string connection;  // Of the configuration that used it last.
    std::vector<std::string> filters;
  };

  // ---- set-up
  // The connection uses the session, for these filters; none with a clean session, which nothing outlives.
  void Begin(const SessionName& name, const std::string& connection, std::span<const std::string> filters);
  // After all Begin(): what else it may hold. Asked for under this client id, at whatever address that is not another
  // session's now, for one broker may have several.
  std::vector<std::string> RemaindersOf(const SessionName& name) const;
  // After Begin(): the session has it, or what it has is not known.
  bool Holds(const SessionName& name, const std::string& filter) const;
  // On an error (which is logged) it is tried again with the next change.
  absl::Status Save();
  // Those that nobody began.
  std::vector<Session> Others() const;
  // Whether a session of this client id was begun, wherever.
  bool InUse(const std::string& client_id) const;

  // ---- while it is used
  // Of one that was begun: from now on the connection uses it for these filters. What it has no more is a remainder until
  // the broker says that it is gone. To be saved before anything is asked for.
  void Change(const SessionName& name, std::span<const std::string> filters);
  // The connection uses it no more; until somebody begins it again all it holds is a remainder.
  void Leave(const SessionName& name);
  // The broker has granted `filter`: the session has it.
  void Granted(const SessionName& name, const std::string& filter);
  // The broker says that `filter` is not in the session any more.
  void Left(const SessionName& name, const std::string& filter);
  // The broker has a new session: nothing of an earlier process is in it.
  void Renewed(const SessionName& name);
  // The session is no more.
  void Ended(const SessionName& name);

 private:
  struct Held {
    std::string connection;
    std::set<std::string> wanted;      // By this process.
    std::set<std::string> remembered;  // Of earlier ones.
    std::set<std::string> asked;       // Of both: those of which no broker has said that it granted them.
    bool begun = false;

    bool has_remainders() const;
  };
  using Sessions = std::map<SessionName, Held>;

  SessionMemory(std::string path, JournalFiles& files) : path_(std::move(path)), files_(files) {}

  absl::StatusOr<std::string> Read() const;
  static absl::StatusOr<Sessions> Parse(std::string_view text);
  std::string Format() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status SaveLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Write(std::string_view text) const;

  const std::string path_;
  JournalFiles& files_;

  mutable Mutex mutex_;
  Sessions sessions_ ABSL_GUARDED_BY(mutex_);
  std::string saved_ ABSL_GUARDED_BY(mutex_);  // What stands in the file.
};

}  // namespace sluice
