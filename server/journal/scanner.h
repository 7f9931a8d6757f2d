// Reads a segment's frames from its file, over whatever damage there is.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/journal/file.h"
#include "server/journal/format.h"
#include "server/journal/recovered.h"

namespace sluice {

// A file through a window of memory, so that records that stand side by side cost one read. Not thread-safe.
class WindowReader {
 public:
  // `file` outlives it.
  explicit WindowReader(const JournalFile& file, size_t window = 256u << 10) : file_(file), window_(window) {}

  // How much the next read of the file takes.
  void SetWindow(size_t window) { window_ = window; }
  // Up to `size` bytes at `offset`, fewer at the end of the file only; valid until the next call.
  absl::StatusOr<std::string_view> At(uint64_t offset, size_t size);

 private:
  const JournalFile& file_;
  size_t window_;
  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0;
  size_t filled_ = 0;
  uint64_t begin_ = 0;
};

// The frame at `offset`, its checksums checked; nullopt: none that can be read. `header`, if not null, gets what could
// be read of its header. `body` is valid until the next read.
struct ReadFrameResult {
  FrameHeader header;
  std::string_view body;
};
absl::StatusOr<std::optional<ReadFrameResult>> ReadFrame(WindowReader& reader, uint32_t seed, uint64_t offset,
                                                         uint64_t limit, std::optional<FrameHeader>* header = nullptr);

// Takes what a scan finds, batch by batch.
class ScanSink {
 public:
  virtual ~ScanSink() = default;
  // Takes the frame apart. False: the body makes no sense, which is damage. An error ends the scan.
  virtual absl::StatusOr<bool> OnFrame(const FrameHeader& header, uint64_t offset, std::string_view body) = 0;
  // The frame belongs to the batch that is being read.
  virtual void OnTaken() = 0;
  // The frames since the last call were a batch; `whole`: all of it.
  virtual void OnBatch(bool whole) = 0;
  // They are the begin of a batch that was not written to its end.
  virtual void OnTorn() = 0;
};

struct ScanResult {
  uint64_t end = kHeadSize;  // Behind the last frame that counts.
  uint64_t cut_bytes = 0;    // From there on to the last byte that is not 0.
  uint64_t frames = 0;
  std::vector<JournalDamage> damage;
  uint64_t lost_frames = 0;  // kLost.
};

struct ScanRequest {
  const JournalFile* file = nullptr;
  std::string path;
  SegmentHead head;
  uint64_t size = 0;  // Of the file.
  uint64_t end = 0;   // Where the frames end, as the next segment says; 0: not known.
  bool last = false;  // No segment follows: what cannot be read at its end was being written.
};
absl::StatusOr<ScanResult> ScanSegment(const ScanRequest& request, ScanSink& sink);

}  // namespace sluice
