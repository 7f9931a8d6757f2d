#include "server/journal/index.h"

#include <algorithm>
#include <limits>

namespace sluice {

void JournalIndex::Take(RecordLocation at) {
  if (uses_.empty()) first_ = at.segment;
  // Records are carried to later segments only.
  while (at.segment < first_) {
    uses_.emplace_front();
    --first_;
  }
  if (at.segment - first_ >= uses_.size()) uses_.resize(at.segment - first_ + 1);
  Use& use = uses_[at.segment - first_];
  use.bytes += at.size;
  ++use.records;
  live_bytes_ += at.size;
}

void JournalIndex::Leave(RecordLocation at) {
  Use& use = uses_[at.segment - first_];
  use.bytes -= at.size;
  --use.records;
  live_bytes_ -= at.size;
}

void JournalIndex::Put(RecordId record, RecordLocation at, bool reply) {
  // Only in a log that somebody else has made: what is said last counts, as if the former had never been.
  const auto before = entries_.empty() || entries_.rbegin()->first < record ? entries_.end() : entries_.find(record);
  if (before != entries_.end() && before->second.reply != reply) Erase(before);
  // Ids grow, so that a new one belongs at the end.
  const auto [entry, added] = entries_.empty() || entries_.rbegin()->first < record
                                  ? std::pair(entries_.emplace_hint(entries_.end(), record, Entry{}), true)
                                  : entries_.try_emplace(record);
  if (added) {
    ++(reply ? replies_ : messages_);
    entry->second.reply = reply;
  } else {
    Leave(entry->second.at);
  }
  entry->second.at = at;
  Take(at);
}

void JournalIndex::AddPacket(const ReceivedPacket& packet, RecordLocation at) {
  const auto [entry, added] = packets_[packet.session].try_emplace(packet.packet_id, at);
  if (added) {
    ++packet_count_;
  } else {
    Leave(entry->second);
    entry->second = at;
  }
  Take(at);
}

void JournalIndex::Erase(Entries::iterator entry) {
  Leave(entry->second.at);
  if (entry->second.dead) {
    const auto note = notes_.find(entry->first);
    Leave(note->second);
    notes_.erase(note);
  } else {
    --(entry->second.reply ? replies_ : messages_);
  }
  entries_.erase(entry);
}

void JournalIndex::End(RecordId record) {
  const auto entry = entries_.find(record);
  if (entry != entries_.end() && !entry->second.reply) Erase(entry);
}

void JournalIndex::Confirm(RecordId record) {
  const auto entry = entries_.find(record);
  if (entry != entries_.end() && entry->second.reply) Erase(entry);
}

void JournalIndex::Release(const ReceivedPacket& packet) {
  const auto session = packets_.find(packet.session);
  if (session == packets_.end()) return;
  const auto entry = session->second.find(packet.packet_id);
  if (entry == session->second.end()) return;
  Leave(entry->second);
  session->second.erase(entry);
  if (session->second.empty()) packets_.erase(session);
  --packet_count_;
}

void JournalIndex::SetAttempts(RecordId record, uint32_t attempts) {
  const auto found = entries_.find(record);
  if (found == entries_.end() || found->second.reply) return;
  Entry& entry = found->second;
  entry.attempts = static_cast<uint16_t>(std::min<uint32_t>(attempts, std::numeric_limits<uint16_t>::max()));
  if (!entry.dead) return;
  entry.dead = false;
  const auto note = notes_.find(record);
  Leave(note->second);
  notes_.erase(note);
  ++messages_;
}

void JournalIndex::SetDead(RecordId record, uint32_t attempts, RecordLocation note) {
  const auto found = entries_.find(record);
  if (found == entries_.end() || found->second.reply) return;
  SetAttempts(record, attempts);  // Also ends an earlier note.
  found->second.dead = true;
  notes_[record] = note;
  Take(note);
  --messages_;
}

const JournalIndex::Entry* JournalIndex::Find(RecordId record) const {
  const auto entry = entries_.find(record);
  return entry == entries_.end() ? nullptr : &entry->second;
}

const RecordLocation* JournalIndex::FindNote(RecordId record) const {
  const auto note = notes_.find(record);
  return note == notes_.end() ? nullptr : &note->second;
}

const RecordLocation* JournalIndex::FindPacket(const ReceivedPacket& packet) const {
  const auto session = packets_.find(packet.session);
  if (session == packets_.end()) return nullptr;
  const auto entry = session->second.find(packet.packet_id);
  return entry == session->second.end() ? nullptr : &entry->second;
}

std::vector<ReceivedPacket> JournalIndex::Packets() const {
  std::vector<ReceivedPacket> packets;
  packets.reserve(packet_count_);
  for (const auto& [session, ids] : packets_) {
    for (const auto& [id, at] : ids) packets.push_back({session, id});
  }
  std::ranges::sort(packets, [](const ReceivedPacket& a, const ReceivedPacket& b) {
    return a.session != b.session ? a.session < b.session : a.packet_id < b.packet_id;
  });
  return packets;
}

bool JournalIndex::InUse(uint32_t segment) const {
  return segment >= first_ && segment - first_ < uses_.size() && uses_[segment - first_].records > 0;
}

uint64_t JournalIndex::LiveBytesOf(uint32_t first, uint32_t last) const {
  uint64_t bytes = 0;
  for (size_t i = 0; i < uses_.size(); ++i) {
    if (first_ + i >= first && first_ + i <= last) bytes += uses_[i].bytes;
  }
  return bytes;
}

void JournalIndex::ForgetSegmentsBefore(uint32_t segment) {
  while (!uses_.empty() && first_ < segment) {
    uses_.pop_front();
    ++first_;
  }
}

}  // namespace sluice
