// Who writes to the log next: calls take a place in the order of their records, and the first of them writes what has
// gathered behind it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "absl/container/inlined_vector.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "server/journal/index.h"
#include "server/journal/record.h"
#include "server/runtime/mutex.h"

namespace sluice {

// Where a frame of the batch at `batch` stands.
inline RecordLocation PlaceOf(const BatchEncoder::Frame& frame, RecordLocation batch) {
  return {batch.segment, batch.offset + frame.offset, frame.size};
}

// One call's batch on its way into the log. Lives until the queue is done with it, on the stack of the call.
struct Commit {
  using Apply = absl::FunctionRef<void(const BatchEncoder&, RecordLocation)>;

  // Tells the index of the batch that stands at this place; called by the thread that wrote it, under the owner's lock.
  Apply apply;
  bool reserve = false;   // See LogWriter::Write().
  bool quiet = false;     // Says nothing of whether the journal can be written: somebody will try again.
  size_t messages = 0;    // That it adds.
  size_t unroutable = 0;  // Dead letters that it adds.

  // ---- of the call
  BatchEncoder* encoder = nullptr;
  bool alone = false;    // Shares no write: what its batch says depends on all that came before it.
  bool bounded = false;  // What it adds counts among what waits,
  uint64_t bytes = 0;    // and so many bytes.

  // ---- what became of it
  absl::Status status;
  uint64_t ticket = 0;  // Of GroupSync; 0: nothing had to be written.
  bool fatal = false;   // A sync has failed.

  // ---- of the queue
  bool ready = false;  // Its batch is complete.
  bool done = false;
  CondVar turn;
};

// Not thread-safe: its owner's lock guards it, which nobody holds while the log is written to. So a slow disk holds up
// only those that have a batch here.
class CommitQueue {
 public:
  // The last one: takes its place, with a batch that is still to be made. That takes no longer than the processor needs,
  // for those behind it wait, too.
  void Enter(Commit& commit) { commits_.push_back(&commit); }
  // Its batch is complete. Returns when somebody else has written it (false), or when its caller is to write: itself and
  // what Group() names.
  bool AwaitTurn(Commit& commit, Mutex& mutex) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  // It is not to be written, and has not been AwaitTurn()ed.
  void Leave(const Commit& commit);

  // Those that may be written at once, the first one in front: at most so many bytes of them, if it is not one.
  using Commits = absl::InlinedVector<Commit*, 8>;
  Commits Group(size_t most_bytes) const;
  // The first `count` have been written, or could not be. Their calls return, and the next one has its turn.
  void Done(size_t count);

  // Whose batches are complete.
  size_t ready() const;

 private:
  void WakeFirst();

  std::deque<Commit*> commits_;
};

}  // namespace sluice
