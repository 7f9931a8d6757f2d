// A disk that stalls while a test wants it to: what is written, synced or allocated waits until it goes on.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/journal/file.h"
#include "server/runtime/mutex.h"

namespace sluice {

// The files of `inner`, which outlives it. Thread-safe. Goes on by itself after a minute, so that a test which fails ends.
class StallingFiles final : public JournalFiles {
 public:
  explicit StallingFiles(JournalFiles& inner) : inner_(inner) {}
  ~StallingFiles() override { GoOn(); }

  void Stall() {
    MutexLock lock(mutex_);
    stalled_ = true;
  }
  void GoOn() {
    MutexLock lock(mutex_);
    stalled_ = false;
    changed_.NotifyAll();
  }
  // Until so many calls wait; false: they did not come in time.
  bool AwaitWaiting(int calls) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    MutexLock lock(mutex_);
    while (waiting_ < calls && std::chrono::steady_clock::now() < deadline) changed_.WaitUntil(mutex_, deadline);
    return waiting_ >= calls;
  }
  // So far.
  int writes() {
    MutexLock lock(mutex_);
    return writes_;
  }

  int reads() {
    MutexLock lock(mutex_);
    return reads_;
  }

  absl::StatusOr<std::unique_ptr<JournalFile>> Open(const std::string& path, Mode mode) override {
    absl::StatusOr<std::unique_ptr<JournalFile>> file = inner_.Open(path, mode);
    if (!file.ok()) return file;
    return std::make_unique<File>(*std::move(file), *this);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override { return inner_.Rename(from, to); }
  absl::Status Unlink(const std::string& path) override { return inner_.Unlink(path); }
  absl::Status CreateDirectories(const std::string& path) override { return inner_.CreateDirectories(path); }
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override {
    return inner_.List(directory);
  }
  absl::Status SyncDirectory(const std::string& directory) override { return inner_.SyncDirectory(directory); }
  absl::StatusOr<std::unique_ptr<DirectoryLock>> Lock(const std::string& path) override { return inner_.Lock(path); }

 private:
  class File final : public JournalFile {
   public:
    File(std::unique_ptr<JournalFile> inner, StallingFiles& files) : inner_(std::move(inner)), files_(files) {}
    absl::StatusOr<size_t> Write(std::string_view bytes, uint64_t offset) override {
      files_.Pass(1);
      return inner_->Write(bytes, offset);
    }
    absl::StatusOr<size_t> WriteParts(std::span<const std::string_view> parts, uint64_t offset) override {
      files_.Pass(1);
      return inner_->WriteParts(parts, offset);
    }
    absl::StatusOr<size_t> Read(char* out, size_t size, uint64_t offset) const override {
      files_.CountRead();
      return inner_->Read(out, size, offset);
    }
    absl::Status Sync() override {
      files_.Pass(0);
      return inner_->Sync();
    }
    absl::Status Truncate(uint64_t size) override { return inner_->Truncate(size); }
    absl::Status Allocate(uint64_t size) override {
      files_.Pass(0);
      return inner_->Allocate(size);
    }
    absl::StatusOr<uint64_t> Size() const override { return inner_->Size(); }

   private:
    const std::unique_ptr<JournalFile> inner_;
    StallingFiles& files_;
  };

  void CountRead() {
    MutexLock lock(mutex_);
    ++reads_;
  }
  void Pass(int writes) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    MutexLock lock(mutex_);
    writes_ += writes;
    if (!stalled_) return;
    ++waiting_;
    changed_.NotifyAll();
    while (stalled_ && std::chrono::steady_clock::now() < deadline) changed_.WaitUntil(mutex_, deadline);
    --waiting_;
  }

  JournalFiles& inner_;
  Mutex mutex_;
  CondVar changed_;
  bool stalled_ ABSL_GUARDED_BY(mutex_) = false;
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  int writes_ ABSL_GUARDED_BY(mutex_) = 0;
  int reads_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice
