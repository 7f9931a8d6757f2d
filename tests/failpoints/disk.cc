#include "tests/failpoints/disk.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace sluice {
namespace {

absl::Status Failed(const char* what, const std::string& path, int error) {
  return absl::ErrnoToStatus(error, absl::StrCat("cannot ", what, " ", path));
}

class FaultyFile final : public JournalFile {
 public:
  FaultyFile(std::string path, std::unique_ptr<JournalFile> inner, const DiskFault& fault)
      : path_(std::move(path)), inner_(std::move(inner)), fault_(fault) {}

  absl::StatusOr<size_t> Write(std::string_view bytes, uint64_t offset) override {
    if (absl::Status status = fault_.OnWrite(path_); !status.ok()) return status;
    return inner_->Write(bytes, offset);
  }
  absl::StatusOr<size_t> Read(char* out, size_t size, uint64_t offset) const override {
    return inner_->Read(out, size, offset);
  }
  absl::Status Sync() override {
    if (absl::Status status = fault_.OnSync(path_); !status.ok()) return status;
    return inner_->Sync();
  }
  absl::Status Truncate(uint64_t size) override { return inner_->Truncate(size); }
  absl::Status Allocate(uint64_t size) override {
    if (absl::Status status = fault_.OnAllocate(path_); !status.ok()) return status;
    return inner_->Allocate(size);
  }
  absl::StatusOr<uint64_t> Size() const override { return inner_->Size(); }

 private:
  const std::string path_;
  const std::unique_ptr<JournalFile> inner_;
  const DiskFault& fault_;
};

class FaultyFiles final : public JournalFiles {
 public:
  FaultyFiles(JournalFiles& inner, DiskFault fault) : inner_(inner), fault_(std::move(fault)) {}

  absl::StatusOr<std::unique_ptr<JournalFile>> Open(const std::string& path, Mode mode) override {
    absl::StatusOr<std::unique_ptr<JournalFile>> file = inner_.Open(path, mode);
    if (!file.ok()) return file;
    return std::make_unique<FaultyFile>(path, *std::move(file), fault_);
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
  JournalFiles& inner_;
  const DiskFault fault_;
};

}  // namespace

absl::StatusOr<DiskFault> DiskFault::Parse(std::string_view text) {
  if (text.empty()) return DiskFault(Kind::kNone, "");
  const size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  if (colon != std::string_view::npos && colon + 1 < text.size()) {
    std::string file(text.substr(colon + 1));
    if (kind == "write") return DiskFault(Kind::kWrite, std::move(file));
    if (kind == "space") return DiskFault(Kind::kSpace, std::move(file));
    if (kind == "sync") return DiskFault(Kind::kSync, std::move(file));
    if (kind == "stall") return DiskFault(Kind::kStall, std::move(file));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'", std::string(text), "' is none of write:FILE, space:FILE, sync:FILE, stall:FILE"));
}

bool DiskFault::Now(Kind kind) const { return kind_ == kind && access(file_.c_str(), F_OK) == 0; }

void DiskFault::AwaitEndOfStall() const {
  while (Now(Kind::kStall)) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

absl::Status DiskFault::OnWrite(const std::string& path) const {
  AwaitEndOfStall();
  if (Now(Kind::kWrite)) return Failed("write", path, EIO);
  if (Now(Kind::kSpace)) return Failed("write", path, ENOSPC);
  return absl::OkStatus();
}

absl::Status DiskFault::OnAllocate(const std::string& path) const {
  AwaitEndOfStall();
  if (Now(Kind::kSpace)) return Failed("allocate room for", path, ENOSPC);
  return absl::OkStatus();
}

absl::Status DiskFault::OnSync(const std::string& path) const {
  AwaitEndOfStall();
  if (Now(Kind::kSync)) return Failed("sync", path, EIO);
  return absl::OkStatus();
}

std::unique_ptr<JournalFiles> WithFault(JournalFiles& inner, DiskFault fault) {
  return std::make_unique<FaultyFiles>(inner, std::move(fault));
}

}  // namespace sluice
