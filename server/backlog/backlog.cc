#include "server/backlog/backlog.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "server/telemetry/log.h"

namespace sluice {
namespace {

constexpr ReadLimits kPage{.max_entries = 512, .max_bytes = 1u << 20};
// Ends of the process while it read one message, after which that is not read any more.
constexpr uint32_t kMostReads = 2;

}  // namespace

Backlog::Backlog(Parts parts, bool recover) : parts_(std::move(parts)), recovering_(recover) {}

void Backlog::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Backlog::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

// ------------------------------------------------------------------------------------------------ from other threads

void Backlog::Enqueue(std::span<RoutedMessage> batch) {
  size_t kept = 0;
  {
    MutexLock lock(mutex_);
    for (RoutedMessage& message : batch) {
      if (Divert(message)) continue;
      if (&batch[kept] != &message) batch[kept] = std::move(message);
      ++kept;
    }
    if (kept < batch.size()) TellOnDisk();
  }
  if (kept < batch.size()) TellFull();
  if (kept > 0) parts_.next.Enqueue(batch.first(kept));
}

bool Backlog::Divert(const RoutedMessage& message) {
  if (message.record == 0) return false;
  if (recovering_) {
    left_behind_ = std::max(left_behind_, message.record);
    return true;
  }
  // Was read already, between its being written and this call.
  if (message.record <= recovered_) return true;
  ChainState& state = StateOf(*message.chain);
  if (!state.waits()) return false;
  Add(state, message);
  return true;
}

void Backlog::Add(ChainState& state, const RoutedMessage& message) {
  state.records.PushBack(message.record);
  state.bytes += message.message->bytes();
  waiting_bytes_ += message.message->bytes();
  ++waiting_;
  told_.push_back(&state);
}

void Backlog::TakeBytes(ChainState& state, uint64_t bytes) {
  // What a record names may have gone from the journal unread.
  const uint64_t taken = state.records.empty() ? state.bytes : std::min(state.bytes, bytes);
  state.bytes -= taken;
  waiting_bytes_ -= taken;
}

void Backlog::OnPressure(const Chain& chain, bool high) {
  MutexLock lock(mutex_);
  ChainState& state = StateOf(chain);
  state.pressed = high;
  if (!high && !state.records.empty()) changed_.NotifyAll();
}

void Backlog::ForgetIdle() {
  MutexLock lock(mutex_);
  // What is being fed has records until it is done.
  for (std::unique_ptr<ChainState>& state : chains_) {
    if (state != nullptr && state->chain->can_be_forgotten() && !state->waits() && !state->full) state.reset();
  }
}

bool Backlog::WaitUntilEmpty(SteadyTime deadline) {
  MutexLock lock(mutex_);
  while (!Empty() && !stopping_ && parts_.clock.Now() < deadline) changed_.WaitUntil(mutex_, deadline);
  return Empty();
}

Backlog::ChainState& Backlog::StateOf(const Chain& chain) {
  if (chain.index >= chains_.size()) chains_.resize(chain.index + 1);
  std::unique_ptr<ChainState>& state = chains_[chain.index];
  if (state == nullptr) {
    state = std::make_unique<ChainState>();
    state->chain = &chain;
  }
  return *state;
}

void Backlog::TellOnDisk() {
  std::ranges::sort(told_);
  const auto end = std::ranges::unique(told_).begin();
  for (auto state = told_.begin(); state != end; ++state) {
    LookAtBound(**state);
    TellOnDisk(**state);
  }
  told_.clear();
}

void Backlog::TellOnDisk(const ChainState& state) {
  parts_.on_disk(*state.chain, {.messages = state.records.size(), .bytes = state.bytes}, state.full);
}

void Backlog::LookAtBound(ChainState& state) {
  const Watermark watermark(BoundOf(state.chain->options()), 100, 75);
  const bool full = watermark.IsFull({.messages = state.records.size(), .bytes = state.bytes}, state.full);
  if (full == std::exchange(state.full, full)) return;
  full_news_.emplace_back(state.chain, full);
}

void Backlog::LookAtFull() {
  for (const std::unique_ptr<ChainState>& state : chains_) {
    if (state == nullptr || !state->full) continue;
    LookAtBound(*state);
    if (!state->full) TellOnDisk(*state);
  }
}

Fill Backlog::BoundOf(const ChainOptions& options) const {
  const auto bound = [](uint64_t own, uint64_t room, uint64_t waiting) -> uint64_t {
    if (own != 0 || room == 0) return own;
    return room > waiting ? room - waiting : 1;
  };
  return {.messages = bound(options.max_on_disk_messages, parts_.room.messages, waiting_),
          .bytes = bound(options.max_on_disk_bytes, parts_.room.bytes, waiting_bytes_)};
}

// As the dispatcher tells of its queues: whoever comes while another tells leaves it to that one.
void Backlog::TellFull() {
  {
    MutexLock lock(mutex_);
    if (telling_full_) return;
    telling_full_ = true;
  }
  while (true) {
    std::pair<ChainRef, bool> next;
    {
      MutexLock lock(mutex_);
      if (full_news_.empty()) {
        telling_full_ = false;
        return;
      }
      next = std::move(full_news_.front());
      full_news_.pop_front();
    }
    if (parts_.on_full) parts_.on_full(*next.first, next.second);
  }
}

void Backlog::OnOptionsChanged(const Chain& chain) {
  {
    MutexLock lock(mutex_);
    ChainState& state = StateOf(chain);
    LookAtBound(state);
    TellOnDisk(state);
  }
  TellFull();
}

// ------------------------------------------------------------------------------------------------ on the thread

void Backlog::Run() {
  while (true) {
    ChainState* to_feed = nullptr;
    bool recover = false;
    {
      MutexLock lock(mutex_);
      while (!stopping_ && !recovering_ && (to_feed = NextToFeed()) == nullptr) changed_.Wait(mutex_);
      if (stopping_) return;
      if (to_feed == nullptr) to_feed = NextToFeed();
      recover = recovering_;
    }
    if (recover) Recover();
    if (to_feed != nullptr) Feed(*to_feed);
  }
}

Backlog::ChainState* Backlog::NextToFeed() {
  if (waiting_ == 0) return nullptr;
  for (size_t i = 0; i < chains_.size(); ++i) {
    next_chain_ = (next_chain_ + 1) % chains_.size();
    ChainState* state = chains_[next_chain_].get();
    if (state != nullptr && !state->pressed && !state->records.empty()) return state;
  }
  return nullptr;
}

void Backlog::Recover() {
  RecordId newest = 0;
  {
    MutexLock lock(mutex_);
    newest = left_behind_;
  }
  std::vector<RoutedMessage> batch;
  if (!ReadPage(batch)) {
    // Up to `newest`, since the journal had it before it was left to it.
    cursor_ = std::max(cursor_, newest);
    MutexLock lock(mutex_);
    if (left_behind_ > cursor_) return;  // Came since.
    recovering_ = false;
    recovered_ = cursor_;
    changed_.NotifyAll();
    if (parts_.in_hand != nullptr) parts_.in_hand->ForgetOthers();
    return;
  }
  size_t kept = 0;
  {
    MutexLock lock(mutex_);
    for (RoutedMessage& message : batch) {
      ChainState& state = StateOf(*message.chain);
      if (state.waits()) {
        Add(state, message);
        continue;
      }
      if (&batch[kept] != &message) batch[kept] = std::move(message);
      ++kept;
    }
    TellOnDisk();
  }
  TellFull();
  if (kept > 0) parts_.next.Enqueue(std::span(batch).first(kept));
}

bool Backlog::ReadPage(std::vector<RoutedMessage>& batch) {
  InHand* in_hand = parts_.in_hand;
  const bool carefully = in_hand != nullptr && in_hand->read_carefully();
  std::vector<RecordId> records = parts_.journal.RecordsAfter(cursor_, carefully ? 1 : kPage.max_entries);
  if (records.empty()) return false;
  RecordId last = records.back();
  if (in_hand != nullptr) {
    std::erase_if(records, [in_hand](RecordId record) {
      if (in_hand->Find(record).reads < kMostReads) return false;
      log::Error("a message stays in the journal: the gateway has ended each time it read it",
                 {{"record", record}, {"what_to_do", "look at its size and at the memory that the gateway may use"}});
      return true;
    });
    if (carefully && !records.empty()) {
      in_hand->Reading(records.front());
    } else {
      in_hand->ReadingSome();
    }
  }
  MessageReader::Selection page = parts_.journal.ReadMessages(records, kPage);
  if (page.looked_at < records.size()) last = records[page.looked_at - 1];
  batch.reserve(page.messages.size());
  for (RecoveredMessage& message : page.messages) {
    if (!parts_.restore(std::move(message), batch.emplace_back())) batch.pop_back();
  }
  if (in_hand != nullptr) in_hand->ReadingDone();
  cursor_ = last;
  return true;
}

void Backlog::Feed(ChainState& state) {
  std::vector<RecordId> records;
  {
    MutexLock lock(mutex_);
    records = state.records.Front(kPage.max_entries);
  }
  MessageReader::Selection page = parts_.journal.ReadMessages(records, kPage);
  std::vector<RoutedMessage> batch;
  batch.reserve(page.messages.size());
  uint64_t bytes = 0;
  for (RecoveredMessage& message : page.messages) {
    bytes += message.message->bytes();
    if (!parts_.restore(std::move(message), batch.emplace_back())) batch.pop_back();
  }
  if (!batch.empty()) parts_.next.Enqueue(batch);
  {
    // Only now: until here what is new goes behind these.
    MutexLock lock(mutex_);
    state.records.PopFront(page.looked_at);
    TakeBytes(state, bytes);
    waiting_ -= page.looked_at;
    told_.push_back(&state);
    TellOnDisk();
    LookAtFull();
    if (Empty()) changed_.NotifyAll();
  }
  TellFull();
}

}  // namespace sluice
