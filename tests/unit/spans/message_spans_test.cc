#include "server/spans/message_spans.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "server/message/user_properties.h"
#include "tests/support/manual_clock.h"
#include "tests/support/messages.h"

namespace sluice {
namespace {

constexpr char kParent[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr char kNotSampled[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

class Spans final : public SpanSink {
 public:
  void Take(std::vector<Span> spans) override {
    for (Span& span : spans) all.push_back(std::move(span));
  }
  const Span* Named(std::string_view name) const {
    const auto found = std::ranges::find(all, name, &Span::name);
    return found == all.end() ? nullptr : &*found;
  }
  std::vector<Span> all;
};

std::string TextOf(const Span& span, std::string_view name) {
  const auto found = std::ranges::find(span.attributes, name, &SpanAttribute::name);
  if (found == span.attributes.end()) return "(none)";
  if (const auto* text = std::get_if<std::string>(&found->value)) return *text;
  return std::to_string(std::get<int64_t>(found->value));
}

std::string PropertyOf(const Properties* properties, std::string_view name) {
  std::string values;
  if (properties == nullptr) return values;
  for (const auto& [key, value] : properties->user) {
    if (key == name) values += (values.empty() ? "" : "|") + value;
  }
  return values;
}

class MessageSpansTest : public testing::Test {
 protected:
  MessageSpansTest() { route_.filter = "plant/+/temp"; }

  MessagePtr Incoming(const std::string& traceparent = {}, const std::string& tracestate = {}) {
    auto properties = std::make_unique<Properties>();
    properties->user.emplace_back("other", "1");
    if (!traceparent.empty()) properties->user.emplace_back(kTraceparent, traceparent);
    if (!tracestate.empty()) properties->user.emplace_back(kTracestate, tracestate);
    return MakeMessage({.properties = std::move(properties), .received = clock_.Now()});
  }
  MessagePtr Traced(const std::string& traceparent = kParent, const std::string& tracestate = {}) {
    const MessagePtr message = Incoming(traceparent, tracestate);
    return all_.Begin(message, *all_.Decide(*message));
  }
  MessageSpans::About About(const MessagePtr& message, uint32_t attempt = 1) {
    return {.message = *message, .id = {1, 2}, .route = &route_, .chain = "c", .attempt = attempt};
  }

  ManualClock clock_;
  Spans spans_;
  MessageSpans all_{clock_, 1, spans_};
  MessageSpans none_{clock_, 0, spans_};
  Route route_;
};

// ------------------------------------------------------------------------------------------------ the decision

TEST_F(MessageSpansTest, WhatThePublisherDecidedHolds) {
  EXPECT_EQ(none_.Decide(*Incoming(kParent)), ParseTraceparent(kParent));
  EXPECT_EQ(all_.Decide(*Incoming(kNotSampled)), std::nullopt);
}

TEST_F(MessageSpansTest, OfThoseWithoutOneTheRatioDecides) {
  EXPECT_EQ(none_.Decide(*Incoming()), std::nullopt);
  EXPECT_EQ(none_.Decide(*MakeMessage()), std::nullopt);
  const std::optional<TraceParent> root = all_.Decide(*MakeMessage());
  ASSERT_TRUE(root);
  EXPECT_TRUE(root->trace.valid());
  EXPECT_EQ(root->span, 0u);

  int kept = 0;
  const MessageSpans tenth(clock_, 0.1, spans_);
  const MessagePtr message = MakeMessage();
  for (int i = 0; i < 20'000; ++i) kept += tenth.Decide(*message) ? 1 : 0;
  // Six standard deviations about.
  EXPECT_GT(kept, 1'750);
  EXPECT_LT(kept, 2'250);
}

TEST_F(MessageSpansTest, AMalformedTraceparentCountsAsNone) {
  EXPECT_EQ(none_.Decide(*Incoming("00-nonsense")), std::nullopt);
  const std::optional<TraceParent> root = all_.Decide(*Incoming("00-nonsense"));
  ASSERT_TRUE(root);
  EXPECT_EQ(root->span, 0u);
}

TEST_F(MessageSpansTest, AMessageWithoutRoomForAnotherPropertyIsNotTraced) {
  auto properties = std::make_unique<Properties>();
  properties->user.resize(kMaxUserProperties - 1);
  EXPECT_EQ(all_.Decide(*MakeMessage({.properties = std::move(properties)})), std::nullopt);
}

// ------------------------------------------------------------------------------------------------ the message

TEST_F(MessageSpansTest, ATracedMessageNamesTheGatewaysSpanAndIsElseTheSame) {
  const MessagePtr before = Incoming(kParent, "vendor=1");
  const MessagePtr after = all_.Begin(before, *all_.Decide(*before));

  ASSERT_NE(after->trace, nullptr);
  const std::string traceparent = PropertyOf(after->properties.get(), kTraceparent);
  const std::optional<TraceParent> own = ParseTraceparent(traceparent);
  ASSERT_TRUE(own) << traceparent;
  EXPECT_EQ(own->trace, ParseTraceparent(kParent)->trace);
  EXPECT_NE(own->span, ParseTraceparent(kParent)->span);
  EXPECT_TRUE(own->sampled);
  EXPECT_EQ(own->span, after->trace->span);
  EXPECT_EQ(PropertyOf(after->properties.get(), kTracestate), "sluice=00f067aa0ba902b7,vendor=1");
  EXPECT_EQ(PropertyOf(after->properties.get(), "other"), "1");
  EXPECT_EQ(after->topic, before->topic);
  EXPECT_EQ(after->payload, before->payload);
  EXPECT_EQ(after->topic.data(), before->topic.data());
  EXPECT_EQ(after->qos, before->qos);
  EXPECT_EQ(PropertyOf(before->properties.get(), kTraceparent), kParent);
}

TEST_F(MessageSpansTest, TwoRoutesOfAMessageHaveSpansOfTheirOwnInOneTrace) {
  const MessagePtr message = Incoming();
  const TraceParent parent = *all_.Decide(*message);

  const MessagePtr one = all_.Begin(message, parent);
  const MessagePtr other = all_.Begin(message, parent);
  EXPECT_EQ(one->trace->trace, other->trace->trace);
  EXPECT_NE(one->trace->span, other->trace->span);
}

TEST_F(MessageSpansTest, WhatTheJournalGivesBackGoesOnWithTheSpanItHad) {
  const MessagePtr begun = Traced();
  const MessagePtr read =
      MakeMessage({.properties = std::make_unique<Properties>(*begun->properties), .received = begun->received});

  const MessagePtr resumed = none_.Resume(read);
  ASSERT_NE(resumed->trace, nullptr);
  EXPECT_EQ(resumed->trace->trace, begun->trace->trace);
  EXPECT_EQ(resumed->trace->span, begun->trace->span);
  EXPECT_EQ(resumed->trace->parent, begun->trace->parent);
  EXPECT_EQ(resumed->trace->received_unix_ns, begun->trace->received_unix_ns);
}

TEST_F(MessageSpansTest, WhatWasNotTracedIsNotResumed) {
  for (const std::string& traceparent : {std::string(), std::string(kNotSampled), std::string("nonsense")}) {
    const MessagePtr message = Incoming(traceparent);
    EXPECT_EQ(all_.Resume(message), message);
  }
  // It came while nothing was traced: its publisher's trace goes on from now.
  const MessagePtr message = all_.Resume(Incoming(kParent));
  ASSERT_NE(message->trace, nullptr);
  EXPECT_EQ(message->trace->parent, ParseTraceparent(kParent)->span);
}

// ------------------------------------------------------------------------------------------------ its spans

TEST_F(MessageSpansTest, TheWayOfAMessageIsASpanWithItsAttemptWithin) {
  const MessagePtr message = Traced();
  clock_.Advance(Millis(5));
  all_.Delivered(About(message), "alarm/0");
  clock_.Advance(Millis(7));
  all_.Settled(About(message), "ack", "");

  ASSERT_EQ(spans_.all.size(), 2u);
  const Span& way = *spans_.Named("process plant/+/temp");
  EXPECT_EQ(way.trace, message->trace->trace);
  EXPECT_EQ(way.id, message->trace->span);
  EXPECT_EQ(way.parent, ParseTraceparent(kParent)->span);
  EXPECT_EQ(way.kind, SpanKind::kConsumer);
  EXPECT_EQ(way.start_unix_ns, 1'700'001'000'000'000'000);
  EXPECT_EQ(way.end_unix_ns - way.start_unix_ns, 12'000'000);
  EXPECT_FALSE(way.error);
  EXPECT_EQ(TextOf(way, "messaging.system"), "mqtt");
  EXPECT_EQ(TextOf(way, "messaging.destination.name"), "plant/boiler/temp");
  EXPECT_EQ(TextOf(way, "messaging.operation.type"), "process");
  EXPECT_EQ(TextOf(way, "messaging.message.body.size"), "4");
  EXPECT_EQ(TextOf(way, "sluice.chain"), "c");
  EXPECT_EQ(TextOf(way, "sluice.outcome"), "ack");
  const Span& attempt = *spans_.Named("deliver c");
  EXPECT_EQ(attempt.parent, way.id);
  EXPECT_EQ(attempt.kind, SpanKind::kProducer);
  EXPECT_EQ(attempt.start_unix_ns - way.start_unix_ns, 5'000'000);
  EXPECT_EQ(attempt.end_unix_ns, way.end_unix_ns);
  EXPECT_EQ(TextOf(attempt, "sluice.worker"), "alarm/0");
  EXPECT_EQ(TextOf(attempt, "sluice.attempt"), "1");
}

TEST_F(MessageSpansTest, ARetryIsTheAttemptsErrorAndNotTheMessages) {
  const MessagePtr message = Traced();
  all_.Delivered(About(message), "w");
  all_.Settled(About(message), "retry", "not now");
  ASSERT_EQ(spans_.all.size(), 1u);
  EXPECT_TRUE(spans_.all[0].error);
  EXPECT_EQ(spans_.all[0].status, "not now");
  EXPECT_EQ(TextOf(spans_.all[0], "error.type"), "retry");

  all_.Delivered(About(message, 2), "w");
  all_.Settled(About(message, 2), "ack", "");
  EXPECT_EQ(spans_.all.size(), 3u);
  EXPECT_FALSE(spans_.Named("process plant/+/temp")->error);
}

TEST_F(MessageSpansTest, AnAttemptWhoseWorkerWasLostEndsWithTheNext) {
  const MessagePtr message = Traced();
  all_.Delivered(About(message), "first");
  all_.Delivered(About(message, 2), "second");

  ASSERT_EQ(spans_.all.size(), 1u);
  EXPECT_TRUE(spans_.all[0].error);
  EXPECT_EQ(TextOf(spans_.all[0], "sluice.worker"), "first");
  EXPECT_EQ(TextOf(spans_.all[0], "sluice.attempt"), "1");
}

TEST_F(MessageSpansTest, ADeadLetterIsAnError) {
  const MessagePtr message = Traced();
  all_.Delivered(About(message), "w");
  all_.Settled(About(message), "reject", "bad");
  all_.Died(About(message), "rejected: bad");

  const Span& way = *spans_.Named("process plant/+/temp");
  EXPECT_TRUE(way.error);
  EXPECT_EQ(way.status, "rejected: bad");
  EXPECT_EQ(TextOf(way, "sluice.outcome"), "dead_letter");
  EXPECT_EQ(spans_.all.size(), 2u);
}

TEST_F(MessageSpansTest, WhatIsDroppedIsAnErrorAndEndsItsAttempt) {
  const MessagePtr message = Traced();
  all_.Delivered(About(message), "w/1");
  all_.Dropped(About(message), "its expiry interval is over");
  const Span& way = *spans_.Named("process plant/+/temp");
  EXPECT_TRUE(way.error);
  EXPECT_EQ(way.status, "its expiry interval is over");
  EXPECT_EQ(TextOf(way, "error.type"), "dropped");
  EXPECT_EQ(TextOf(way, "sluice.outcome"), "dropped");
  EXPECT_TRUE(spans_.Named("deliver c")->error);
}

TEST_F(MessageSpansTest, WhatNoRouteTakesHasASpanWithoutAFilter) {
  const MessagePtr message = Traced();
  Route none;
  none.connection = "plant";
  all_.Died({.message = *message, .id = {1, 2}, .route = &none, .chain = {}}, "no route");
  const Span& way = *spans_.Named("process");
  EXPECT_EQ(way.id, message->trace->span);
  EXPECT_EQ(TextOf(way, "sluice.connection"), "plant");
  EXPECT_EQ(TextOf(way, "sluice.chain"), "(none)");
}

TEST_F(MessageSpansTest, AReadOfSeveralMessagesLinksToTheTracedOnes) {
  const std::vector<SpanLink> links(200, SpanLink{{1, 2}, 3});
  all_.Received("plant", 1, links, clock_.Now());
  all_.Received("plant", 300, {}, clock_.Now());
  EXPECT_TRUE(spans_.all.empty());

  all_.Received("plant", 300, links, clock_.Now());
  ASSERT_EQ(spans_.all.size(), 1u);
  EXPECT_EQ(spans_.all[0].name, "receive plant");
  EXPECT_EQ(spans_.all[0].kind, SpanKind::kClient);
  EXPECT_EQ(spans_.all[0].parent, 0u);
  EXPECT_EQ(spans_.all[0].links.size(), 128u);
  EXPECT_EQ(TextOf(spans_.all[0], "messaging.batch.message_count"), "300");
}

TEST_F(MessageSpansTest, AttemptsThatNobodyEndsDoNotFillTheMemory) {
  std::vector<MessagePtr> messages;
  for (size_t i = 0; i < MessageSpans::kMostOpen + 10; ++i) {
    messages.push_back(Traced());
    all_.Delivered(About(messages.back()), "w");
  }
  all_.Settled(About(messages.front()), "ack", "");
  EXPECT_EQ(spans_.all.size(), 1u);  // Its attempt was given up.
  all_.Settled(About(messages.back()), "ack", "");
  EXPECT_EQ(spans_.all.size(), 3u);
}

// ------------------------------------------------------------------------------------------------ replies

TEST_F(MessageSpansTest, AReplyNamesASpanOfItsOwnWithinTheMessages) {
  const MessagePtr message = Traced(kParent, "vendor=1");
  OutboundMessage reply{.topic = "plant/reply", .payload = "x"};
  const std::unique_ptr<const ReplySpan> span = all_.BeginReply(*message, reply);
  clock_.Advance(Millis(3));
  all_.EndReply({.span = *span, .connection = "plant", .chain = "c"});

  const std::optional<TraceParent> own = ParseTraceparent(PropertyOf(reply.properties.get(), kTraceparent));
  ASSERT_TRUE(own);
  EXPECT_EQ(own->trace, message->trace->trace);
  char entry[32];
  std::snprintf(entry, sizeof(entry), "sluice=r%016" PRIx64, message->trace->span);
  EXPECT_EQ(PropertyOf(reply.properties.get(), kTracestate), std::string(entry) + ",vendor=1");
  const Span& publish = *spans_.Named("publish plant");
  EXPECT_EQ(publish.id, own->span);
  EXPECT_EQ(publish.parent, message->trace->span);
  EXPECT_EQ(publish.kind, SpanKind::kProducer);
  EXPECT_EQ(publish.end_unix_ns - publish.start_unix_ns, 3'000'000);
  EXPECT_EQ(TextOf(publish, "messaging.destination.name"), "plant/reply");
  EXPECT_FALSE(publish.error);
}

TEST_F(MessageSpansTest, AReplyGoesOnFromTheSpanThatItsWorkerNames) {
  const MessagePtr message = Traced();
  OutboundMessage reply{.topic = "r"};
  auto properties = std::make_unique<Properties>();
  properties->user.emplace_back(kTraceparent, "00-4bf92f3577b34da6a3ce929d0e0e4736-00000000000000aa-01");
  properties->user.emplace_back(kTracestate, "sluice=00000000000000bb,w=1");
  reply.properties = std::move(properties);

  const std::unique_ptr<const ReplySpan> span = all_.BeginReply(*message, reply);
  ASSERT_NE(span, nullptr);
  EXPECT_EQ(span->trace.parent, 0xaau);
  EXPECT_EQ(ParseTraceparent(PropertyOf(reply.properties.get(), kTraceparent))->span, span->trace.span);
  EXPECT_EQ(PropertyOf(reply.properties.get(), kTracestate), "sluice=r00000000000000aa,w=1");
}

TEST_F(MessageSpansTest, AReplyWhoseWorkerWantsNoTraceStaysAsItIs) {
  const MessagePtr message = Traced();
  OutboundMessage reply{.topic = "r"};
  auto properties = std::make_unique<Properties>();
  properties->user.emplace_back(kTraceparent, kNotSampled);
  reply.properties = std::move(properties);

  EXPECT_EQ(all_.BeginReply(*message, reply), nullptr);
  EXPECT_EQ(PropertyOf(reply.properties.get(), kTraceparent), kNotSampled);
}

TEST_F(MessageSpansTest, AReplyThatTheJournalGivesBackGoesOnWithTheSpanItHad) {
  OutboundMessage reply{.topic = "r"};
  const std::unique_ptr<const ReplySpan> before = all_.BeginReply(*Traced(), reply);

  MessageSpans after(clock_, 0, spans_);
  const std::unique_ptr<const ReplySpan> span = after.ResumeReply(reply);
  ASSERT_NE(span, nullptr);
  EXPECT_EQ(span->trace.trace, before->trace.trace);
  EXPECT_EQ(span->trace.span, before->trace.span);
  EXPECT_EQ(span->trace.parent, before->trace.parent);
  clock_.Advance(Millis(2));
  after.EndReply({.span = *span, .connection = "plant", .chain = {}});
  EXPECT_EQ(spans_.Named("publish plant")->end_unix_ns - spans_.Named("publish plant")->start_unix_ns, 2'000'000);
}

TEST_F(MessageSpansTest, WhatIsNoTracedReplyIsNotResumed) {
  EXPECT_EQ(all_.ResumeReply({.topic = "r"}), nullptr);
  // The publication of a dead letter has its message's properties.
  OutboundMessage letter{.topic = "dead"};
  letter.properties = std::make_unique<const Properties>(*Traced()->properties);
  EXPECT_EQ(all_.ResumeReply(letter), nullptr);
}

TEST_F(MessageSpansTest, AReplyThatNoBrokerTakesIsAnError) {
  OutboundMessage reply{.topic = "r"};
  const std::unique_ptr<const ReplySpan> span = all_.BeginReply(*Traced(), reply);
  all_.EndReply({.span = *span, .connection = "plant", .chain = "c", .trouble = "not authorised"});
  EXPECT_TRUE(spans_.all[0].error);
  EXPECT_EQ(spans_.all[0].status, "not authorised");
}

}  // namespace
}  // namespace sluice
