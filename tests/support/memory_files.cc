#include "tests/support/memory_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice {

class MemoryFile final : public JournalFile {
 public:
  MemoryFile(MemoryFiles& files, std::string path, std::shared_ptr<MemoryFiles::Node> node)
      : files_(files), path_(std::move(path)), node_(std::move(node)) {}

  absl::StatusOr<size_t> Write(std::string_view bytes, uint64_t offset) override {
    MutexLock lock(files_.mutex_);
    ++files_.write_calls_;
    if (files_.killed_) return absl::AbortedError("killed");
    absl::Status status = files_.Check(files_.writes_, "write " + path_);
    size_t taken = bytes.size();
    if (!status.ok()) {
      taken = std::min(taken, files_.leave_behind_);
    } else if (files_.short_write_ != 0) {
      taken = std::min(taken, files_.short_write_);
    }
    if (files_.kill_set_ && taken >= files_.kill_after_) {
      taken = static_cast<size_t>(files_.kill_after_);
      files_.killed_ = true;
      status = absl::AbortedError("killed");
    }
    files_.kill_after_ -= taken;
    files_.written_bytes_ += taken;
    if (taken > 0) {
      if (node_->now.size() < offset + taken) node_->now.resize(static_cast<size_t>(offset) + taken);
      std::memcpy(node_->now.data() + offset, bytes.data(), taken);
    }
    if (!status.ok()) return status;
    return taken;
  }
  absl::StatusOr<size_t> Read(char* out, size_t size, uint64_t offset) const override {
    MutexLock lock(files_.mutex_);
    if (offset >= node_->now.size()) return size_t{0};
    const size_t taken = std::min(size, node_->now.size() - static_cast<size_t>(offset));
    std::memcpy(out, node_->now.data() + offset, taken);
    return taken;
  }
  absl::Status Sync() override {
    MutexLock lock(files_.mutex_);
    ++files_.sync_calls_;
    if (files_.killed_) return absl::AbortedError("killed");
    if (absl::Status status = files_.Check(files_.syncs_, "sync " + path_); !status.ok()) return status;
    node_->durable = node_->now;
    return absl::OkStatus();
  }
  absl::Status Truncate(uint64_t size) override {
    MutexLock lock(files_.mutex_);
    if (files_.killed_) return absl::AbortedError("killed");
    if (absl::Status status = files_.Check(files_.truncations_, "truncate " + path_); !status.ok()) return status;
    node_->now.resize(static_cast<size_t>(size));
    return absl::OkStatus();
  }
  absl::Status Allocate(uint64_t size) override {
    MutexLock lock(files_.mutex_);
    if (files_.killed_) return absl::AbortedError("killed");
    if (absl::Status status = files_.Check(files_.allocations_, "allocate room for " + path_); !status.ok()) {
      return status;
    }
    if (node_->now.size() < size) node_->now.resize(static_cast<size_t>(size));
    return absl::OkStatus();
  }
  absl::StatusOr<uint64_t> Size() const override {
    MutexLock lock(files_.mutex_);
    return node_->now.size();
  }

 private:
  MemoryFiles& files_;
  const std::string path_;
  const std::shared_ptr<MemoryFiles::Node> node_;
};

class MemoryLock final : public DirectoryLock {
 public:
  MemoryLock(MemoryFiles& files, uint64_t boot) : files_(files), boot_(boot) {}
  ~MemoryLock() override {
    MutexLock lock(files_.mutex_);
    if (files_.boot_ == boot_) files_.locked_ = false;
  }

 private:
  MemoryFiles& files_;
  const uint64_t boot_;
};

void MemoryFiles::Set(Fault& fault, size_t count, int error) {
  MutexLock lock(mutex_);
  fault = {true, count, error};
}

absl::Status MemoryFiles::Check(Fault& fault, const std::string& what) {
  if (!fault.set) return absl::OkStatus();
  if (fault.after > 0) {
    --fault.after;
    return absl::OkStatus();
  }
  return absl::ErrnoToStatus(fault.error, absl::StrCat("cannot ", what));
}

void MemoryFiles::LeaveBehind(size_t bytes) {
  MutexLock lock(mutex_);
  leave_behind_ = bytes;
}

void MemoryFiles::ShortWrites(size_t bytes) {
  MutexLock lock(mutex_);
  short_write_ = bytes;
}

void MemoryFiles::KillAfter(uint64_t bytes) {
  MutexLock lock(mutex_);
  kill_set_ = true;
  kill_after_ = bytes;
}

void MemoryFiles::LosePower(uint32_t seed) {
  constexpr size_t kBlock = 64;
  MutexLock lock(mutex_);
  std::mt19937 random(seed);
  names_ = durable_names_;
  for (auto& [name, node] : names_) {
    // Handles that are still open keep the old one.
    auto left = std::make_shared<Node>();
    left->now = node->durable;
    if (seed != 0 && random() % 2 == 0) left->now.resize(node->now.size());
    for (size_t at = 0; seed != 0 && at < std::min(left->now.size(), node->now.size()); at += kBlock) {
      const size_t size = std::min({kBlock, left->now.size() - at, node->now.size() - at});
      if (random() % 3 != 0) std::memcpy(left->now.data() + at, node->now.data() + at, size);
    }
    left->durable = left->now;
    node = left;
  }
  durable_names_ = names_;
}

void MemoryFiles::Reboot() {
  Heal();
  MutexLock lock(mutex_);
  killed_ = false;
  kill_set_ = false;
  locked_ = false;
  ++boot_;
}

void MemoryFiles::Heal() {
  MutexLock lock(mutex_);
  for (Fault* fault : {&writes_, &syncs_, &allocations_, &truncations_, &unlinks_}) fault->set = false;
  leave_behind_ = 0;
  short_write_ = 0;
}

std::string* MemoryFiles::Content(const std::string& path) {
  MutexLock lock(mutex_);
  const auto found = names_.find(path);
  return found == names_.end() ? nullptr : &found->second->now;
}

void MemoryFiles::Put(const std::string& path, std::string content) {
  MutexLock lock(mutex_);
  auto node = std::make_shared<Node>();
  node->durable = content;
  node->now = std::move(content);
  names_[path] = node;
  durable_names_[path] = node;
}

void MemoryFiles::Remove(const std::string& path) {
  MutexLock lock(mutex_);
  names_.erase(path);
  durable_names_.erase(path);
}

std::vector<std::string> MemoryFiles::Paths() {
  MutexLock lock(mutex_);
  std::vector<std::string> paths;
  for (const auto& [path, node] : names_) paths.push_back(path);
  return paths;
}

uint64_t MemoryFiles::written_bytes() {
  MutexLock lock(mutex_);
  return written_bytes_;
}
size_t MemoryFiles::write_calls() {
  MutexLock lock(mutex_);
  return write_calls_;
}
size_t MemoryFiles::sync_calls() {
  MutexLock lock(mutex_);
  return sync_calls_;
}
bool MemoryFiles::killed() {
  MutexLock lock(mutex_);
  return killed_;
}

absl::StatusOr<std::unique_ptr<JournalFile>> MemoryFiles::Open(const std::string& path, Mode mode) {
  MutexLock lock(mutex_);
  const auto found = names_.find(path);
  if (mode != Mode::kCreate) {
    if (found == names_.end()) return absl::ErrnoToStatus(ENOENT, "cannot open " + path);
    return std::make_unique<MemoryFile>(*this, path, found->second);
  }
  if (killed_) return absl::AbortedError("killed");
  auto node = std::make_shared<Node>();
  names_[path] = node;
  return std::make_unique<MemoryFile>(*this, path, node);
}

absl::Status MemoryFiles::Rename(const std::string& from, const std::string& to) {
  MutexLock lock(mutex_);
  if (killed_) return absl::AbortedError("killed");
  const auto found = names_.find(from);
  if (found == names_.end()) return absl::ErrnoToStatus(ENOENT, "cannot rename " + from);
  names_[to] = found->second;
  names_.erase(from);
  return absl::OkStatus();
}

absl::Status MemoryFiles::Unlink(const std::string& path) {
  MutexLock lock(mutex_);
  if (killed_) return absl::AbortedError("killed");
  if (absl::Status status = Check(unlinks_, "remove " + path); !status.ok()) return status;
  return names_.erase(path) > 0 ? absl::OkStatus() : absl::ErrnoToStatus(ENOENT, "cannot remove " + path);
}

absl::StatusOr<std::vector<std::string>> MemoryFiles::List(const std::string& directory) {
  MutexLock lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [path, node] : names_) {
    if (path.starts_with(directory + "/")) names.push_back(path.substr(directory.size() + 1));
  }
  return names;
}

absl::Status MemoryFiles::SyncDirectory(const std::string& directory) {
  MutexLock lock(mutex_);
  ++sync_calls_;
  if (killed_) return absl::AbortedError("killed");
  if (absl::Status status = Check(syncs_, "sync the directory " + directory); !status.ok()) return status;
  durable_names_ = names_;
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<DirectoryLock>> MemoryFiles::Lock(const std::string& path) {
  MutexLock lock(mutex_);
  if (locked_) return absl::FailedPreconditionError(path + " is held by process 1");
  locked_ = true;
  return std::make_unique<MemoryLock>(*this, boot_);
}

}  // namespace sluice
