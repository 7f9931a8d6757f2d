// Which chains operators have paused, kept over restarts.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/journal/file.h"
#include "server/route/route.h"
#include "server/runtime/mutex.h"

namespace sluice {

// Thread-safe. The file is replaced as a whole, before anything else changes: what was said to be paused is so after a
// kill, too.
class ChainPauses {
 public:
  struct Pause {
    int64_t since_unix_ms = 0;
    std::string by;
    std::string reason;
  };
  using Pauses = std::map<std::string, Pause, std::less<>>;

  // `path`: of the file; empty: in memory only. One that cannot be read is an error: chains that somebody has paused for
  // a reason must not be delivered because of it.
  static absl::StatusOr<std::unique_ptr<ChainPauses>> Open(std::string path, JournalFiles& files);

  // False: it was before, and stays as it was. An error: it cannot be written, and nothing has changed.
  // `carry_out` is called before the lock is let go of, so that what is carried out last is what stands here.
  absl::StatusOr<bool> Add(std::string_view chain, Pause pause, const std::function<void()>& carry_out);
  absl::StatusOr<bool> Remove(std::string_view chain, const std::function<void()>& carry_out);

  Pauses all() const;
  bool durable() const { return !path_.empty(); }

 private:
  ChainPauses(std::string path, JournalFiles& files) : path_(std::move(path)), files_(files) {}

  absl::Status Save(const Pauses& pauses) const;

  const std::string path_;
  JournalFiles& files_;

  void Become(Pauses pauses);

  // Held over a change, and so over the disk: before mutex_, which is not.
  Mutex changing_;
  mutable Mutex mutex_;
  Pauses pauses_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
