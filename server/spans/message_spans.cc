#include "server/spans/message_spans.h"

#include <algorithm>
#include <array>
#include <random>
#include <utility>

#include "server/message/user_properties.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

constexpr int64_t kNanosPerMilli = 1'000'000;
// A wall clock that has gone back by more was set.
constexpr int64_t kClockWasSet = 2 * kNanosPerMilli;

// SplitMix64, of this thread.
uint64_t RandomBits() {
  thread_local uint64_t state = [] {
    std::random_device device;
    return static_cast<uint64_t>(device()) << 32 | device();
  }();
  uint64_t bits = state += 0x9E3779B97F4A7C15u;
  bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9u;
  bits = (bits ^ bits >> 27) * 0x94D049BB133111EBu;
  return bits ^ bits >> 31;
}

SpanId NewSpanId() {
  while (true) {
    if (const SpanId id = RandomBits(); id != 0) return id;
  }
}

// The first one's value; null: there is none.
const std::string* Find(const UserProperties& properties, std::string_view name) {
  for (const auto& [key, value] : properties) {
    if (key == name) return &value;
  }
  return nullptr;
}

const std::string* Find(const Properties* properties, std::string_view name) {
  return properties == nullptr ? nullptr : Find(properties->user, name);
}

std::string_view TextOf(const std::string* text) { return text == nullptr ? std::string_view() : *text; }

// In place of those that are there.
void SetContext(const TraceParent& context, std::string tracestate, UserProperties& properties) {
  std::erase_if(properties, [](const auto& one) { return one.first == kTraceparent || one.first == kTracestate; });
  properties.emplace_back(kTraceparent, FormatTraceparent(context));
  if (!tracestate.empty()) properties.emplace_back(kTracestate, std::move(tracestate));
}

bool HasRoom(const Properties* properties) {
  return properties == nullptr || properties->user.size() + 2 <= kMaxUserProperties;
}

bool EndsTheMessage(std::string_view outcome) { return outcome == "ack" || outcome == "drop"; }

}  // namespace

MessageSpans::MessageSpans(const Clock& clock, double sample_ratio, SpanSink& sink)
    : clock_(clock), sampler_(sample_ratio), sink_(sink) {}

// ------------------------------------------------------------------------------------------------ intake

std::optional<TraceParent> MessageSpans::Decide(const Message& message) const {
  if (const std::string* text = Find(message.properties.get(), kTraceparent)) {
    if (std::optional<TraceParent> parent = ParseTraceparent(*text)) {
      if (!parent->sampled || !HasRoom(message.properties.get())) return std::nullopt;
      return parent;
    }
  }
  const uint64_t low = RandomBits();
  if (!sampler_.KeepsRoot(low) || !HasRoom(message.properties.get())) return std::nullopt;
  return TraceParent{.trace = {NewSpanId(), low}, .span = 0, .sampled = true};
}

int64_t MessageSpans::WallOffset() const {
  // Milliseconds are rounded down, so that of all moments the one with the largest difference was the closest.
  const int64_t seen = clock_.UnixMillis() * kNanosPerMilli -
                       std::chrono::duration_cast<std::chrono::nanoseconds>(clock_.Now().time_since_epoch()).count();
  const int64_t known = wall_offset_.load(std::memory_order_relaxed);
  if (seen <= known && seen >= known - kClockWasSet) return known;
  wall_offset_.store(seen, std::memory_order_relaxed);
  return seen;
}

MessageTrace MessageSpans::TraceOf(const Message& message, const TraceParent& parent, SpanId span) const {
  const int64_t received =
      std::chrono::duration_cast<std::chrono::nanoseconds>(message.received.time_since_epoch()).count();
  return {.trace = parent.trace,
          .span = span,
          .parent = parent.span,
          .received = message.received,
          .received_unix_ns = received + WallOffset()};
}

MessagePtr MessageSpans::Begin(const MessagePtr& message, const TraceParent& parent) const {
  const MessageTrace trace = TraceOf(*message, parent, NewSpanId());
  auto properties = message->properties == nullptr ? std::make_unique<Properties>()
                                                   : std::make_unique<Properties>(*message->properties);
  SetContext({.trace = trace.trace, .span = trace.span, .sampled = true},
             WithGatewayEntry(TextOf(Find(message->properties.get(), kTracestate)), trace.parent), properties->user);
  std::shared_ptr<Message> traced = WithProperties(message, std::move(properties));
  traced->trace = std::make_unique<const MessageTrace>(trace);
  return traced;
}

MessagePtr MessageSpans::Resume(const MessagePtr& message) const {
  const std::string* text = Find(message->properties.get(), kTraceparent);
  const std::optional<TraceParent> own = text == nullptr ? std::nullopt : ParseTraceparent(*text);
  if (!own || !own->sampled) return message;
  const std::optional<SpanId> parent = GatewayEntryOf(TextOf(Find(message->properties.get(), kTracestate)));
  // It came while nothing was traced.
  if (!parent) return HasRoom(message->properties.get()) ? Begin(message, *own) : message;
  std::shared_ptr<Message> traced = WithProperties(message, std::make_unique<const Properties>(*message->properties));
  traced->trace = std::make_unique<const MessageTrace>(
      TraceOf(*message, {.trace = own->trace, .span = *parent, .sampled = true}, own->span));
  return traced;
}

void MessageSpans::Received(std::string_view connection, size_t batch, const std::vector<SpanLink>& traced,
                            SteadyTime begun) const {
  constexpr size_t kMostLinks = 128;  // OpenTelemetry's default.
  if (batch < 2 || traced.empty()) return;
  const int64_t offset = WallOffset();
  const auto unix = [offset](SteadyTime time) {
    return offset + std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
  };
  std::vector<Span> spans(1);
  Span& span = spans.front();
  span.trace = {NewSpanId(), RandomBits()};
  span.id = NewSpanId();
  span.kind = SpanKind::kClient;
  span.name = text::Concat("receive ", connection);
  span.start_unix_ns = unix(begun);
  span.end_unix_ns = std::max(span.start_unix_ns, unix(clock_.Now()));
  span.Set("messaging.system", "mqtt");
  span.Set("messaging.operation.name", "receive");
  span.Set("messaging.operation.type", "receive");
  span.Set("messaging.batch.message_count", static_cast<int64_t>(batch));
  span.Set("sluice.connection", connection);
  span.links.assign(traced.begin(), traced.begin() + static_cast<ptrdiff_t>(std::min(traced.size(), kMostLinks)));
  sink_.Take(std::move(spans));
}

// ------------------------------------------------------------------------------------------------ queue and workers

std::optional<MessageSpans::OpenAttempt> MessageSpans::TakeOpen(SpanId of) {
  MutexLock lock(mutex_);
  const auto found = open_.find(of);
  if (found == open_.end()) return std::nullopt;
  OpenAttempt open = std::move(found->second);
  open_.erase(found);
  return open;
}

void MessageSpans::Delivered(const About& about, std::string_view worker) {
  const SteadyTime now = clock_.Now();
  const SpanId of = about.message.trace->span;
  // It was with another one, whose stream or lease is over.
  if (const std::optional<OpenAttempt> lost = TakeOpen(of)) {
    std::vector<Span> spans;
    Span& span = spans.emplace_back(AttemptSpan(about, *lost, now));
    span.error = true;
    span.status = "its lease or its worker's stream ended first";
    span.Set("error.type", "lost");
    sink_.Take(std::move(spans));
  }
  MutexLock lock(mutex_);
  open_[of] = {.begun = now, .worker = std::string(worker), .attempt = about.attempt};
  order_.push_back(of);
  while (open_.size() > kMostOpen) {
    open_.erase(order_.front());
    order_.pop_front();
  }
  if (order_.size() > 2 * kMostOpen) {
    std::erase_if(order_, [this](SpanId id) {
      mutex_.AssertHeld();
      return !open_.contains(id);
    });
  }
}

Span MessageSpans::AttemptSpan(const About& about, const OpenAttempt& open, SteadyTime end) const {
  const MessageTrace& trace = *about.message.trace;
  Span span;
  span.trace = trace.trace;
  span.id = NewSpanId();
  span.parent = trace.span;
  span.kind = SpanKind::kProducer;
  span.name = text::Concat("deliver ", about.chain);
  span.start_unix_ns = trace.UnixNanos(open.begun);
  span.end_unix_ns = trace.UnixNanos(end);
  span.Set("messaging.system", "sluice");
  span.Set("messaging.operation.name", "deliver");
  span.Set("messaging.operation.type", "send");
  span.Set("messaging.destination.name", about.message.topic);
  span.Set("messaging.message.id", about.id.ToString());
  span.Set("sluice.chain", about.chain);
  span.Set("sluice.worker", open.worker);
  span.Set("sluice.attempt", int64_t{open.attempt});
  return span;
}

void MessageSpans::Settled(const About& about, std::string_view outcome, std::string_view reason) {
  const bool ends = EndsTheMessage(outcome);
  std::vector<Span> spans;
  if (const std::optional<OpenAttempt> open = TakeOpen(about.message.trace->span)) {
    Span& span = spans.emplace_back(AttemptSpan(about, *open, clock_.Now()));
    span.Set("sluice.outcome", outcome);
    if (!ends) {
      span.error = true;
      span.status = std::string(reason);
      span.Set("error.type", outcome);
    }
  }
  if (ends) return End(about, std::move(spans), outcome, {});
  if (!spans.empty()) sink_.Take(std::move(spans));
}

void MessageSpans::EndInVain(const About& about, std::string_view outcome, std::string_view reason) {
  std::vector<Span> spans;
  if (const std::optional<OpenAttempt> open = TakeOpen(about.message.trace->span)) {
    Span& span = spans.emplace_back(AttemptSpan(about, *open, clock_.Now()));
    span.error = true;
    span.status = std::string(reason);
    span.Set("error.type", "lost");
  }
  End(about, std::move(spans), outcome, reason);
}

void MessageSpans::End(const About& about, std::vector<Span> spans, std::string_view outcome,
                       std::string_view trouble) {
  const Message& message = about.message;
  const MessageTrace& trace = *message.trace;
  Span& span = spans.emplace_back();
  span.trace = trace.trace;
  span.id = trace.span;
  span.parent = trace.parent;
  span.kind = SpanKind::kConsumer;
  const std::string_view filter = about.route == nullptr ? std::string_view() : about.route->filter;
  span.name = filter.empty() ? "process" : text::Concat("process ", filter);
  span.start_unix_ns = trace.received_unix_ns;
  span.end_unix_ns = trace.UnixNanos(clock_.Now());
  span.Set("messaging.system", "mqtt");
  span.Set("messaging.operation.name", "process");
  span.Set("messaging.operation.type", "process");
  span.Set("messaging.destination.name", message.topic);
  span.Set("messaging.destination.template", filter);
  span.Set("messaging.message.id", about.id.ToString());
  span.Set("messaging.message.body.size", static_cast<int64_t>(message.payload.size()));
  if (about.route != nullptr) {
    span.Set("sluice.connection", about.route->connection);
    span.Set("sluice.route", about.route->id);
  }
  span.Set("sluice.chain", about.chain);
  span.Set("sluice.qos", static_cast<int64_t>(message.qos));
  span.Set("sluice.attempt", int64_t{about.attempt});
  span.Set("sluice.outcome", outcome);
  SpanEvent& settled = span.events.emplace_back();
  settled.name = trouble.empty() ? "settled" : outcome == "dropped" ? "dropped" : "dead letter";
  settled.unix_ns = span.end_unix_ns;
  if (!trouble.empty()) {
    span.error = true;
    span.status = std::string(trouble);
    span.Set("error.type", outcome);
  }
  sink_.Take(std::move(spans));
}

// ------------------------------------------------------------------------------------------------ replies

std::unique_ptr<const ReplySpan> MessageSpans::BeginReply(const Message& message, OutboundMessage& reply) {
  TraceParent parent{.trace = message.trace->trace, .span = message.trace->span, .sampled = true};
  const std::string* state = Find(message.properties.get(), kTracestate);
  if (const std::string* text = Find(reply.properties.get(), kTraceparent)) {
    if (const std::optional<TraceParent> worker = ParseTraceparent(*text)) {
      // The worker does not want it to be traced.
      if (!worker->sampled) return nullptr;
      parent = *worker;
      state = Find(reply.properties.get(), kTracestate);
    }
  }
  if (!HasRoom(reply.properties.get())) return nullptr;
  auto span = std::make_unique<ReplySpan>();
  span->trace = *message.trace;
  span->trace.trace = parent.trace;
  span->trace.parent = parent.span;
  span->trace.span = NewSpanId();
  span->begun = clock_.Now();
  span->topic = reply.topic;
  auto properties =
      reply.properties == nullptr ? std::make_unique<Properties>() : std::make_unique<Properties>(*reply.properties);
  SetContext({.trace = parent.trace, .span = span->trace.span, .sampled = true},
             WithGatewayEntry(TextOf(state), parent.span, EntryOf::kReply), properties->user);
  reply.properties = std::move(properties);
  return span;
}

std::unique_ptr<const ReplySpan> MessageSpans::ResumeReply(const OutboundMessage& reply) const {
  const std::string* text = Find(reply.properties.get(), kTraceparent);
  const std::optional<TraceParent> own = text == nullptr ? std::nullopt : ParseTraceparent(*text);
  const std::optional<SpanId> parent =
      GatewayEntryOf(TextOf(Find(reply.properties.get(), kTracestate)), EntryOf::kReply);
  if (!own || !own->sampled || !parent) return nullptr;
  auto span = std::make_unique<ReplySpan>();
  span->begun = clock_.Now();
  span->trace = {.trace = own->trace, .span = own->span, .parent = *parent, .received = span->begun};
  span->trace.received_unix_ns =
      WallOffset() + std::chrono::duration_cast<std::chrono::nanoseconds>(span->begun.time_since_epoch()).count();
  span->topic = reply.topic;
  return span;
}

void MessageSpans::EndReply(const Published& published) {
  const MessageTrace& trace = published.span.trace;
  std::vector<Span> spans(1);
  Span& span = spans.front();
  span.trace = trace.trace;
  span.id = trace.span;
  span.parent = trace.parent;
  span.kind = SpanKind::kProducer;
  span.name = text::Concat("publish ", published.connection);
  span.start_unix_ns = trace.UnixNanos(published.span.begun);
  span.end_unix_ns = trace.UnixNanos(clock_.Now());
  span.Set("messaging.system", "mqtt");
  span.Set("messaging.operation.name", "publish");
  span.Set("messaging.operation.type", "send");
  span.Set("messaging.destination.name", published.span.topic);
  span.Set("sluice.connection", published.connection);
  span.Set("sluice.chain", published.chain);
  if (!published.trouble.empty()) {
    span.error = true;
    span.status = std::string(published.trouble);
    span.Set("error.type", "not_published");
  }
  sink_.Take(std::move(spans));
}

}  // namespace sluice
