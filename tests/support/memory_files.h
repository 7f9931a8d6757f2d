// A disk for journals that tests break: writes that fail or are short, a process killed at a byte, a power loss.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/journal/file.h"
#include "server/runtime/mutex.h"

namespace sluice {

// Thread-safe. Names are whole paths; all of them stand in one directory.
class MemoryFiles final : public JournalFiles {
 public:
  // ---- what the world does
  // The call after `count` more of these fails, and all after it until Heal().
  void FailWritesAfter(size_t count, int error) { Set(writes_, count, error); }
  void FailSyncsAfter(size_t count, int error) { Set(syncs_, count, error); }
  void FailAllocationsAfter(size_t count, int error) { Set(allocations_, count, error); }
  void FailTruncationsAfter(size_t count, int error) { Set(truncations_, count, error); }
  void FailUnlinksAfter(size_t count, int error) { Set(unlinks_, count, error); }
  // A write that fails has written this much of its bytes all the same.
  void LeaveBehind(size_t bytes);
  // No write takes more than this at once.
  void ShortWrites(size_t bytes);
  // The process dies when it has written this much more: of what is written then only a part stands in the file, and
  // nothing changes any more until Reboot().
  void KillAfter(uint64_t bytes);
  // Only what was synced is left; with a seed, some blocks of what was not, too.
  void LosePower(uint32_t seed = 0);
  // Ends a kill and every fault; locks are free.
  void Reboot();
  void Heal();
  // Bytes of a file, to be read and changed; null: there is none.
  std::string* Content(const std::string& path);
  void Put(const std::string& path, std::string content);
  void Remove(const std::string& path);
  std::vector<std::string> Paths();

  uint64_t written_bytes();
  size_t write_calls();
  size_t sync_calls();
  bool killed();

  // ---- JournalFiles
  absl::StatusOr<std::unique_ptr<JournalFile>> Open(const std::string& path, Mode mode) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Unlink(const std::string& path) override;
  absl::Status CreateDirectories(const std::string& /*path*/) override { return absl::OkStatus(); }
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override;
  absl::Status SyncDirectory(const std::string& directory) override;
  absl::StatusOr<std::unique_ptr<DirectoryLock>> Lock(const std::string& path) override;

 private:
  friend class MemoryFile;
  friend class MemoryLock;
  struct Node {
    std::string now;
    std::string durable;
  };
  using Names = std::map<std::string, std::shared_ptr<Node>>;
  struct Fault {
    bool set = false;
    size_t after = 0;
    int error = 0;
  };

  void Set(Fault& fault, size_t count, int error);
  absl::Status Check(Fault& fault, const std::string& what) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  Names names_ ABSL_GUARDED_BY(mutex_);
  Names durable_names_ ABSL_GUARDED_BY(mutex_);
  bool locked_ ABSL_GUARDED_BY(mutex_) = false;
  bool killed_ ABSL_GUARDED_BY(mutex_) = false;
  bool kill_set_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t kill_after_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t leave_behind_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t short_write_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t boot_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t written_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t write_calls_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t sync_calls_ ABSL_GUARDED_BY(mutex_) = 0;
  Fault writes_, syncs_, allocations_, truncations_, unlinks_;  // Guarded by mutex_.
};

}  // namespace sluice
