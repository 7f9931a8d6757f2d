// What stands in a SegmentJournal, read back by its place.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/journal/record.h"
#include "server/journal/scanner.h"
#include "server/journal/segment_journal.h"

namespace sluice {
namespace {

// What is read at once, and what may lie unread between two records of it: less than another call costs.
constexpr uint64_t kMostAtOnce = 256u << 10;
constexpr uint64_t kMostBetween = 4u << 10;
// Records of others that are passed over before the next one is looked up.
constexpr int kMostPassedOver = 16;

// Reads frames of one segment after the other.
class PlaceReader {
 public:
  // Before the first of records that stand close together, in so many bytes: they are read at once.
  void Expect(const std::shared_ptr<JournalSegment>& segment, size_t bytes) {
    Open(segment);
    reader_->SetWindow(bytes);
  }
  // The frame's body; nullopt: it cannot be read any more. Valid until the next call.
  std::optional<std::string_view> Read(const std::shared_ptr<JournalSegment>& segment, RecordLocation at) {
    Open(segment);
    absl::StatusOr<std::optional<ReadFrameResult>> frame =
        ReadFrame(*reader_, segment->seed, at.offset, uint64_t{at.offset} + at.size);
    if (!frame.ok() || !*frame) return std::nullopt;
    return (*frame)->body;
  }

 private:
  void Open(const std::shared_ptr<JournalSegment>& segment) {
    if (segment == segment_) return;
    segment_ = segment;
    reader_.emplace(*segment->file);
  }

  std::shared_ptr<JournalSegment> segment_;
  std::optional<WindowReader> reader_;
};

// A time of the wall clock, by the steady clock of this process.
SteadyTime Steady(int64_t unix_ms, const Clock& clock) {
  // A clock that was set, or a damaged time, is held to what can be reckoned with.
  constexpr int64_t kMostAge = int64_t{1000} * 60 * 60 * 24 * 365 * 10;
  const int64_t now = clock.UnixMillis();
  return clock.Now() - Millis(now - std::clamp(unix_ms, now - kMostAge, now));
}

// When a message arrived.
void SetReceived(Message& message, const Clock& clock) { message.received = Steady(message.received_unix_ms, clock); }

std::string Unreadable(const std::shared_ptr<JournalSegment>& segment, RecordLocation at, RecordId record) {
  return absl::StrCat(segment->path, " at ", at.offset, ": record ", record, " of ", at.size,
                      " bytes cannot be read any more");
}

}  // namespace

std::shared_ptr<JournalSegment> SegmentJournal::SegmentOf(uint32_t sequence) const {
  return segments_[sequence - segments_.front()->sequence()];
}

std::vector<SegmentJournal::Place> SegmentJournal::Find(Which which, RecordId after, const ReadLimits& limits) {
  constexpr size_t kLookedAt = 20'000;  // While the lock is held.
  std::vector<Place> places;
  size_t bytes = 0;
  for (bool more = true; more && places.empty();) {
    MutexLock lock(mutex_);
    const JournalIndex::Entries& entries = index_.entries();
    more = false;
    size_t looked_at = 0;
    for (auto entry = entries.upper_bound(after); entry != entries.end(); ++entry) {
      const auto& [record, found] = *entry;
      // Of those that came later the outbox has the replies.
      if (record >= recovered_before_ && which == Which::kReplies) break;
      if (++looked_at > kLookedAt) {
        more = true;
        break;
      }
      after = record;
      if (found.reply != (which == Which::kReplies) || found.dead != (which == Which::kDeadLetters)) continue;
      if (!places.empty() && (places.size() >= limits.max_entries || bytes + found.at.size > limits.max_bytes)) break;
      bytes += found.at.size;
      Place& place = places.emplace_back();
      place.record = record;
      place.at = found.at;
      place.attempts = found.attempts;
      place.segment = SegmentOf(found.at.segment);
      if (found.dead) {
        place.note = *index_.FindNote(record);
        place.note_segment = SegmentOf(place.note.segment);
      }
    }
  }
  return places;
}

std::vector<RecoveredMessage> SegmentJournal::Read(std::span<const Place> places) {
  std::vector<RecoveredMessage> messages;
  messages.reserve(places.size());
  PlaceReader reader;  // Its window must not be older than the places.
  size_t close = 0;    // Those before it are read with the one before them.
  for (size_t i = 0; i < places.size(); ++i) {
    const Place& place = places[i];
    if (i == close) {
      uint64_t end = place.at.offset;
      do {
        const RecordLocation& next = places[close].at;
        end = uint64_t{next.offset} + next.size;
        ++close;
      } while (close < places.size() && places[close].segment == place.segment && places[close].at.offset >= end &&
               places[close].at.offset - end <= kMostBetween &&
               uint64_t{places[close].at.offset} + places[close].at.size - place.at.offset <= kMostAtOnce);
      reader.Expect(place.segment, static_cast<size_t>(end - place.at.offset));
    }
    const std::optional<std::string_view> body = reader.Read(place.segment, place.at);
    RecoveredMessage message;
    if (!body || !DecodeMessage(*body, message)) {
      options_.on_warning(Unreadable(place.segment, place.at, place.record));
      continue;
    }
    message.attempts = place.attempts;
    SetReceived(*message.message, *options_.clock);
    messages.push_back(std::move(message));
  }
  return messages;
}

std::vector<RecordId> SegmentJournal::RecordsAfter(RecordId after, size_t most) {
  std::vector<RecordId> records;
  for (const Place& place : Find(Which::kMessages, after, {.max_entries = most, .max_bytes = SIZE_MAX})) {
    records.push_back(place.record);
  }
  return records;
}

std::vector<RecoveredMessage> SegmentJournal::ReadMessages(RecordId after, ReadLimits limits) {
  std::vector<RecoveredMessage> messages;
  while (messages.empty()) {
    const std::vector<Place> places = Find(Which::kMessages, after, limits);
    if (places.empty()) break;
    after = places.back().record;
    messages = Read(places);
  }
  return messages;
}

MessageReader::Selection SegmentJournal::ReadMessages(std::span<const RecordId> records, ReadLimits limits) {
  Selection selection;
  std::vector<Place> places;
  size_t bytes = 0;
  {
    MutexLock lock(mutex_);
    const JournalIndex::Entries& entries = index_.entries();
    auto near =
        entries.end();  // They are in order, as a rule, so that each is found a few steps behind the one before.
    for (const RecordId record : records) {
      for (int steps = 0; steps < kMostPassedOver && near != entries.end() && near->first < record; ++steps) ++near;
      if (near == entries.end() || near->first != record) near = entries.lower_bound(record);
      const bool found = near != entries.end() && near->first == record;
      if (found && !near->second.reply && !near->second.dead) {
        const JournalIndex::Entry& entry = near->second;
        if (!places.empty() && (places.size() >= limits.max_entries || bytes + entry.at.size > limits.max_bytes)) break;
        bytes += entry.at.size;
        places.push_back({.record = record,
                          .at = entry.at,
                          .attempts = entry.attempts,
                          .note = {},
                          .segment = SegmentOf(entry.at.segment),
                          .note_segment = nullptr});
      }
      ++selection.looked_at;
    }
  }
  selection.messages = Read(places);
  return selection;
}

absl::StatusOr<std::vector<RecoveredReply>> SegmentJournal::ReadReplies(RecordId after, ReadLimits limits) {
  std::vector<RecoveredReply> replies;
  while (replies.empty()) {
    const std::vector<Place> places = Find(Which::kReplies, after, limits);
    if (places.empty()) break;
    after = places.back().record;
    PlaceReader reader;  // Its window must not be older than the places.
    for (const Place& place : places) {
      const std::optional<std::string_view> body = reader.Read(place.segment, place.at);
      RecoveredReply reply;
      if (!body || !DecodeReply(*body, reply)) {
        options_.on_warning(Unreadable(place.segment, place.at, place.record));
        continue;
      }
      OutboundMessage& message = *reply.message;
      message.made = message.made_unix_ms == 0 ? options_.clock->Now() : Steady(message.made_unix_ms, *options_.clock);
      replies.push_back(std::move(reply));
    }
  }
  return replies;
}

absl::StatusOr<std::vector<RecoveredDeadLetter>> SegmentJournal::ReadDeadLetters(RecordId after, ReadLimits limits) {
  std::vector<RecoveredDeadLetter> letters;
  while (letters.empty()) {
    const std::vector<Place> places = Find(Which::kDeadLetters, after, limits);
    if (places.empty()) break;
    after = places.back().record;
    PlaceReader reader, note_reader;
    for (const Place& place : places) {
      const std::optional<std::string_view> body = reader.Read(place.segment, place.at);
      const std::optional<std::string_view> note = note_reader.Read(place.note_segment, place.note);
      RecoveredDeadLetter letter;
      DecodedDead dead;
      if (!body || !note || !DecodeMessage(*body, letter.message) || !DecodeDead(*note, dead)) {
        options_.on_warning(Unreadable(place.segment, place.at, place.record));
        continue;
      }
      letter.message.attempts = place.attempts;
      SetReceived(*letter.message.message, *options_.clock);
      letter.reason = dead.reason;
      letter.worker = dead.worker;
      letter.unix_ms = dead.unix_ms;
      letters.push_back(std::move(letter));
    }
  }
  return letters;
}

absl::StatusOr<RecoveredMessage> SegmentJournal::ReadMessage(RecordId record) {
  Place place;
  {
    MutexLock lock(mutex_);
    const JournalIndex::Entry* entry = index_.Find(record);
    if (entry == nullptr || entry->reply) return absl::NotFoundError(absl::StrCat("no message has record ", record));
    place.at = entry->at;
    place.attempts = entry->attempts;
    place.segment = SegmentOf(entry->at.segment);
  }
  RecoveredMessage message;
  PlaceReader reader;
  const std::optional<std::string_view> body = reader.Read(place.segment, place.at);
  if (!body || !DecodeMessage(*body, message)) {
    return absl::DataLossError(Unreadable(place.segment, place.at, record));
  }
  message.attempts = place.attempts;
  SetReceived(*message.message, *options_.clock);
  return message;
}

std::vector<ReceivedPacket> SegmentJournal::ReadReceived() const {
  MutexLock lock(mutex_);
  return index_.Packets();
}

}  // namespace sluice
