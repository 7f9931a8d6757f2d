// Where messages stand, for people who ask.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/unit/queue/dispatcher_fixture.h"

namespace sluice {
namespace {

using State = Whereabouts::State;

class DispatcherFind : public DispatcherTest {
 protected:
  // By payload; what is settling has none any more.
  std::map<std::string, Whereabouts> Find() {
    std::map<std::string, Whereabouts> found;
    for (Whereabouts& one : dispatcher.Find([](MessageId, const Message*) { return true; })) {
      std::string payload(one.message == nullptr ? "" : one.message->payload);
      found.emplace(std::move(payload), std::move(one));
    }
    return found;
  }
};

TEST_F(DispatcherFind, WhatWaitsIsWithAWorkerOrWillBeTriedAgain) {
  const Chain& chain = MakeChain("c");
  const Chain& other = MakeChain("d");
  EnqueuePayloads(chain, {"1", "2"});
  EXPECT_EQ(Find().at("2").state, State::kWaiting);
  EXPECT_EQ(Find().at("2").chain_workers, 0u);
  EnqueuePayloads(other, {"other"});
  dispatcher.PauseChain(other);

  auto worker = Connect({&chain}, {.messages = 1});
  Advance(Millis(10));
  auto found = Find();
  EXPECT_EQ(found.at("1").state, State::kWithWorker);
  EXPECT_EQ(found.at("1").delivered, clock.Now() - Millis(10));
  EXPECT_GT(found.at("1").due, clock.Now()) << "its lease";
  EXPECT_FALSE(found.at("1").worker.empty());
  EXPECT_EQ(found.at("2").chain_workers, 1u);
  EXPECT_TRUE(found.at("other").chain_paused);
  EXPECT_EQ(found.at("other").chain->name, "d");

  ASSERT_EQ(dispatcher.Claim(worker->id, std::vector<uint64_t>{worker->deliveries[0].id}).size(), 1u);
  EXPECT_EQ(Find().at("").state, State::kSettling);
}

TEST_F(DispatcherFind, WhatIsRetriedWaitsUntilItIsDue) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"1"});
  EXPECT_TRUE(Settle(*worker, worker->Take().id, Verdict::kRetry));
  const Whereabouts found = Find().at("1");
  EXPECT_EQ(found.state, State::kDelayed);
  EXPECT_GT(found.due, clock.Now());
  EXPECT_NE(found.due, kNever);
  EXPECT_EQ(found.attempts, 1u);
}

TEST_F(DispatcherFind, OnlyWhatIsWantedIsFound) {
  const Chain& chain = MakeChain("c");
  EnqueuePayloads(chain, {"1", "2", "3"});
  const auto found = dispatcher.Find([](MessageId, const Message* message) { return message->payload == "2"; });
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].message->payload, "2");
  EXPECT_NE(found[0].record, 0u);
}

}  // namespace
}  // namespace sluice
