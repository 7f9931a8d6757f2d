#include "server/tap/tap.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "server/message/topic_matcher.h"

namespace sluice {
namespace {

bool IsCalledSo(std::string_view worker, std::string_view name) {
  // "WHO as NAME/INSTANCE", where the gateway knows who.
  if (const size_t as = worker.rfind(" as "); as != std::string_view::npos) worker.remove_prefix(as + 4);
  return worker == name || worker.substr(0, worker.find('/')) == name;
}

}  // namespace

PassingNote NoteOf(PassingStep step, const Message& message, MessageId id, const Route* route, const ChainRef& chain) {
  PassingNote note{.step = step,
                   .message_id = id,
                   .topic = message.topic,
                   .qos = message.qos,
                   .retain = message.retain,
                   .payload = message.payload,
                   .received = message.received};
  if (route != nullptr) note.connection = route->connection;
  if (chain.get() != nullptr) note.chain = chain->name;
  return note;
}

size_t PassingEvent::bytes() const {
  return sizeof(PassingEvent) + topic.size() + connection.size() + chain.size() + worker.size() + outcome.size() +
         detail.size() + payload.size();
}

bool TapFilter::Matches(const PassingNote& note) const {
  if (!steps.empty() && std::ranges::find(steps, note.step) == steps.end()) return false;
  if (!chain.empty() && note.chain != chain) return false;
  if (!outcome.empty() && (note.step != PassingStep::kSettled || note.outcome != outcome)) return false;
  if (!worker.empty() && (note.worker.empty() || !IsCalledSo(note.worker, worker))) return false;
  return topic.empty() || (!note.topic.empty() && FilterMatches(topic, note.topic));
}

void Tap::Show(const PassingNote& note) {
  const SteadyTime now = clock_.Now();
  MutexLock lock(mutex_);
  for (Viewer* viewer : viewers_) {
    const TapFilter& filter = viewer->filter_;
    if (!filter.Matches(note)) continue;
    const double seconds = std::chrono::duration<double>(now - viewer->filled_).count();
    viewer->tokens_ = std::min<double>(filter.rate, viewer->tokens_ + seconds * filter.rate);
    viewer->filled_ = now;
    if (viewer->tokens_ < 1 || viewer->events_.size() >= kMostEvents || viewer->bytes_ >= kMostBytes) {
      ++viewer->dropped_;
      continue;
    }
    viewer->tokens_ -= 1;
    PassingEvent& event = viewer->events_.emplace_back(
        PassingEvent{.step = note.step,
                     .at_unix_ms = clock_.UnixMillis(),
                     .message_id = note.message_id,
                     .topic = std::string(note.topic),
                     .qos = note.qos,
                     .retain = note.retain,
                     .connection = std::string(note.connection),
                     .chain = std::string(note.chain),
                     .worker = std::string(note.worker),
                     .attempt = note.attempt,
                     .outcome = std::string(note.outcome),
                     .detail = std::string(note.detail),
                     .payload_bytes = note.payload.size(),
                     .payload = std::string(note.payload.substr(0, filter.payload_bytes))});
    viewer->bytes_ += event.bytes();
    if (viewer->events_.size() == 1) told_.NotifyAll();
  }
}

absl::StatusOr<std::shared_ptr<Tap::Viewer>> Tap::Open(TapFilter filter) {
  auto viewer = std::make_unique<Viewer>(std::move(filter), clock_.Now());
  MutexLock lock(mutex_);
  if (viewers_.size() >= kMostViewers) {
    return absl::ResourceExhaustedError("as many look at passing messages already as may at once (4)");
  }
  viewers_.push_back(viewer.get());
  watched_.store(true, std::memory_order_relaxed);
  return std::shared_ptr<Viewer>(viewer.release(), [this](Viewer* ended) {
    Close(ended);
    delete ended;  // NOLINT(cppcoreguidelines-owning-memory): made above.
  });
}

void Tap::Close(const Viewer* viewer) {
  MutexLock lock(mutex_);
  std::erase(viewers_, viewer);
  watched_.store(!viewers_.empty(), std::memory_order_relaxed);
}

Tap::Seen Tap::Take(Viewer& viewer, SteadyTime deadline) {
  Seen seen;
  MutexLock lock(mutex_);
  while (viewer.events_.empty() && clock_.Now() < deadline) told_.WaitUntil(mutex_, deadline);
  seen.events.assign(std::make_move_iterator(viewer.events_.begin()), std::make_move_iterator(viewer.events_.end()));
  viewer.events_.clear();
  viewer.bytes_ = 0;
  seen.dropped = std::exchange(viewer.dropped_, 0);
  return seen;
}

}  // namespace sluice
