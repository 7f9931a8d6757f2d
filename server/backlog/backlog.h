// What waits between the journal and the chain queues: a queue that is full leaves its messages on disk, where they
// are read back in their order when it has room again. After a restart the whole journal waits like that.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "server/backlog/record_list.h"
#include "server/journal/in_hand.h"
#include "server/journal/reader.h"
#include "server/route/route.h"
#include "server/router/router.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"
#include "server/runtime/watermark.h"

namespace sluice {

// Thread-safe. In memory stands only which records of a chain wait: a byte or two each.
//
// Order: messages of a chain go to its queue in the order of their records. At the start those of the journal come
// first: until all of them have been looked at, new ones are left on disk too, and found behind them.
class Backlog final : public RoutedSink {
 public:
  struct Parts {
    const Clock& clock;
    MessageReader& journal;
    // Makes a journal's message one of this process. False: it can go to no worker, and has been dealt with.
    std::function<bool(RecoveredMessage, RoutedMessage&)> restore;
    // The chain queues.
    RoutedSink& next;
    // How much of the chain waits on disk, and whether that is as much as may. Called with the lock held, so that the
    // last number is the true one: quick, and calls nothing here.
    std::function<void(const Chain&, Fill, bool full)> on_disk;
    // What all chains share. One that has no bounds of its own may fill as much as all together leave free: alone a half,
    // two a third each, so that there is always room for the next. 0: no bound.
    Fill room{};
    // True: a chain has reached a bound; false: it has three quarters of both or less. One at a time and alternating for
    // each chain, without the lock.
    std::function<void(const Chain&, bool full)> on_full = nullptr;
    // Where it is noted what is being read back; null: nowhere.
    InHand* in_hand = nullptr;
  };
  // `recover`: the journal holds messages of an earlier process.
  Backlog(Parts parts, bool recover);
  ~Backlog() override { Stop(); }
  Backlog(const Backlog&) = delete;
  Backlog& operator=(const Backlog&) = delete;

  void Start();
  // What is left stays in the journal. Idempotent.
  void Stop();

  // From intake, after the journal has them. QoS 0, which it has not, goes on at once.
  void Enqueue(std::span<RoutedMessage> batch) override;
  // See DispatcherListener.
  void OnPressure(const Chain& chain, bool high);
  // Its bounds are others now.
  void OnOptionsChanged(const Chain& chain);
  // Keeps nothing of chains that can be forgotten and have nothing on disk.
  void ForgetIdle();

  // Waits until nothing is left on disk that was not handed on, or for `deadline`; true if nothing is.
  bool WaitUntilEmpty(SteadyTime deadline);

 private:
  struct ChainState {
    ChainRef chain;
    RecordList records;  // On disk, before all that come.
    uint64_t bytes = 0;  // Of what they name.
    bool pressed = false;
    bool full = false;

    // New messages go behind others on disk.
    bool waits() const { return pressed || !records.empty(); }
  };

  void Run();
  // One page of what an earlier process left. When that was all, new messages go straight on.
  void Recover();
  // The next messages, restored; false: there are none. What has ended the process more than once while it was being
  // read stays where it is.
  bool ReadPage(std::vector<RoutedMessage>& batch);
  // One page of a chain's records, as long as its queue has room.
  void Feed(ChainState& state);
  ChainState* NextToFeed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  ChainState& StateOf(const Chain& chain) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // True: it stays on disk, where it will be found.
  bool Divert(const RoutedMessage& message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Of those in told_.
  void TellOnDisk() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TellOnDisk(const ChainState& state) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LookAtBound(ChainState& state) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The same for those that others may have given room.
  void LookAtFull() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Fill BoundOf(const ChainOptions& options) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Add(ChainState& state, const RoutedMessage& message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeBytes(ChainState& state, uint64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Which chains have become full, or are no longer.
  void TellFull();
  bool Empty() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !recovering_ && waiting_ == 0; }

  const Parts parts_;
  std::thread thread_;

  // Of the thread.
  RecordId cursor_ = 0;  // Up to here the journal has been looked through.

  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool recovering_ ABSL_GUARDED_BY(mutex_);
  // While recovering: the newest message that was left on disk. Afterwards: those up to here have been handed on.
  RecordId left_behind_ ABSL_GUARDED_BY(mutex_) = 0;
  RecordId recovered_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::unique_ptr<ChainState>> chains_ ABSL_GUARDED_BY(mutex_);  // By Chain::index; null: not seen yet.
  size_t next_chain_ ABSL_GUARDED_BY(mutex_) = 0;                            // Where NextToFeed() goes on.
  size_t waiting_ ABSL_GUARDED_BY(mutex_) = 0;                               // In all records.
  uint64_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<ChainState*> told_ ABSL_GUARDED_BY(mutex_);                    // To be told of: see TellOnDisk().
  std::deque<std::pair<ChainRef, bool>> full_news_ ABSL_GUARDED_BY(mutex_);  // Not yet told.
  bool telling_full_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace sluice
