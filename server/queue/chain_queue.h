// The messages of one chain that wait for a worker: in order, per ordering key, within a bound.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "server/queue/entry.h"
#include "server/queue/key_table.h"
#include "server/route/route.h"

namespace sluice {

// What waits for a time, over all chains.
struct WaitingTimers {
  IndexedHeap<QueueEntry, SteadyTime, &QueueEntry::due_position> due;  // Delayed retries.
  IndexedHeap<QueueEntry, SteadyTime, &QueueEntry::expiry_position>
      expiry;  // Waiting messages with an expiry interval.
};

// Single-threaded. Entries belong to the caller. A message with an ordering key takes the key's turn when it is the
// first; it keeps the turn while it is out or delayed, until Release() or Drop().
class ChainQueue {
 public:
  // All outlive it.
  ChainQueue(const ChainOptions& options, WaitingTimers& timers) : options_(&options), timers_(timers) {}
  // Other bounds from now on.
  void SetOptions(const ChainOptions& options) { options_ = &options; }

  // ---- into the queue; `entry.place` is kOut before
  // A new message, to the end.
  void Add(QueueEntry& entry);
  // Messages that were out, to the front, in their order of arrival among all that were put back; suspects in a line of
  // their own. Sorts `entries`.
  void PutBack(std::vector<QueueEntry*>& entries);
  // A message that was out, and waits until `due`; ReleaseDue() ends that.
  void Delay(QueueEntry& entry, SteadyTime due);
  // A delayed message whose time has come: it is out again, for PutBack().
  void ReleaseDue(QueueEntry& entry);
  // One that Front() or FrontSuspect() gave: it waits aside, with its key's turn, and lets others pass.
  void Park(QueueEntry& entry);
  // Those for which `goes_on(entry)` is true go to the front again, as after PutBack(). True: there was one.
  template <typename Predicate>
  bool Unpark(const Predicate& goes_on) {
    std::vector<QueueEntry*> entries;
    for (QueueEntry* entry = parked_.front(); entry != nullptr;) {
      QueueEntry* next = parked_.Next(*entry);
      if (goes_on(*entry)) {
        parked_.Remove(*entry);
        entries.push_back(entry);
      }
      entry = next;
    }
    parked_messages_ -= entries.size();
    LineUp(entries);
    return !entries.empty();
  }

  // ---- out of the queue
  // What is to be delivered next; null: nothing is ready.
  QueueEntry* Front() const { return returned_.empty() ? ready_.front() : returned_.front(); }
  // What is to be delivered next of those that are delivered alone; null: none waits.
  QueueEntry* FrontSuspect() const { return suspects_.front(); }
  // One of these goes to a worker, with its key's turn.
  void Take(QueueEntry& entry);
  // A waiting message goes without having been delivered; its key's turn passes on.
  void Drop(QueueEntry& entry);
  // A message that was out is done with: its key's turn passes on.
  void Release(QueueEntry& entry);

  // ---- the bound
  bool OverBound() const { return messages_ > options_->max_messages || bytes_ > options_->max_bytes; }
  // The waiting message of QoS 0 that goes first at the bound; null: none waits.
  QueueEntry* OldestQos0() const { return qos0_returned_.empty() ? qos0_.front() : qos0_returned_.front(); }
  // The pressure, if it has changed since the last call: true when messages of QoS 1 and 2 fill 4/5 of a bound, false
  // when they fill no more than 1/2 of both. QoS 0 never presses: it is dropped, and pausing intake would lose more.
  std::optional<bool> PressureChange();

  size_t messages() const { return messages_; }
  size_t bytes() const { return bytes_; }
  size_t kept_messages() const { return kept_messages_; }  // Of QoS 1 and 2.
  size_t keys() const { return keys_.size(); }
  size_t parked() const { return parked_messages_; }  // Of messages().

 private:
  using List = IntrusiveList<QueueEntry, &QueueEntry::link>;

  void Join(QueueEntry& entry);   // Waits from now on.
  void Leave(QueueEntry& entry);  // Waits no more.
  // At the front, in their order of arrival among those that are there. Sorts `entries`.
  void LineUp(std::vector<QueueEntry*>& entries);
  // The turn of `key` goes to the next behind it, which becomes ready before `position` (null: at the end).
  void PassTurn(KeyState& key, QueueEntry* position);

  const ChainOptions* options_;
  WaitingTimers& timers_;
  KeyTable keys_;
  List ready_;
  List returned_;  // By order of arrival.
  List suspects_;  // The same.
  List parked_;
  size_t parked_messages_ = 0;
  // Two lists, each in order: what comes back is older than what waits, and is found without a search.
  IntrusiveList<QueueEntry, &QueueEntry::qos0_link> qos0_;
  IntrusiveList<QueueEntry, &QueueEntry::qos0_link> qos0_returned_;
  size_t messages_ = 0;
  size_t bytes_ = 0;
  size_t kept_messages_ = 0;  // Of QoS 1 and 2, which are never dropped for room.
  size_t kept_bytes_ = 0;
  bool pressed_ = false;
};

}  // namespace sluice
