#include "server/journal/scanner.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "server/journal/crc32c.h"

namespace sluice {
namespace {

// How many bytes of `bytes` there are up to the last one that is not 0.
size_t UpToLastByte(std::string_view bytes) {
  size_t size = bytes.size();
  constexpr size_t kBlock = 512;
  static constexpr char kZeros[kBlock] = {};
  while (size >= kBlock && std::memcmp(bytes.data() + size - kBlock, kZeros, kBlock) == 0) size -= kBlock;
  while (size > 0 && bytes[size - 1] == '\0') --size;
  return size;
}

class Scan {
 public:
  Scan(const ScanRequest& request, ScanSink& sink)
      : request_(request),
        sink_(sink),
        seed_(FrameSeed(request.head)),
        limit_(request.end != 0 ? std::min(request.end, request.size) : request.size),
        reader_(*request.file),
        search_reader_(*request.file) {}

  absl::StatusOr<ScanResult> Run() {
    uint64_t at = kHeadSize;
    while (at < limit_) {
      std::optional<FrameHeader> header;
      absl::StatusOr<std::optional<ReadFrameResult>> frame = ReadFrame(reader_, seed_, at, limit_, &header);
      if (!frame.ok()) return frame.status();
      bool readable = frame->has_value();
      if (readable) {
        absl::StatusOr<bool> taken = Take(**frame, at);
        if (!taken.ok()) return taken.status();
        readable = *taken;
      }
      if (readable) {
        at += (*frame)->header.frame_size();
        continue;
      }
      // Where the header can be trusted, the next frame stands behind this one; else, anywhere.
      absl::StatusOr<uint64_t> next =
          FindFrame(header && header->frame_size() <= limit_ - at ? at + header->frame_size() : at + 1);
      if (!next.ok()) return next.status();
      if (*next >= limit_) break;
      Damaged(at, *next, header);
      at = *next;
    }
    if (absl::Status status = Finish(at); !status.ok()) return status;
    return std::move(result_);
  }

 private:
  absl::StatusOr<bool> Take(const ReadFrameResult& frame, uint64_t at) {
    const FrameHeader& header = frame.header;
    if (header.kind == static_cast<uint8_t>(RecordKind::kLost)) {
      ++result_.lost_frames;
      broken_ = broken_ || in_batch_;
    } else {
      absl::StatusOr<bool> readable = sink_.OnFrame(header, at, frame.body);
      if (!readable.ok() || !*readable) return readable;
      const bool begins = (header.flags & kBatchBegins) != 0;
      if (begins || !in_batch_) {
        EndIncomplete();
        in_batch_ = true;
        broken_ = !begins;
        batch_begin_ = at;
      }
      sink_.OnTaken();
      if ((header.flags & kBatchEnds) != 0) {
        sink_.OnBatch(!broken_);
        in_batch_ = false;
      }
    }
    ++result_.frames;
    result_.end = at + header.frame_size();
    return true;
  }

  // No frame ended the batch. With a hole in it, what is left of it counts; without one nobody was told of it.
  void EndIncomplete() {
    if (in_batch_ && broken_) sink_.OnBatch(false);
    if (in_batch_ && !broken_) sink_.OnTorn();
    in_batch_ = false;
  }

  void Damaged(uint64_t from, uint64_t to, const std::optional<FrameHeader>& header) {
    broken_ = broken_ || in_batch_;
    result_.damage.push_back({.path = request_.path,
                              .sequence = request_.head.sequence,
                              .offset = from,
                              .length = to - from,
                              .kind = header ? header->kind : uint8_t{0}});
  }

  // The first frame that begins at `from` or later; the limit, if there is none.
  absl::StatusOr<uint64_t> FindFrame(uint64_t from) {
    constexpr size_t kChunk = 128u << 10;
    while (from + kFrameHeaderSize <= limit_) {
      absl::StatusOr<std::string_view> chunk =
          search_reader_.At(from, static_cast<size_t>(std::min<uint64_t>(kChunk, limit_ - from)));
      if (!chunk.ok()) return chunk.status();
      if (chunk->size() < kFrameHeaderSize) break;
      size_t at = 0;
      while ((at = chunk->find(kFrameMagic, at)) != std::string_view::npos && at + kFrameHeaderSize <= chunk->size()) {
        if (DecodeFrameHeader(chunk->data() + at, seed_, from + at)) {
          absl::StatusOr<std::optional<ReadFrameResult>> frame = ReadFrame(reader_, seed_, from + at, limit_);
          if (!frame.ok()) return frame.status();
          if (*frame) return from + at;
        }
        ++at;
      }
      from += chunk->size() - (kFrameHeaderSize - 1);
    }
    return limit_;
  }

  // Nothing can be read from `at` on.
  absl::Status Finish(uint64_t at) {
    uint64_t written = at;  // Up to the last byte that is not 0.
    for (uint64_t from = at; from < limit_;) {
      absl::StatusOr<std::string_view> chunk =
          search_reader_.At(from, static_cast<size_t>(std::min<uint64_t>(1u << 20, limit_ - from)));
      if (!chunk.ok()) return chunk.status();
      if (chunk->empty()) break;
      if (const size_t size = UpToLastByte(*chunk); size > 0) written = from + size;
      from += chunk->size();
    }
    // The next segment knows where this one ended. A segment without one that knows was cut at its end.
    const uint64_t expected = request_.end != 0 ? request_.end : request_.last ? at : written;
    if (expected > at) {
      Damaged(at, expected, std::nullopt);
    } else if (in_batch_ && !broken_ && request_.last) {
      sink_.OnTorn();
      in_batch_ = false;
      result_.end = batch_begin_;
      result_.cut_bytes = written - batch_begin_;
      return absl::OkStatus();
    }
    EndIncomplete();
    if (expected <= at && request_.last) result_.cut_bytes = written - at;
    result_.end = std::max(result_.end, expected > at ? expected : at);
    return absl::OkStatus();
  }

  const ScanRequest& request_;
  ScanSink& sink_;
  const uint32_t seed_;
  const uint64_t limit_;
  WindowReader reader_;
  WindowReader search_reader_;
  ScanResult result_;
  bool in_batch_ = false;
  bool broken_ = false;
  uint64_t batch_begin_ = 0;
};

}  // namespace

absl::StatusOr<ScanResult> ScanSegment(const ScanRequest& request, ScanSink& sink) { return Scan(request, sink).Run(); }

absl::StatusOr<std::string_view> WindowReader::At(uint64_t offset, size_t size) {
  if (offset < begin_ || offset + size > begin_ + filled_) {
    const size_t wanted = std::max(size, window_);
    if (wanted > capacity_) {
      buffer_.reset(new char[wanted]);
      capacity_ = wanted;
    }
    filled_ = 0;
    absl::StatusOr<size_t> got = ReadUpTo(file_, buffer_.get(), wanted, offset);
    if (!got.ok()) return got.status();
    begin_ = offset;
    filled_ = *got;
  }
  const auto from = static_cast<size_t>(offset - begin_);
  return std::string_view(buffer_.get() + from, std::min(size, filled_ - from));
}

absl::StatusOr<std::optional<ReadFrameResult>> ReadFrame(WindowReader& reader, uint32_t seed, uint64_t offset,
                                                         uint64_t limit, std::optional<FrameHeader>* header) {
  if (offset + kFrameHeaderSize > limit) return std::nullopt;
  absl::StatusOr<std::string_view> bytes = reader.At(offset, kFrameHeaderSize);
  if (!bytes.ok()) return bytes.status();
  if (bytes->size() < kFrameHeaderSize) return std::nullopt;
  const std::optional<FrameHeader> decoded = DecodeFrameHeader(bytes->data(), seed, offset);
  if (header != nullptr) *header = decoded;
  if (!decoded || decoded->frame_size() > limit - offset) return std::nullopt;
  bytes = reader.At(offset, decoded->frame_size());
  if (!bytes.ok()) return bytes.status();
  if (bytes->size() < decoded->frame_size()) return std::nullopt;
  const std::string_view body = bytes->substr(kFrameHeaderSize);
  if (Crc32c(body) != decoded->body_crc) return std::nullopt;
  return ReadFrameResult{*decoded, body};
}

}  // namespace sluice
