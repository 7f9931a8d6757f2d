// A disk that fails while a test wants it to.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/journal/file.h"

namespace sluice {

// As long as a file of a test's choice is there, writes or syncs fail. Thread-safe.
class DiskFault {
 public:
  // "KIND:FILE", where KIND is write (writes fail with EIO), space (writes and allocations with ENOSPC), sync (syncs
  // with EIO) or stall (all of these wait until FILE is gone). Empty: nothing ever fails.
  static absl::StatusOr<DiskFault> Parse(std::string_view text);

  absl::Status OnWrite(const std::string& path) const;
  absl::Status OnAllocate(const std::string& path) const;
  absl::Status OnSync(const std::string& path) const;

 private:
  enum class Kind : uint8_t { kNone, kWrite, kSpace, kSync, kStall };

  DiskFault(Kind kind, std::string file) : kind_(kind), file_(std::move(file)) {}
  bool Now(Kind kind) const;
  void AwaitEndOfStall() const;

  Kind kind_;
  std::string file_;
};

// The files of `inner`, which outlives it, with the fault in front of them.
std::unique_ptr<JournalFiles> WithFault(JournalFiles& inner, DiskFault fault);

}  // namespace sluice
