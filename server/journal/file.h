// The files under the journal, as little of them as it needs, so that tests can put a failing disk there.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice {

// One open file; closed by the destructor. Reads may go on in several threads, also beside a write. Errors name the
// file and carry errno's text; a full disk is RESOURCE_EXHAUSTED.
class JournalFile {
 public:
  virtual ~JournalFile() = default;

  // Writes at least one byte at `offset` and returns how many (pwrite).
  virtual absl::StatusOr<size_t> Write(std::string_view bytes, uint64_t offset) = 0;
  // Likewise of `parts`, of which there are 1 … 256, none empty, one behind the other (pwritev). Here with a Write() for each.
  virtual absl::StatusOr<size_t> WriteParts(std::span<const std::string_view> parts, uint64_t offset);
  // Reads up to `size` bytes at `offset` and returns how many; 0 at the end of the file (pread).
  virtual absl::StatusOr<size_t> Read(char* out, size_t size, uint64_t offset) const = 0;
  // What was written stands on the disk (fdatasync). After an error nobody knows what does.
  virtual absl::Status Sync() = 0;
  virtual absl::Status Truncate(uint64_t size) = 0;
  // Makes the file `size` long with zeros, and takes room for it where the file system can.
  virtual absl::Status Allocate(uint64_t size) = 0;
  virtual absl::StatusOr<uint64_t> Size() const = 0;
};

// Held until destroyed.
class DirectoryLock {
 public:
  virtual ~DirectoryLock() = default;
};

// Thread-safe.
class JournalFiles {
 public:
  enum class Mode : uint8_t { kRead, kWrite, kCreate };  // kCreate: to read and write, empty if it was there.

  virtual ~JournalFiles() = default;

  virtual absl::StatusOr<std::unique_ptr<JournalFile>> Open(const std::string& path, Mode mode) = 0;
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  virtual absl::Status Unlink(const std::string& path) = 0;
  // With its parents, those that it makes for their owner alone; no error when it is there.
  virtual absl::Status CreateDirectories(const std::string& path) = 0;
  // Names, in no order.
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& directory) = 0;
  // Which names stand in it is on the disk.
  virtual absl::Status SyncDirectory(const std::string& directory) = 0;
  // Takes the lock file `path`, or says at once who holds it.
  virtual absl::StatusOr<std::unique_ptr<DirectoryLock>> Lock(const std::string& path) = 0;

  // The machine's. Lives for the whole process.
  static JournalFiles& Posix();
};

// Writes all of it, over short writes.
absl::Status WriteAll(JournalFile& file, std::string_view bytes, uint64_t offset);
// Likewise of `parts`, which are empty afterwards.
absl::Status WriteAll(JournalFile& file, std::span<std::string_view> parts, uint64_t offset);
// Reads up to `size` bytes, over short reads; returns fewer at the end of the file only.
absl::StatusOr<size_t> ReadUpTo(const JournalFile& file, char* out, size_t size, uint64_t offset);

}  // namespace sluice
