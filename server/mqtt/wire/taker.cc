#include "server/mqtt/wire/taker.h"

#include <algorithm>
#include <iterator>

namespace sluice::wire {
namespace {

// Before the sink is offered again what it did not take.
constexpr Millis kOfferAgainPause{200};
// What is handed over in one call, if it is not one turn.
constexpr size_t kJoinedMessages = 1'000;
constexpr size_t kJoinedMessageBytes = 1u << 20;

size_t BytesOf(const std::vector<InboundMessage>& messages) {
  size_t bytes = 0;
  for (const InboundMessage& inbound : messages) bytes += inbound.message->bytes();
  return bytes;
}

template <typename T>
void Append(std::vector<T>& to, std::vector<T>& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

}  // namespace

Taker::Taker(InboundSink& sink, std::function<void()> on_news)
    : sink_(sink), on_news_(std::move(on_news)), thread_([this] { Run(); }) {}

// ------------------------------------------------------------------------------------------------ from other threads

void Taker::Add(Turn turn) {
  MutexLock lock(mutex_);
  queue_.push_back({.turn = std::move(turn)});
  if (!working_) work_.NotifyOne();
}

size_t Taker::Abandon() {
  MutexLock lock(mutex_);
  abandoned_ = working_;
  size_t forgotten = 0;
  for (Entry& entry : queue_) {
    forgotten += entry.turns;
    Strip(entry);
  }
  std::erase_if(queue_, [](const Entry& entry) { return entry.turn.empty(); });
  work_.NotifyOne();
  return forgotten;
}

void Taker::Strip(Entry& entry) {
  entry.turn.messages.clear();
  entry.turn.released.clear();
  entry.turns = 0;
}

Taker::News Taker::TakeNews() {
  MutexLock lock(mutex_);
  told_ = false;
  News news = std::move(news_);
  news_ = News();
  news_.refusal = news.refusal;
  return news;
}

bool Taker::SessionUntold() {
  MutexLock lock(mutex_);
  return telling_session_ ||
         std::ranges::any_of(queue_, [](const Entry& entry) { return entry.turn.session != Session::kKept; });
}

void Taker::NoMore() {
  MutexLock lock(mutex_);
  no_more_ = true;
  done_.NotifyAll();
}

void Taker::Flush(const Clock& clock, SteadyTime deadline) {
  MutexLock lock(mutex_);
  while ((!no_more_ || working_ || !queue_.empty()) && !stopping_ && clock.Now() < deadline) {
    done_.WaitUntil(mutex_, deadline);
  }
}

void Taker::Stop() {
  if (!thread_.joinable()) return;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    work_.NotifyOne();
    done_.NotifyAll();
  }
  thread_.join();
}

// ------------------------------------------------------------------------------------------------ the thread

Taker::Entry Taker::Join() {
  Entry joined = std::move(queue_.front());
  queue_.pop_front();
  size_t bytes = BytesOf(joined.turn.messages);
  while (!queue_.empty() && queue_.front().turn.session == Session::kKept) {
    Entry& next = queue_.front();
    bytes += BytesOf(next.turn.messages);
    if (bytes > kJoinedMessageBytes || joined.turn.messages.size() + next.turn.messages.size() > kJoinedMessages) break;
    // A packet that is released is none of the messages before it: those have not been acknowledged.
    Append(joined.turn.released, next.turn.released);
    Append(joined.turn.filters, next.turn.filters);
    Append(joined.turn.messages, next.turn.messages);
    joined.turns += next.turns;
    queue_.pop_front();
  }
  return joined;
}

absl::Status Taker::Offer(Turn& turn) {
  if (turn.session != Session::kKept) {
    const absl::Status told = turn.session == Session::kForeign ? sink_.OnSessionForeign() : sink_.OnSessionLost();
    if (!told.ok()) return told;
    turn.session = Session::kKept;
  }
  if (!turn.released.empty()) {
    if (absl::Status told = sink_.OnReleased(turn.released); !told.ok()) return told;
    turn.released.clear();
  }
  for (const auto& [filter, granted] : turn.filters) {
    granted ? sink_.OnGranted(filter) : sink_.OnRemainderLeft(filter);
  }
  turn.filters.clear();
  return turn.messages.empty() ? absl::OkStatus() : sink_.OnMessages(turn.messages);
}

void Taker::Tell() {
  {
    MutexLock lock(mutex_);
    if (told_) return;
    told_ = true;
  }
  on_news_();
}

void Taker::Run() {
  while (true) {
    Entry entry;
    {
      MutexLock lock(mutex_);
      working_ = false;
      done_.NotifyAll();
      while (queue_.empty() && !stopping_) work_.Wait(mutex_);
      if (stopping_) return;
      entry = Join();
      working_ = true;
      telling_session_ = entry.turn.session != Session::kKept;
      abandoned_ = false;
    }
    absl::Status status = Offer(entry.turn);
    while (!status.ok()) {
      {
        MutexLock lock(mutex_);
        news_.refusal = std::string(status.message());
      }
      Tell();
      {
        MutexLock lock(mutex_);
        const auto again = std::chrono::steady_clock::now() + kOfferAgainPause;
        while (!stopping_ && !abandoned_ && std::chrono::steady_clock::now() < again) work_.WaitUntil(mutex_, again);
        if (stopping_) return;
        if (abandoned_) break;
      }
      status = Offer(entry.turn);
    }
    std::vector<std::string> remainders = sink_.TakeRemainders();
    {
      MutexLock lock(mutex_);
      telling_session_ = false;
      news_.refusal.reset();
      Append(news_.remainders, remainders);
      if (entry.turns > 0) news_.turns.emplace_back(entry.turns, status.ok());
      if (!status.ok()) {
        Strip(entry);
        if (!entry.turn.empty()) queue_.push_front(std::move(entry));
      }
    }
    Tell();
    // Not before: the messages are others' by now.
    entry = Entry();
  }
}

}  // namespace sluice::wire
