// What has lately happened to messages, for those who ask afterwards: within bounds, the oldest goes first.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <iterator>
#include <memory>
#include <string_view>
#include <vector>

#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"
#include "server/runtime/ticker.h"
#include "server/tap/passing_note.h"
#include "server/tap/trace_sample.h"
#include "server/tap/tracing_config.h"

namespace sluice {

// A step as it was kept. The views hold while TraceRing::Visit() shows it.
struct TracedStep {
  PassingStep step = PassingStep::kReceived;
  SteadyTime at{};
  MessageId message_id;
  // Not of kSettled and kConfirmed. Long ones are cut, as are all texts here.
  std::string_view topic;
  bool topic_cut = false;
  Qos qos = Qos::kAtMostOnce;
  bool retain = false;
  std::string_view connection;
  std::string_view chain;
  std::string_view worker;
  uint32_t attempt = 0;
  std::string_view outcome;
  std::string_view detail;
  uint32_t payload_bytes = 0;
  SteadyTime received{};
  bool journaled = false;
  uint32_t reply = 0;
};

// Thread-safe. Threads that write have chunks of their own, so that none waits for another; whoever reads holds each of
// them up for the copy of one chunk. Payloads are not kept.
//
// Steps are packed into chunks of 32 KiB. A full chunk goes to the end of one line, and at a bound the chunk at its
// front goes: the oldest steps are dropped some hundred at a time. Where more come than the configuration wants, the
// steps of some messages are kept and those of the others are not (TraceSample).
class TraceRing final : public Tickable {
 public:
  // What is longer is cut.
  static constexpr size_t kMostTopic = 256;
  static constexpr size_t kMostName = 128;
  static constexpr size_t kMostDetail = 240;

  TraceRing(const Clock& clock, const TracingConfig& config);
  TraceRing(const TraceRing&) = delete;
  TraceRing& operator=(const TraceRing&) = delete;

  // ---- from the stages
  // Whether anything is kept.
  bool on() const { return on_.load(std::memory_order_relaxed); }
  // Whether steps of this message are kept now.
  bool Keeps(MessageId id) const { return on() && TraceSample::Keeps(id, sample_.level()); }
  // Keeps a step of each item whose message is to be kept. `id_of(item)` is its message, `note_of(item)` its PassingNote.
  // One lock for all of them, which nobody else wants.
  template <typename Items, typename IdOf, typename NoteOf>
  void Add(const Items& items, const IdOf& id_of, const NoteOf& note_of) {
    Writer& writer = WriterOfThread();
    writer.came.fetch_add(std::size(items), std::memory_order_relaxed);
    const unsigned level = sample_.level();
    const auto kept = [&](const auto& item) { return TraceSample::Keeps(id_of(item), level); };
    auto item = std::find_if(std::begin(items), std::end(items), kept);
    if (item == std::end(items)) return;
    const SteadyTime now = clock_.Now();
    MutexLock lock(writer.mutex);
    for (; item != std::end(items); item = std::find_if(std::next(item), std::end(items), kept)) {
      Write(writer, note_of(*item), now);
    }
  }

  // ---- from whoever asks
  // All that is kept, in no order across threads.
  void Visit(const std::function<void(const TracedStep&)>& visit) const;
  // From then on no step is missing of the messages that are kept,
  SteadyTime complete_since() const;
  // or of this one.
  SteadyTime complete_since(MessageId id) const;
  // Of so many messages one is kept now.
  uint32_t one_in() const { return sample_.one_in(); }
  size_t bytes() const;

  // Hold from now on; what is past them goes with the next steps. Off: all of it goes at once.
  void SetConfig(const TracingConfig& config);

  // Looks at how many steps come, once a second however often it is called.
  SteadyTime Tick(SteadyTime now) override;

 private:
  static constexpr size_t kChunkBytes = 32u << 10;
  static constexpr size_t kWriters = 16;

  // One that was written last, and is not written again while steps have the same.
  struct LastText {
    uint32_t at = 0;
    uint32_t size = 0;
  };
  struct Chunk {
    uint64_t number = 0;
    SteadyTime begin{};  // Steps count their time from here.
    SteadyTime last{};
    uint32_t used = 0;
    uint32_t steps = 0;
    LastText connection, chain, worker;
    std::array<char, kChunkBytes> bytes;
  };
  struct alignas(64) Writer {
    std::atomic<uint64_t> came = 0;  // Steps, kept or not.
    mutable Mutex mutex;
    std::shared_ptr<Chunk> open ABSL_GUARDED_BY(mutex);
  };
  struct Head;

  Writer& WriterOfThread();
  void Write(Writer& writer, const PassingNote& note, SteadyTime now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer.mutex);
  // Puts the writer's chunk into the line, and gives it a new one.
  void NextChunk(Writer& writer, SteadyTime now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer.mutex);
  void DropOverBounds(SteadyTime now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(line_mutex_);
  static void VisitChunk(const Chunk& chunk, SteadyTime not_before,
                         const std::function<void(const TracedStep&)>& visit);

  const Clock& clock_;
  std::atomic<bool> on_;
  TraceSample sample_;
  SteadyTime adapt_at_;  // Of Tick's thread.
  std::atomic<uint64_t> next_chunk_ = 1;
  std::array<Writer, kWriters> writers_;

  mutable Mutex line_mutex_;  // After a writer's.
  TracingConfig config_ ABSL_GUARDED_BY(line_mutex_);
  std::deque<std::shared_ptr<const Chunk>> line_ ABSL_GUARDED_BY(line_mutex_);
  size_t steps_ ABSL_GUARDED_BY(line_mutex_) = 0;        // In the line.
  size_t open_chunks_ ABSL_GUARDED_BY(line_mutex_) = 0;  // Of writers.
  SteadyTime complete_since_ ABSL_GUARDED_BY(line_mutex_);
};

}  // namespace sluice
