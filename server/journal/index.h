// Which records are alive and where they stand: what the journal keeps in memory instead of their content.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "server/journal/journal.h"

namespace sluice {

struct RecordLocation {
  uint32_t segment = 0;
  uint32_t offset = 0;
  uint32_t size = 0;  // Of the whole frame.

  friend bool operator==(const RecordLocation&, const RecordLocation&) = default;
};

// Not thread-safe.
class JournalIndex {
 public:
  // 24 bytes with its key; the tree's nodes are full where ids grow.
  struct Entry {
    RecordLocation at;
    uint16_t attempts = 0;  // Held to 65,535.
    bool reply = false;
    bool dead = false;
  };
  using Entries = absl::btree_map<RecordId, Entry>;

  // Of a new record, or of one that has been carried to another place. A packet that was received again moves too.
  void AddMessage(RecordId record, RecordLocation at) { Put(record, at, false); }
  void AddReply(RecordId record, RecordLocation at) { Put(record, at, true); }
  void AddPacket(const ReceivedPacket& packet, RecordLocation at);

  // Each ignores what is not there.
  void End(RecordId record);  // A message or a dead letter.
  void Confirm(RecordId record);
  void Release(const ReceivedPacket& packet);
  void SetAttempts(RecordId record, uint32_t attempts);  // A dead letter comes back to life.
  void SetDead(RecordId record, uint32_t attempts, RecordLocation note);

  const Entry* Find(RecordId record) const;
  // Where it says why; null: not dead.
  const RecordLocation* FindNote(RecordId record) const;
  const RecordLocation* FindPacket(const ReceivedPacket& packet) const;
  const Entries& entries() const { return entries_; }
  std::vector<ReceivedPacket> Packets() const;

  // Whether something in the segment is alive.
  bool InUse(uint32_t segment) const;
  // Bytes in segments [first, last] that are alive.
  uint64_t LiveBytesOf(uint32_t first, uint32_t last) const;
  // The segments before it are gone.
  void ForgetSegmentsBefore(uint32_t segment);

  size_t messages() const { return messages_; }
  size_t replies() const { return replies_; }
  size_t dead_letters() const { return notes_.size(); }
  size_t packets() const { return packet_count_; }
  uint64_t live_bytes() const { return live_bytes_; }

 private:
  struct Use {
    uint64_t bytes = 0;
    uint64_t records = 0;
  };

  void Put(RecordId record, RecordLocation at, bool reply);
  void Erase(Entries::iterator entry);
  void Take(RecordLocation at);
  void Leave(RecordLocation at);

  Entries entries_;
  absl::btree_map<RecordId, RecordLocation> notes_;
  // By session.
  absl::flat_hash_map<std::string, absl::flat_hash_map<uint16_t, RecordLocation>> packets_;
  std::deque<Use> uses_;  // By segment, from first_.
  uint32_t first_ = 0;
  size_t messages_ = 0;
  size_t replies_ = 0;
  size_t packet_count_ = 0;
  uint64_t live_bytes_ = 0;
};

static_assert(sizeof(JournalIndex::Entry) == 16);

}  // namespace sluice
