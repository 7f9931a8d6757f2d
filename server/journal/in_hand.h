// Which messages the process has in its hands, remembered over its kill: what a message does to the gateway, the next
// start can then tell.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "server/route/route.h"
#include "server/runtime/mutex.h"

namespace sluice {

// A file that is mapped into memory: a message is put there, and taken out, with one store, which the kernel keeps when
// the process is killed. (Not over a loss of power: that is no message's doing.) What does not fit is not remembered.
//
//   Take(), Drop(), Begun()   messages that are with workers
//   Reading…()                those that a start reads back from the journal
//
// At an end without a farewell all that was in hand is counted: see Past. An end with one (EndWell) forgets the counts,
// but not what cannot be read.
class InHand {
 public:
  using Place = uint32_t;
  static constexpr Place kNowhere = UINT32_MAX;
  static constexpr size_t kMost = 16'384;

  // What ends without a farewell have to do with a message.
  struct Past {
    uint32_t crashes = 0;    // At so many it was in hand; in a row with the last.
    uint32_t uncounted = 0;  // Of these, attempts that the journal does not know of: see Counted().
    uint32_t reads = 0;      // At so many it was being read back, and nothing else.
    bool alone = false;      // At the last one it was with a worker as a suspect.
  };

  // Takes up what the last process left, and counts. One process at a time: the journal's lock is held. An error: the
  // file cannot be made or mapped.
  static absl::StatusOr<std::unique_ptr<InHand>> Open(const std::string& path);
  // Says nothing of how it ended.
  ~InHand();
  InHand(const InHand&) = delete;
  InHand& operator=(const InHand&) = delete;

  // ---- of the last process; constant, save for Counted()
  // It ended without a farewell.
  bool crashed() const { return crashed_; }
  // It ended as it should, or there was none.
  bool ended_well() const { return ended_well_; }
  // How many messages were in hand when it ended.
  size_t found() const { return found_; }
  // It ended while it read messages back, so they are to be read one by one.
  bool read_carefully() const { return read_carefully_; }
  Past Find(RecordId record) const;

  // ---- while messages are read back; on one thread
  // Some messages are being read.
  void ReadingSome();
  // This one alone.
  void Reading(RecordId record);
  void ReadingDone();
  // The journal knows of the attempts of `record` that were not counted.
  void Counted(RecordId record);
  // From now on Suspected() says so of it.
  void Suspect(RecordId record);
  // All that are in the journal have been asked for with Find(): no other record needs to be remembered.
  void ForgetOthers();

  // ---- while it works; from any thread
  // It may have been the end of earlier processes: it is to be delivered alone.
  bool Suspected(RecordId record) const;

  // ---- while it works; under the caller's lock
  // kNowhere: there is no room. `begun`: a worker may have begun it. `alone`: it is with a worker that has nothing else.
  Place Take(RecordId record, bool begun, bool alone);
  void Begun(Place place);
  void Drop(Place place);

  // ---- at the end; from any thread
  // Whatever follows is no message's doing: somebody has asked for the end, or the disk fails. Counts stay as they are.
  void Pardon();
  // It ends as it should.
  void EndWell();

 private:
  struct File;
  struct Count;

  explicit InHand(File* file);
  void TakeUp();
  Count* CountOf(RecordId record);

  File* const file_;
  bool crashed_ = false;
  bool ended_well_ = true;
  bool read_carefully_ = false;
  size_t found_ = 0;
  absl::flat_hash_map<RecordId, size_t> counts_;  // Where in the file its count stands.
  std::vector<size_t> free_counts_;
  mutable std::vector<bool> asked_;  // By place in the file.
  std::atomic<bool> any_suspects_ = false;
  mutable Mutex mutex_;
  absl::flat_hash_set<RecordId> suspects_ ABSL_GUARDED_BY(mutex_);
  std::vector<Place> free_;  // The last to be used first: it is in the cache.
};

}  // namespace sluice
