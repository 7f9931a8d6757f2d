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
  state.records.PushBack(message.record);
  ++waiting_;
  told_.push_back(&state);
  return true;
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
    if (state != nullptr && state->chain->can_be_forgotten() && !state->waits()) state.reset();
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
  for (auto state = told_.begin(); state != end; ++state) parts_.on_disk(*(*state)->chain, (*state)->records.size());
  told_.clear();
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
        state.records.PushBack(message.record);
        ++waiting_;
        told_.push_back(&state);
        continue;
      }
      if (&batch[kept] != &message) batch[kept] = std::move(message);
      ++kept;
    }
    TellOnDisk();
  }
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
  for (RecoveredMessage& message : page.messages) {
    if (!parts_.restore(std::move(message), batch.emplace_back())) batch.pop_back();
  }
  if (!batch.empty()) parts_.next.Enqueue(batch);
  // Only now: until here what is new goes behind these.
  MutexLock lock(mutex_);
  state.records.PopFront(page.looked_at);
  waiting_ -= page.looked_at;
  told_.push_back(&state);
  TellOnDisk();
  if (Empty()) changed_.NotifyAll();
}

}  // namespace sluice
