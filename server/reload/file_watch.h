// Tells when the file of the configuration says something else.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"

namespace sluice {

// When a change counts. Pure.
class FileChange {
 public:
  // `hash`: of what was read at the start.
  explicit FileChange(std::string hash) : known_(std::move(hash)) {}

  // The file says this now; empty: it cannot be read. True, once for each change: it has said the same twice, so that it
  // is not half written, and it is not what runs already.
  bool Look(const std::string& hash, const std::string& running);

 private:
  std::string known_;
  std::string candidate_;  // Seen once.
};

// Looks at the file each second, by its name: it may be replaced by a rename, and be a link, or lie behind links, that are
// exchanged, as Kubernetes does with a ConfigMap. From its own thread.
class FileWatch {
 public:
  static constexpr Millis kLookEvery{1'000};

  // `hash_of_file` reads it (empty: it cannot be read), `hash_that_runs` says what does. `on_change` may take its time.
  FileWatch(std::function<std::string()> hash_of_file, std::function<std::string()> hash_that_runs,
            std::function<void()> on_change);
  // Waits for an on_change that runs.
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

 private:
  void Run();

  const std::function<std::string()> hash_of_file_;
  const std::function<std::string()> hash_that_runs_;
  const std::function<void()> on_change_;
  FileChange change_;  // Of the thread.
  Mutex mutex_;
  CondVar stop_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // Last: it uses the rest.
};

}  // namespace sluice
