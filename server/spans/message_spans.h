// The spans of messages that are traced: made by the stages that a message passes, without any state of its own but the
// deliveries that are out.
//
//   process FILTER   from the broker's packet to the end of the message; what `traceparent` names to workers
//     deliver CHAIN  an attempt, from its delivery to its settlement
//     publish NAME   a reply, from the settlement to the broker's confirmation; within the worker's span if that said so
//   receive NAME     a read that brought more than one message, in a trace of its own, with a link to each that is traced
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/message/message.h"
#include "server/message/message_id.h"
#include "server/message/trace_context.h"
#include "server/route/route.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"
#include "server/spans/sampler.h"
#include "server/spans/span.h"

namespace sluice {

// A reply that is traced, until its broker has confirmed it.
struct ReplySpan {
  MessageTrace trace;  // `span` and `parent` are the reply's own.
  SteadyTime begun{};
  std::string topic;
};

// Thread-safe. What is not traced costs a look at Message::trace.
class MessageSpans {
 public:
  // Attempts that are open at once; of more the oldest is given up.
  static constexpr size_t kMostOpen = 10'000;

  // `sink` outlives it.
  MessageSpans(const Clock& clock, double sample_ratio, SpanSink& sink);
  MessageSpans(const MessageSpans&) = delete;
  MessageSpans& operator=(const MessageSpans&) = delete;

  // ---- intake
  // What a message that came in continues, with `span` 0 where it is a trace's first. Nothing: it is not traced.
  std::optional<TraceParent> Decide(const Message& message) const;
  // The message with a span of this gateway, which its user properties name from now on.
  MessagePtr Begin(const MessagePtr& message, const TraceParent& parent) const;
  // One that another process, or this one, has begun and the journal gives back. The same message: it was not traced.
  MessagePtr Resume(const MessagePtr& message) const;
  // `batch` messages came in one read; these are the traced ones among them.
  void Received(std::string_view connection, size_t batch, const std::vector<SpanLink>& traced, SteadyTime begun) const;

  // ---- queue and workers. Of messages with a trace only.
  struct About {
    const Message& message;
    MessageId id;
    const Route* route = nullptr;
    std::string_view chain;
    uint32_t attempt = 0;
  };
  void Delivered(const About& about, std::string_view worker);
  // `outcome` as in kVerdictNames. "ack" and "drop" end the message.
  void Settled(const About& about, std::string_view outcome, std::string_view reason);
  void Died(const About& about, std::string_view reason) { EndInVain(about, "dead_letter", reason); }
  // It is neither settled nor kept: `chain` may be empty.
  void Dropped(const About& about, std::string_view reason) { EndInVain(about, "dropped", reason); }

  // ---- replies
  // Writes the reply's own `traceparent` into it. Null: it is not traced.
  std::unique_ptr<const ReplySpan> BeginReply(const Message& message, OutboundMessage& reply);
  // Of one that another process has begun and the journal gives back: it begins anew. Null: it was not traced.
  std::unique_ptr<const ReplySpan> ResumeReply(const OutboundMessage& reply) const;
  struct Published {
    const ReplySpan& span;
    std::string_view connection;
    std::string_view chain;
    std::string_view trouble;  // Empty: it has been confirmed.
  };
  void EndReply(const Published& published);

 private:
  struct OpenAttempt {
    SteadyTime begun{};
    std::string worker;
    uint32_t attempt = 0;
  };

  MessageTrace TraceOf(const Message& message, const TraceParent& parent, SpanId span) const;
  // Of a steady time of now, in Unix nanoseconds.
  int64_t WallOffset() const;
  std::optional<OpenAttempt> TakeOpen(SpanId of);
  void EndInVain(const About& about, std::string_view outcome, std::string_view reason);
  Span AttemptSpan(const About& about, const OpenAttempt& open, SteadyTime end) const;
  void End(const About& about, std::vector<Span> spans, std::string_view outcome, std::string_view trouble);

  const Clock& clock_;
  const Sampler sampler_;
  SpanSink& sink_;
  mutable std::atomic<int64_t> wall_offset_{INT64_MIN};

  Mutex mutex_;
  // By the message's span.
  absl::flat_hash_map<SpanId, OpenAttempt> open_ ABSL_GUARDED_BY(mutex_);
  std::deque<SpanId> order_ ABSL_GUARDED_BY(mutex_);  // The oldest first; also of some that are over.
};

}  // namespace sluice
