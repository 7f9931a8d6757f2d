#include "server/reload/file_watch.h"

#include <utility>

namespace sluice {

bool FileChange::Look(const std::string& hash, const std::string& running) {
  if (hash.empty() || hash == known_) {
    candidate_.clear();
    return false;
  }
  if (hash != candidate_) {
    candidate_ = hash;
    return false;
  }
  known_ = hash;
  candidate_.clear();
  return hash != running;
}

FileWatch::FileWatch(std::function<std::string()> hash_of_file, std::function<std::string()> hash_that_runs,
                     std::function<void()> on_change)
    : hash_of_file_(std::move(hash_of_file)),
      hash_that_runs_(std::move(hash_that_runs)),
      on_change_(std::move(on_change)),
      change_(hash_that_runs_()),
      thread_([this] { Run(); }) {}

FileWatch::~FileWatch() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  stop_.NotifyAll();
  thread_.join();
}

void FileWatch::Run() {
  const Clock& clock = Clock::Real();
  while (true) {
    {
      const SteadyTime next = clock.Now() + kLookEvery;
      MutexLock lock(mutex_);
      while (!stopping_ && clock.Now() < next) stop_.WaitUntil(mutex_, next);
      if (stopping_) return;
    }
    if (change_.Look(hash_of_file_(), hash_that_runs_())) on_change_();
  }
}

}  // namespace sluice
