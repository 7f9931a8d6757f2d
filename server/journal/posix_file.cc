#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "server/journal/file.h"
#include "server/runtime/directories.h"

namespace sluice {
namespace {

absl::Status Failed(const char* what, const std::string& path, int error) {
  return absl::ErrnoToStatus(error, absl::StrCat("cannot ", what, " ", path));
}

// Calls it again while a signal interrupts it.
template <typename Call>
auto Uninterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

class PosixFile final : public JournalFile {
 public:
  PosixFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

  absl::StatusOr<size_t> Write(std::string_view bytes, uint64_t offset) override {
    const ssize_t written =
        Uninterrupted([&] { return pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    if (written <= 0) return Failed("write", path_, written < 0 ? errno : EIO);
    return static_cast<size_t>(written);
  }
  absl::StatusOr<size_t> WriteParts(std::span<const std::string_view> parts, uint64_t offset) override {
    absl::InlinedVector<iovec, 16> pieces;
    for (const std::string_view part : parts) {
      pieces.push_back({.iov_base = const_cast<char*>(part.data()), .iov_len = part.size()});
    }
    const ssize_t written = Uninterrupted(
        [&] { return pwritev(fd_.get(), pieces.data(), static_cast<int>(pieces.size()), static_cast<off_t>(offset)); });
    if (written <= 0) return Failed("write", path_, written < 0 ? errno : EIO);
    return static_cast<size_t>(written);
  }
  absl::StatusOr<size_t> Read(char* out, size_t size, uint64_t offset) const override {
    const ssize_t got = Uninterrupted([&] { return pread(fd_.get(), out, size, static_cast<off_t>(offset)); });
    if (got < 0) return Failed("read", path_, errno);
    return static_cast<size_t>(got);
  }
  absl::Status Sync() override {
    if (fdatasync(fd_.get()) != 0) return Failed("sync", path_, errno);
    return absl::OkStatus();
  }
  absl::Status Truncate(uint64_t size) override {
    if (Uninterrupted([&] { return ftruncate(fd_.get(), static_cast<off_t>(size)); }) != 0) {
      return Failed("truncate", path_, errno);
    }
    return absl::OkStatus();
  }
  absl::Status Allocate(uint64_t size) override {
    if (Uninterrupted([&] { return fallocate(fd_.get(), 0, 0, static_cast<off_t>(size)); }) == 0) {
      return absl::OkStatus();
    }
    if (errno != EOPNOTSUPP && errno != ENOSYS) return Failed("allocate room for", path_, errno);
    absl::StatusOr<uint64_t> now = Size();
    if (!now.ok() || *now >= size) return now.status();
    return Truncate(size);
  }
  absl::StatusOr<uint64_t> Size() const override {
    struct stat status{};
    if (fstat(fd_.get(), &status) != 0) return Failed("look at", path_, errno);
    return static_cast<uint64_t>(status.st_size);
  }

 private:
  const std::string path_;
  const Descriptor fd_;
};

class PosixLock final : public DirectoryLock {
 public:
  explicit PosixLock(int fd) : fd_(fd) {}
  int fd() const { return fd_.get(); }

 private:
  const Descriptor fd_;  // flock() ends with it.
};

class PosixFiles final : public JournalFiles {
 public:
  absl::StatusOr<std::unique_ptr<JournalFile>> Open(const std::string& path, Mode mode) override {
    const int flags = mode == Mode::kRead ? O_RDONLY : mode == Mode::kWrite ? O_RDWR : O_RDWR | O_CREAT | O_TRUNC;
    const int fd = Uninterrupted([&] { return open(path.c_str(), flags | O_CLOEXEC, 0640); });
    if (fd < 0) return Failed(mode == Mode::kCreate ? "create" : "open", path, errno);
    return std::make_unique<PosixFile>(path, fd);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    if (rename(from.c_str(), to.c_str()) != 0) return Failed("rename", from, errno);
    return absl::OkStatus();
  }
  absl::Status Unlink(const std::string& path) override {
    if (unlink(path.c_str()) != 0) return Failed("remove", path, errno);
    return absl::OkStatus();
  }
  absl::Status CreateDirectories(const std::string& path) override {
    if (const std::error_code error = MakePrivateDirectories(path))
      return Failed("create the directory", path, error.value());
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override {
    std::error_code error;
    std::vector<std::string> names;
    std::filesystem::directory_iterator at(directory, error);
    for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
      names.push_back(at->path().filename());
    }
    if (error) return Failed("list the directory", directory, error.value());
    return names;
  }
  absl::Status SyncDirectory(const std::string& directory) override {
    const Descriptor fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0) return Failed("open the directory", directory, errno);
    if (fsync(fd.get()) != 0) return Failed("sync the directory", directory, errno);
    return absl::OkStatus();
  }
  absl::StatusOr<std::unique_ptr<DirectoryLock>> Lock(const std::string& path) override {
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) return Failed("open", path, errno);
    auto lock = std::make_unique<PosixLock>(fd);
    if (Uninterrupted([&] { return flock(fd, LOCK_EX | LOCK_NB); }) != 0) {
      if (errno != EWOULDBLOCK) return Failed("lock", path, errno);
      return absl::FailedPreconditionError(
          absl::StrCat(path, " is held by process ", Holder(fd), ": a journal has one user at a time"));
    }
    const std::string pid = absl::StrCat(getpid(), "\n");
    // Only for people: who holds the lock is the kernel's to know.
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid.data(), pid.size(), 0) < 0) return Failed("write", path, errno);
    return lock;
  }

 private:
  static std::string Holder(int fd) {
    char text[24] = {};
    const ssize_t size = pread(fd, text, sizeof text - 1, 0);
    std::string_view pid(text, size > 0 ? static_cast<size_t>(size) : 0);
    while (!pid.empty() && (pid.back() < '0' || pid.back() > '9')) pid.remove_suffix(1);
    return pid.empty() ? "(unknown)" : std::string(pid);
  }
};

}  // namespace

JournalFiles& JournalFiles::Posix() {
  static PosixFiles files;
  return files;
}

absl::StatusOr<size_t> JournalFile::WriteParts(std::span<const std::string_view> parts, uint64_t offset) {
  size_t done = 0;
  for (const std::string_view part : parts) {
    absl::StatusOr<size_t> written = Write(part, offset + done);
    if (!written.ok()) return written;
    done += *written;
    if (*written < part.size()) break;
  }
  return done;
}

absl::Status WriteAll(JournalFile& file, std::string_view bytes, uint64_t offset) {
  while (!bytes.empty()) {
    absl::StatusOr<size_t> written = file.Write(bytes, offset);
    if (!written.ok()) return written.status();
    bytes.remove_prefix(*written);
    offset += *written;
  }
  return absl::OkStatus();
}

absl::Status WriteAll(JournalFile& file, std::span<std::string_view> parts, uint64_t offset) {
  while (!parts.empty()) {
    absl::StatusOr<size_t> written = file.WriteParts(parts, offset);
    if (!written.ok()) return written.status();
    offset += *written;
    for (size_t left = *written; left > 0;) {
      const size_t taken = std::min(left, parts.front().size());
      parts.front().remove_prefix(taken);
      left -= taken;
      if (parts.front().empty()) parts = parts.subspan(1);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> ReadUpTo(const JournalFile& file, char* out, size_t size, uint64_t offset) {
  size_t done = 0;
  while (done < size) {
    absl::StatusOr<size_t> got = file.Read(out + done, size - done, offset + done);
    if (!got.ok()) return got.status();
    if (*got == 0) break;
    done += *got;
  }
  return done;
}

}  // namespace sluice
