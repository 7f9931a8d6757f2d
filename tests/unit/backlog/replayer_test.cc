#include "server/backlog/replayer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/journal/memory_journal.h"
#include "tests/support/fake_publisher.h"
#include "tests/support/manual_clock.h"
#include "tests/unit/deadletter/letters.h"

namespace sluice {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// Takes messages in until it is full.
class BoundedJournal final : public Journal {
 public:
  void Fill() { full_ = true; }
  absl::Status Append(std::span<RoutedMessage> batch) override {
    if (full_) return absl::ResourceExhaustedError("the journal is full");
    return memory_.Append(batch);
  }
  absl::Status Settle(std::span<const RecordId> records, std::span<OutboxEntry> replies) override {
    return memory_.Settle(records, replies);
  }
  void Confirm(std::span<const RecordId> records) override { memory_.Confirm(records); }
  Depth depth() const override { return memory_.depth(); }

 private:
  MemoryJournal memory_;
  bool full_ = false;
};

// Keeps what comes, and what the journal held by then.
class CollectingQueue final : public RoutedSink {
 public:
  explicit CollectingQueue(const Journal& journal) : journal_(journal) {}
  void Enqueue(std::span<RoutedMessage> batch) override {
    journaled = journal_.depth().ingress_messages;
    for (RoutedMessage& routed : batch) messages.push_back(std::move(routed));
  }
  std::vector<RoutedMessage> messages;
  size_t journaled = 0;

 private:
  const Journal& journal_;
};

class ReplayerTest : public testing::Test {
 protected:
  ReplayerTest() {
    RouteSpec spec;
    spec.id = "temperature";
    spec.connection = "plant";
    spec.filter = "plant/+/temp";
    spec.target = "readings";
    EXPECT_TRUE(BuildRoutes(std::vector<RouteSpec>{spec}, chains_, routes_).ok());
    publisher_.ListenWith(outbox_);
    outbox_.AddConnection("plant", publisher_);
  }
  absl::Status ReplayOne(StoredLetter letter) {
    std::vector<StoredLetter> letters;
    letters.push_back(std::move(letter));
    return replayer_.Replay(std::move(letters)).front();
  }
  static StoredLetter Reply() {
    StoredLetter letter = MakeLetter({.payload = "answer"});
    letter.kind = StoredLetter::Kind::kReply;
    letter.route.clear();
    letter.chain.clear();
    return letter;
  }

  absl::Status Check(const OutboundMessage& reply) const {
    return reply.topic == denied_ ? absl::FailedPreconditionError("refused again: denied") : absl::OkStatus();
  }

  std::set<std::string, std::less<>> configured_;  // Empty: all.
  std::string denied_;                             // A topic that replies may not go to.
  ManualClock clock_;
  MetricsRegistry metrics_;
  ChainDirectory chains_{ChainOptions{.order_by = {OrderBy::Kind::kTopic}}};
  RouteTable routes_;
  Restorer restorer_{{"plant"}, chains_, routes_};
  BoundedJournal journal_;
  CollectingQueue queue_{journal_};
  FakePublisher publisher_;
  Outbox outbox_{clock_, journal_, metrics_, {}, [](const std::string&, bool) {}};
  bool draining_ = false;
  Replayer replayer_{{.clock = clock_,
                      .restorer = restorer_,
                      .chains = chains_,
                      .routes = routes_,
                      .configured = [this](auto chain) { return configured_.empty() || configured_.contains(chain); },
                      .journal = journal_,
                      .next = queue_,
                      .outbox = outbox_,
                      .check_reply = [this](const OutboundMessage& reply, const Route&) { return Check(reply); },
                      .draining = [this] { return draining_; }}};
};

TEST_F(ReplayerTest, AMessageIsJournaledAndQueuedAgainUnderItsIdWithoutAttempts) {
  const StoredLetter letter = MakeLetter();
  ASSERT_TRUE(ReplayOne(letter).ok());
  ASSERT_THAT(queue_.messages, SizeIs(1));
  EXPECT_EQ(queue_.journaled, 1u) << "before it was queued";
  const RoutedMessage& routed = queue_.messages[0];
  EXPECT_EQ(routed.id, letter.id);
  EXPECT_EQ(routed.attempts, 0u);
  EXPECT_NE(routed.record, 0u);
  EXPECT_EQ(routed.route, routes_.Find("temperature"));
  EXPECT_EQ(routed.chain, chains_.Find("readings"));
  EXPECT_EQ(routed.start_node, "node3");
  EXPECT_EQ(routed.ordering_key, "plant/boiler/temp");
  EXPECT_EQ(routed.message->payload, "81.5");
}

TEST_F(ReplayerTest, WhatHadNoRouteIsRoutedAnew) {
  StoredLetter letter = MakeLetter();
  letter.route.clear();
  letter.chain.clear();
  letter.start_node.clear();
  const MessageId id = letter.id;
  ASSERT_TRUE(ReplayOne(std::move(letter)).ok());
  ASSERT_THAT(queue_.messages, SizeIs(1));
  const RoutedMessage& routed = queue_.messages[0];
  EXPECT_EQ(routed.id, id);
  EXPECT_NE(routed.record, 0u);
  EXPECT_EQ(routed.route, routes_.Find("temperature"));
  EXPECT_EQ(routed.chain, chains_.Find("readings"));
  EXPECT_EQ(routed.ordering_key, "plant/boiler/temp");
}

TEST_F(ReplayerTest, WhatHadNoRouteGoesToAllThatTakeItByNow) {
  RouteSpec spec;
  spec.id = "sites";
  spec.connection = "plant";
  spec.filter = "plant/#";
  spec.target = "${topic.2}:${topic.3}";
  spec.from_processors = {"toHex"};
  ASSERT_TRUE(BuildRoutes(std::vector<RouteSpec>{spec}, chains_, routes_).ok());
  StoredLetter letter = MakeLetter();
  letter.route.clear();
  letter.chain.clear();
  ASSERT_TRUE(ReplayOne(std::move(letter)).ok());
  ASSERT_THAT(queue_.messages, SizeIs(2));
  EXPECT_EQ(queue_.messages[1].chain, chains_.Find("boiler"));
  EXPECT_EQ(queue_.messages[1].start_node, "temp");
  EXPECT_EQ(queue_.messages[1].message->payload, "38312E35");
  EXPECT_NE(queue_.messages[0].id, queue_.messages[1].id);
}

TEST_F(ReplayerTest, WhatStillHasNoRouteOrChainStays) {
  StoredLetter letter = MakeLetter();
  letter.route.clear();
  letter.chain.clear();
  letter.message = MakeMessage(MessageSpec{.topic = "office/door"});
  EXPECT_EQ(ReplayOne(letter), absl::FailedPreconditionError("no route of its connection takes its topic"));
  letter.message = MakeMessage(MessageSpec{.topic = ""});
  EXPECT_THAT(std::string(ReplayOne(letter).message()), HasSubstr("no worker could be given it"));
  EXPECT_THAT(queue_.messages, IsEmpty());
}

TEST_F(ReplayerTest, WhatWasToExpireDoesNotAnyMore) {
  auto properties = std::make_unique<Properties>();
  properties->content_type = "text/plain";
  properties->expiry_s = 1;
  MessageSpec spec{.properties = std::move(properties)};
  StoredLetter letter = MakeLetter();
  letter.message = MakeMessage(std::move(spec));
  ASSERT_TRUE(ReplayOne(std::move(letter)).ok());
  const Message& message = *queue_.messages.at(0).message;
  EXPECT_EQ(message.expires(), kNever);
  EXPECT_EQ(message.properties->content_type, "text/plain");
}

TEST_F(ReplayerTest, AReplyThatTheGatewayWouldRefuseAgainStays) {
  denied_ = Reply().message->topic;
  EXPECT_EQ(ReplayOne(Reply()).message(), "refused again: denied");
  EXPECT_THAT(publisher_.open(), IsEmpty());
  denied_.clear();
  EXPECT_TRUE(ReplayOne(Reply()).ok());
  EXPECT_THAT(publisher_.open(), SizeIs(1));
}

TEST_F(ReplayerTest, WhatIsNotConfiguredAnyMoreIsSaidForEach) {
  std::vector<StoredLetter> letters;
  letters.push_back(MakeLetter());
  letters.back().connection = "office";
  letters.push_back(MakeLetter());
  letters.back().route = "pressure";
  letters.push_back(MakeLetter({.chain = "gone"}));
  letters.push_back(MakeLetter());
  const auto statuses = replayer_.Replay(std::move(letters));
  ASSERT_THAT(statuses, SizeIs(4));
  EXPECT_THAT(std::string(statuses[0].message()), HasSubstr("the connection 'office' is not configured any more"));
  EXPECT_THAT(std::string(statuses[1].message()), HasSubstr("the route 'pressure' is not configured any more"));
  EXPECT_THAT(std::string(statuses[2].message()), HasSubstr("the chain 'gone' is not configured any more"));
  EXPECT_TRUE(statuses[3].ok());
  EXPECT_THAT(queue_.messages, SizeIs(1));
}

TEST_F(ReplayerTest, WhatAChangeOfTheConfigurationTookAwayIsNotConfiguredEither) {
  configured_ = {"elsewhere"};
  EXPECT_EQ(ReplayOne(MakeLetter()).message(), "the chain 'readings' is not configured any more");
  configured_.clear();
  EXPECT_TRUE(ReplayOne(MakeLetter()).ok());
  ASSERT_TRUE(routes_.Replace({}, chains_).ok());
  EXPECT_FALSE(ReplayOne(MakeLetter()).ok());
  EXPECT_THAT(queue_.messages, SizeIs(1));
}

TEST_F(ReplayerTest, AFullJournalQueuesNothing) {
  journal_.Fill();
  EXPECT_TRUE(absl::IsResourceExhausted(ReplayOne(MakeLetter())));
  EXPECT_THAT(queue_.messages, IsEmpty());
}

TEST_F(ReplayerTest, AReplyIsPublishedAgain) {
  ASSERT_TRUE(ReplayOne(Reply()).ok());
  EXPECT_EQ(journal_.depth().outbox_messages, 1u);
  ASSERT_THAT(publisher_.open(), SizeIs(1));
  EXPECT_EQ(publisher_.open()[0].message->payload, "answer");
  EXPECT_EQ(publisher_.open()[0].message->topic, "plant/boiler/temp");
  publisher_.ConfirmAll();
  EXPECT_EQ(journal_.depth().outbox_messages, 0u);
}

TEST_F(ReplayerTest, AReplyWhoseConnectionIsGoneStays) {
  StoredLetter letter = Reply();
  letter.connection = "office";
  EXPECT_TRUE(absl::IsFailedPrecondition(ReplayOne(std::move(letter))));
  EXPECT_THAT(publisher_.open(), IsEmpty());
}

TEST_F(ReplayerTest, AGatewayThatDrainsTakesNothing) {
  draining_ = true;
  EXPECT_TRUE(absl::IsUnavailable(ReplayOne(MakeLetter())));
  EXPECT_TRUE(absl::IsUnavailable(ReplayOne(Reply())));
  EXPECT_THAT(queue_.messages, IsEmpty());
  EXPECT_THAT(publisher_.open(), IsEmpty());
}

}  // namespace
}  // namespace sluice
