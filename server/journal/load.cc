#include "server/journal/load.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <limits>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/journal/crc32c.h"
#include "server/journal/record.h"
#include "server/journal/replay.h"
#include "server/journal/scanner.h"

namespace sluice {
namespace {

constexpr uint32_t kMostMissing = 1000;

// 0: no segment's name.
uint32_t SequenceOf(std::string_view name) {
  uint32_t sequence = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), sequence);
  return error == std::errc() && SegmentName(sequence) == name ? sequence : 0;
}

absl::StatusOr<std::vector<uint32_t>> FindSegments(JournalFiles& files, const std::string& path, LoadedJournal& out) {
  absl::StatusOr<std::vector<std::string>> names = files.List(path);
  if (!names.ok()) return names.status();
  std::vector<uint32_t> sequences;
  for (const std::string& name : *names) {
    // The second is what mkfs leaves on a volume of its own.
    if (name == kLockName || name == "lost+found") continue;
    std::string_view base = name;
    if (base.ends_with(".new")) base.remove_suffix(4);
    const uint32_t sequence = SequenceOf(base);
    if (sequence == 0) {
      return absl::FailedPreconditionError(
          absl::StrCat(path, "/", name,
                       " does not belong to a journal: give the journal a directory of its own, or remove the file"));
    }
    if (base.size() != name.size()) {
      out.obsolete.push_back(absl::StrCat(path, "/", name));  // The process ended while it was being made.
    } else {
      sequences.push_back(sequence);
    }
  }
  std::ranges::sort(sequences);
  return sequences;
}

// One segment's file, and whether its head could be read.
struct Found {
  std::shared_ptr<JournalSegment> segment;
  uint64_t size = 0;
  bool readable = false;
};

absl::StatusOr<Found> OpenSegment(JournalFiles& files, const std::string& path, uint32_t sequence,
                                  JournalFiles::Mode mode, JournalReport& report) {
  Found found;
  found.segment = std::make_shared<JournalSegment>();
  JournalSegment& segment = *found.segment;
  segment.path = absl::StrCat(path, "/", SegmentName(sequence));
  segment.head.sequence = sequence;
  absl::StatusOr<std::unique_ptr<JournalFile>> file = files.Open(segment.path, mode);
  if (!file.ok()) return file.status();
  segment.file = *std::move(file);
  absl::StatusOr<uint64_t> size = segment.file->Size();
  if (!size.ok()) return size.status();
  found.size = *size;
  if (found.size > std::numeric_limits<uint32_t>::max()) {
    return absl::FailedPreconditionError(absl::StrCat(segment.path, " is larger than a segment can be"));
  }
  char bytes[kHeadSize];
  absl::StatusOr<size_t> got = ReadUpTo(*segment.file, bytes, sizeof bytes, 0);
  if (!got.ok()) return got.status();
  bool damaged = false;
  absl::StatusOr<SegmentHead> head = DecodeHead({bytes, *got}, segment.path, &damaged);
  if (!head.ok() && !absl::IsDataLoss(head.status())) return head.status();
  if (head.ok() && head->sequence != sequence) {
    return absl::FailedPreconditionError(
        absl::StrCat(segment.path, " says that it is segment ", head->sequence, ": was it copied or renamed?"));
  }
  if (head.ok()) {
    segment.head = *head;
    found.readable = true;
    if (damaged) {
      report.warnings.push_back(absl::StrCat(segment.path, ": one of the two copies of its head cannot be read"));
    }
  }
  segment.seed = FrameSeed(segment.head);
  return found;
}

}  // namespace

std::string SegmentName(uint32_t sequence) { return absl::StrFormat("%010u.seg", sequence); }

std::string JournalDamage::ToString() const {
  if (length == 0) return absl::StrCat(path, ": the segment is missing");
  return absl::StrCat(path, ": ", length, " bytes at ", offset, " cannot be read",
                      kind != 0 ? absl::StrCat(" (a ", KindName(kind), ")") : "");
}

bool JournalReport::Damaged() const {
  return std::ranges::any_of(damage, [](const JournalDamage& each) { return !each.unsynced; });
}

absl::StatusOr<LoadedJournal> LoadJournal(JournalFiles& files, const std::string& path, JournalFiles::Mode mode) {
  LoadedJournal out;
  JournalReport& report = out.report;
  absl::StatusOr<std::vector<uint32_t>> sequences = FindSegments(files, path, out);
  if (!sequences.ok()) return sequences.status();

  std::vector<Found> all;
  uint32_t oldest = 0;
  for (uint32_t sequence : *sequences) {
    absl::StatusOr<Found> found = OpenSegment(files, path, sequence, mode, report);
    if (!found.ok()) return found.status();
    oldest = std::max(oldest, found->segment->head.oldest);
    all.push_back(*std::move(found));
  }

  JournalReplay replay(out.index);
  uint32_t before = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    const std::shared_ptr<JournalSegment>& segment = all[i].segment;
    const uint32_t sequence = segment->sequence();
    if (sequence < oldest) {
      out.obsolete.push_back(segment->path);
      continue;
    }
    if (before != 0 && sequence - before > kMostMissing) {
      return absl::FailedPreconditionError(absl::StrCat(
          segment->path, " does not belong to this journal, which ends at ", SegmentName(before), ": remove the file"));
    }
    for (uint32_t missing = before + 1; before != 0 && missing < sequence; ++missing) {
      report.damage.push_back({.path = absl::StrCat(path, "/", SegmentName(missing)), .sequence = missing});
    }
    before = sequence;
    out.segments.push_back(segment);
    ++report.segments;
    if (!all[i].readable) {
      report.damage.push_back(
          {.path = segment->path, .sequence = sequence, .length = std::max<uint64_t>(all[i].size, 1)});
      segment->end = all[i].size;
      continue;
    }
    const bool next_follows =
        i + 1 < all.size() && all[i + 1].readable && all[i + 1].segment->sequence() == sequence + 1;
    replay.Begin(segment->head, segment->path);
    absl::StatusOr<ScanResult> scanned = ScanSegment({.file = segment->file.get(),
                                                      .path = segment->path,
                                                      .head = segment->head,
                                                      .size = all[i].size,
                                                      .end = next_follows ? all[i + 1].segment->head.previous_end : 0,
                                                      .last = i + 1 == all.size()},
                                                     replay);
    if (!scanned.ok()) return scanned.status();
    segment->end = scanned->end;
    report.bytes += scanned->end - kHeadSize;
    report.records += scanned->frames;
    report.cut_bytes += scanned->cut_bytes;
    for (JournalDamage& damage : scanned->damage) report.damage.push_back(std::move(damage));
    if (scanned->lost_frames > 0) {
      report.warnings.push_back(absl::StrCat(segment->path, ": something was lost here before, in ",
                                             scanned->lost_frames, " places; the journal was salvaged since"));
    }
  }
  for (JournalDamage& damage : report.damage) {
    const auto segment =
        std::ranges::find_if(out.segments, [&](const auto& each) { return each->sequence() == damage.sequence; });
    damage.unsynced = damage.offset > 0 && segment != out.segments.end() && (*segment)->head.synced &&
                      !replay.Synced(damage.sequence, damage.offset);
  }
  out.next_record = replay.next_record();
  report.messages = out.index.messages();
  report.replies = out.index.replies();
  report.dead_letters = out.index.dead_letters();
  report.received_packets = out.index.packets();
  report.live_bytes = out.index.live_bytes();
  return out;
}

namespace {

// A kLost frame over [offset, offset + length).
absl::Status CoverLost(JournalSegment& segment, uint64_t offset, uint64_t length) {
  if (length < kFrameHeaderSize) {
    return absl::DataLossError(absl::StrCat(segment.path, ": ", length, " bytes at ", offset, " are too few to mend"));
  }
  uint32_t crc = 0;
  WindowReader reader(*segment.file);
  const uint64_t end = offset + length;
  for (uint64_t at = offset + kFrameHeaderSize; at < end;) {
    absl::StatusOr<std::string_view> bytes =
        reader.At(at, static_cast<size_t>(std::min<uint64_t>(end - at, 128u << 10)));
    if (!bytes.ok()) return bytes.status();
    if (bytes->empty()) return absl::DataLossError(absl::StrCat(segment.path, " is shorter than its records"));
    crc = Crc32c(*bytes, crc);
    at += bytes->size();
  }
  char header[kFrameHeaderSize];
  EncodeFrameHeader({.kind = static_cast<uint8_t>(RecordKind::kLost),
                     .body_size = static_cast<uint32_t>(length - kFrameHeaderSize),
                     .body_crc = crc},
                    segment.seed, offset, header);
  return WriteAll(*segment.file, {header, sizeof header}, offset);
}

}  // namespace

absl::Status RepairDamage(JournalFiles& files, const std::string& path, LoadedJournal& journal) {
  for (const JournalDamage& damage : journal.report.damage) {
    auto segment =
        std::ranges::find_if(journal.segments, [&](const auto& each) { return each->sequence() >= damage.sequence; });
    if (segment == journal.segments.end() || (*segment)->sequence() != damage.sequence) {
      // One is missing: an empty one takes its place.
      auto made = std::make_shared<JournalSegment>();
      made->path = absl::StrCat(path, "/", SegmentName(damage.sequence));
      made->head.sequence = damage.sequence;
      absl::StatusOr<std::unique_ptr<JournalFile>> file = files.Open(made->path, JournalFiles::Mode::kCreate);
      if (!file.ok()) return file.status();
      made->file = *std::move(file);
      segment = journal.segments.insert(segment, std::move(made));
    }
    JournalSegment& mended = **segment;
    absl::StatusOr<uint64_t> size = mended.file->Size();
    if (!size.ok()) return size.status();
    if (damage.offset < kHeadSize) {
      // Nothing of this segment could be read. It gets a new head, and as much behind it as the next one says there
      // was.
      const auto next = std::next(segment);
      const bool known = next != journal.segments.end() && (*next)->head.previous_end >= kHeadSize;
      uint64_t end = known ? (*next)->head.previous_end : *size;
      if (end < kHeadSize + kFrameHeaderSize) end = kHeadSize;
      std::random_device random;
      mended.head.salt = uint64_t{random()} << 32 | random();
      mended.head.next_record = journal.next_record;
      mended.seed = FrameSeed(mended.head);
      mended.end = end;
      if (absl::Status status = mended.file->Truncate(end); !status.ok()) return status;
      if (absl::Status status = WriteAll(*mended.file, EncodeHead(mended.head), 0); !status.ok()) return status;
      if (end > kHeadSize) {
        if (absl::Status status = CoverLost(mended, kHeadSize, end - kHeadSize); !status.ok()) return status;
      }
    } else {
      // A file that was cut short gets its length back: zeros that are covered like the rest.
      if (*size < damage.offset + damage.length) {
        if (absl::Status status = mended.file->Truncate(damage.offset + damage.length); !status.ok()) return status;
      }
      if (absl::Status status = CoverLost(mended, damage.offset, damage.length); !status.ok()) return status;
    }
    if (absl::Status status = mended.file->Sync(); !status.ok()) return status;
  }
  if (journal.report.damage.empty()) return absl::OkStatus();
  return files.SyncDirectory(path);
}

}  // namespace sluice
