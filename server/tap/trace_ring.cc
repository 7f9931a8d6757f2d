#include "server/tap/trace_ring.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <set>

namespace sluice {
namespace {

using Micros = std::chrono::microseconds;

constexpr Millis kAdaptEvery{1'000};

enum Flag : uint8_t {
  kRetain = 1,
  kTopicCut = 2,
  kSameConnection = 4,
  kSameChain = 8,
  kSameWorker = 16,
  kJournaled = 32,
};

uint32_t Held(uint64_t value) {
  return static_cast<uint32_t>(std::min<uint64_t>(value, std::numeric_limits<uint32_t>::max()));
}

uint64_t MicrosOf(SteadyTime::duration time) {
  return static_cast<uint64_t>(std::max<int64_t>(0, std::chrono::duration_cast<Micros>(time).count()));
}

// Threads take their numbers when they first write, over all rings of the process.
size_t NumberOfThread() {
  static std::atomic<size_t> next{0};
  thread_local const size_t number = next.fetch_add(1, std::memory_order_relaxed);
  return number;
}

}  // namespace

// Before the texts of each step: topic, connection, chain, worker, outcome, detail.
struct TraceRing::Head {
  MessageId message_id;
  uint32_t at_us = 0;  // After the chunk's begin.
  uint32_t payload_bytes = 0;
  uint32_t extra = 0;  // kReceived: µs since it was received; else the number of the reply.
  uint32_t attempt = 0;
  PassingStep step = PassingStep::kReceived;
  Qos qos = Qos::kAtMostOnce;
  uint8_t flags = 0;
  uint8_t connection_size = 0;
  uint8_t chain_size = 0;
  uint8_t worker_size = 0;
  uint8_t outcome_size = 0;
  uint8_t detail_size = 0;
  uint16_t topic_size = 0;
};

TraceRing::TraceRing(const Clock& clock, const TracingConfig& config)
    : clock_(clock),
      on_(config.keep.count() > 0),
      sample_(clock.Now(), config.max_steps_per_second),
      adapt_at_(clock.Now() + kAdaptEvery),
      config_(config),
      complete_since_(clock.Now()) {}

TraceRing::Writer& TraceRing::WriterOfThread() { return writers_[NumberOfThread() % kWriters]; }

void TraceRing::Write(Writer& writer, const PassingNote& note, SteadyTime now) {
  const bool with_topic = note.step != PassingStep::kSettled && note.step != PassingStep::kConfirmed;
  const std::string_view topic = with_topic ? note.topic.substr(0, kMostTopic) : std::string_view();
  const std::string_view connection = note.connection.substr(0, kMostName);
  const std::string_view chain = note.chain.substr(0, kMostName);
  const std::string_view worker = note.worker.substr(0, kMostName);
  const std::string_view outcome = note.outcome.substr(0, kMostDetail);
  const std::string_view detail = note.detail.substr(0, kMostDetail);
  const size_t most =
      sizeof(Head) + topic.size() + connection.size() + chain.size() + worker.size() + outcome.size() + detail.size();
  if (writer.open == nullptr || writer.open->used + most > kChunkBytes ||
      MicrosOf(now - writer.open->begin) > std::numeric_limits<uint32_t>::max()) {
    NextChunk(writer, now);
  }
  Chunk& chunk = *writer.open;
  Head head;
  head.message_id = note.message_id;
  head.at_us = Held(MicrosOf(now - chunk.begin));
  head.payload_bytes = Held(note.payload.size());
  head.extra = note.step == PassingStep::kReceived ? Held(MicrosOf(now - note.received)) : note.reply;
  head.attempt = note.attempt;
  head.step = note.step;
  head.qos = note.qos;
  if (note.retain) head.flags |= kRetain;
  if (note.journaled) head.flags |= kJournaled;
  if (topic.size() < note.topic.size() && with_topic) head.flags |= kTopicCut;
  head.topic_size = static_cast<uint16_t>(topic.size());

  uint32_t at = chunk.used + static_cast<uint32_t>(sizeof(Head));
  char* const bytes = chunk.bytes.data();
  const auto put = [&at, bytes](std::string_view text) {
    if (!text.empty()) std::memcpy(bytes + at, text.data(), text.size());
    at += static_cast<uint32_t>(text.size());
    return static_cast<uint8_t>(text.size());
  };
  // Most steps of a thread are of one connection, chain and worker.
  const auto put_new = [&](std::string_view text, LastText& last, uint8_t& size, uint8_t same) {
    if (!text.empty() && text == std::string_view(bytes + last.at, last.size)) {
      head.flags |= same;
      return;
    }
    if (!text.empty()) last = {.at = at, .size = static_cast<uint32_t>(text.size())};
    size = put(text);
  };
  put(topic);
  put_new(connection, chunk.connection, head.connection_size, kSameConnection);
  put_new(chain, chunk.chain, head.chain_size, kSameChain);
  put_new(worker, chunk.worker, head.worker_size, kSameWorker);
  head.outcome_size = put(outcome);
  head.detail_size = put(detail);
  std::memcpy(bytes + chunk.used, &head, sizeof(Head));
  chunk.used = at;
  ++chunk.steps;
  chunk.last = now;
}

void TraceRing::NextChunk(Writer& writer, SteadyTime now) {
  std::shared_ptr<Chunk> next = std::make_shared_for_overwrite<Chunk>();
  next->number = next_chunk_.fetch_add(1, std::memory_order_relaxed);
  next->begin = now;
  next->last = now;
  MutexLock lock(line_mutex_);
  if (writer.open == nullptr) {
    ++open_chunks_;
  } else {
    steps_ += writer.open->steps;
    line_.push_back(std::move(writer.open));
  }
  writer.open = std::move(next);
  DropOverBounds(now);
}

void TraceRing::DropOverBounds(SteadyTime now) {
  const auto over = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(line_mutex_) {
    return (line_.size() + open_chunks_) * sizeof(Chunk) > config_.max_bytes || steps_ > config_.max_steps ||
           line_.front()->last < now - config_.keep;
  };
  while (!line_.empty() && over()) {
    steps_ -= line_.front()->steps;
    complete_since_ = std::max(complete_since_, line_.front()->last);
    line_.pop_front();
  }
}

SteadyTime TraceRing::complete_since() const {
  MutexLock lock(line_mutex_);
  return std::max(complete_since_, clock_.Now() - config_.keep);
}

SteadyTime TraceRing::complete_since(MessageId id) const {
  return std::max(complete_since(), sample_.left_out_until(id, clock_.Now()));
}

SteadyTime TraceRing::Tick(SteadyTime now) {
  // A few steps within a millisecond are no rate.
  if (now < adapt_at_) return adapt_at_;
  uint64_t came = 0;
  for (Writer& writer : writers_) came += writer.came.exchange(0, std::memory_order_relaxed);
  sample_.Adapt(came, now);
  return adapt_at_ = now + kAdaptEvery;
}

size_t TraceRing::bytes() const {
  MutexLock lock(line_mutex_);
  return (line_.size() + open_chunks_) * sizeof(Chunk);
}

void TraceRing::SetConfig(const TracingConfig& config) {
  const bool on = config.keep.count() > 0;
  const bool was_on = on_.exchange(on, std::memory_order_relaxed);
  const SteadyTime now = clock_.Now();
  sample_.SetMost(config.max_steps_per_second);
  if (!on) {
    for (Writer& writer : writers_) {
      MutexLock lock(writer.mutex);
      if (writer.open == nullptr) continue;
      writer.open = nullptr;
      MutexLock line_lock(line_mutex_);
      --open_chunks_;
    }
  }
  MutexLock lock(line_mutex_);
  config_ = config;
  if (!on || !was_on) {
    line_.clear();
    steps_ = 0;
    complete_since_ = now;
  }
  DropOverBounds(now);
}

void TraceRing::Visit(const std::function<void(const TracedStep&)>& visit) const {
  std::vector<std::shared_ptr<const Chunk>> chunks;
  // The open ones first: what is put into the line meanwhile is then known twice, and not missed.
  for (const Writer& writer : writers_) {
    MutexLock lock(writer.mutex);
    if (writer.open == nullptr) continue;
    auto copy = std::make_shared_for_overwrite<Chunk>();
    copy->number = writer.open->number;
    copy->begin = writer.open->begin;
    copy->used = writer.open->used;
    copy->steps = writer.open->steps;
    std::memcpy(copy->bytes.data(), writer.open->bytes.data(), writer.open->used);
    chunks.push_back(std::move(copy));
  }
  SteadyTime not_before;
  {
    MutexLock lock(line_mutex_);
    not_before = clock_.Now() - config_.keep;
    chunks.insert(chunks.end(), line_.begin(), line_.end());
  }
  std::set<uint64_t> seen;
  // From the back: a whole one counts for what was copied of it before.
  for (auto chunk = chunks.rbegin(); chunk != chunks.rend(); ++chunk) {
    if (seen.insert((*chunk)->number).second) VisitChunk(**chunk, not_before, visit);
  }
}

void TraceRing::VisitChunk(const Chunk& chunk, SteadyTime not_before,
                           const std::function<void(const TracedStep&)>& visit) {
  uint32_t at = 0;
  std::string_view connection, chain, worker;
  for (uint32_t i = 0; i < chunk.steps; ++i) {
    Head head;
    std::memcpy(&head, chunk.bytes.data() + at, sizeof(Head));
    at += static_cast<uint32_t>(sizeof(Head));
    const auto take = [&chunk, &at](size_t size) {
      const std::string_view text(chunk.bytes.data() + at, size);
      at += static_cast<uint32_t>(size);
      return text;
    };
    const auto take_new = [&](std::string_view& last, size_t size, uint8_t same) {
      if ((head.flags & same) != 0) return last;
      const std::string_view text = take(size);
      if (!text.empty()) last = text;
      return text;
    };
    TracedStep step{.step = head.step,
                    .at = chunk.begin + Micros(head.at_us),
                    .message_id = head.message_id,
                    .topic = take(head.topic_size),
                    .topic_cut = (head.flags & kTopicCut) != 0,
                    .qos = head.qos,
                    .retain = (head.flags & kRetain) != 0,
                    .attempt = head.attempt,
                    .payload_bytes = head.payload_bytes,
                    .journaled = (head.flags & kJournaled) != 0};
    step.connection = take_new(connection, head.connection_size, kSameConnection);
    step.chain = take_new(chain, head.chain_size, kSameChain);
    step.worker = take_new(worker, head.worker_size, kSameWorker);
    step.outcome = take(head.outcome_size);
    step.detail = take(head.detail_size);
    if (head.step == PassingStep::kReceived) {
      step.received = step.at - Micros(head.extra);
    } else {
      step.reply = head.extra;
    }
    if (step.at >= not_before) visit(step);
  }
}

}  // namespace sluice
