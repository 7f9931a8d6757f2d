#include "server/session/session_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/memory_files.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

using Filters = std::vector<std::string>;

constexpr char kPath[] = "/journal/sessions";
const SessionName kPlant{.client_id = "sluice-0", .broker = "broker:1883"};

class SessionMemoryTest : public testing::Test {
 protected:
  // As a process that starts.
  std::unique_ptr<SessionMemory> Start() { return SessionMemory::Open(kPath, files_); }
  // As a process that asks for these and is killed.
  Filters Run(const SessionName& name, const Filters& filters) {
    const auto memory = Start();
    Filters remainders = Begin(*memory, name, filters);
    EXPECT_TRUE(memory->Save().ok());
    return remainders;
  }
  static Filters Begin(SessionMemory& memory, const SessionName& name, const Filters& filters) {
    memory.Begin(name, "plant", filters);
    return memory.RemaindersOf(name);
  }

  MemoryFiles files_;
};

TEST_F(SessionMemoryTest, KnowsWhatAnEarlierConfigurationAskedFor) {
  EXPECT_THAT(Run(kPlant, {"plant/#", "$share/g/plant/+/temp"}), IsEmpty());
  EXPECT_THAT(Run(kPlant, {"plant/#"}), ElementsAre("$share/g/plant/+/temp"));
}

TEST_F(SessionMemoryTest, KnowsItUntilTheBrokerSaysThatItIsGone) {
  Run(kPlant, {"a", "b"});
  Run(kPlant, {"a"});
  EXPECT_THAT(Run(kPlant, {"a", "c"}), ElementsAre("b")) << "nobody has left it";
  const auto memory = Start();
  EXPECT_THAT(Begin(*memory, kPlant, {"c"}), ElementsAre("a", "b"));
  memory->Left(kPlant, "a");
  memory->Left(kPlant, "b");
  EXPECT_THAT(Run(kPlant, {"c"}), IsEmpty());
}

TEST_F(SessionMemoryTest, ANewSessionHoldsNothing) {
  Run(kPlant, {"a", "b"});
  const auto memory = Start();
  memory->Begin(kPlant, "plant", Filters{"a"});
  memory->Renewed(kPlant);
  EXPECT_THAT(Run(kPlant, {"a"}), IsEmpty());
}

// Before the first SUBSCRIBE goes out, whatever becomes of it.
TEST_F(SessionMemoryTest, WhatIsAskedForStandsOnTheDiskBeforeItIs) {
  Run(kPlant, {"a"});
  files_.LosePower();
  files_.Reboot();
  EXPECT_THAT(Run(kPlant, {}), ElementsAre("a"));
}

TEST_F(SessionMemoryTest, AKillAtWhateverByteLeavesTheOldOrTheNew) {
  Run(kPlant, {"a", "b"});
  const std::string before = *files_.Content(kPath);
  for (uint64_t byte = 0; byte < 120; ++byte) {
    files_.Put(kPath, before);
    files_.KillAfter(byte);
    {
      const auto memory = Start();
      memory->Begin(kPlant, "plant", Filters{"c"});
      (void)memory->Save();
    }
    files_.Reboot();
    const Filters left = Begin(*Start(), kPlant, {});
    EXPECT_THAT(left, testing::AnyOf(ElementsAre("a", "b"), ElementsAre("a", "b", "c"))) << byte;
  }
}

TEST_F(SessionMemoryTest, WritesNothingWhileNothingChanges) {
  Run(kPlant, {"a"});
  const size_t writes = files_.write_calls();
  Run(kPlant, {"a"});
  EXPECT_EQ(files_.write_calls(), writes);
}

TEST_F(SessionMemoryTest, WhatCouldNotBeWrittenIsWrittenWithTheNextChange) {
  const auto memory = Start();
  memory->Begin(kPlant, "plant", Filters{"a"});
  files_.FailWritesAfter(0, ENOSPC);
  EXPECT_FALSE(memory->Save().ok());
  files_.Heal();
  memory->Renewed(kPlant);
  EXPECT_THAT(Run(kPlant, {}), ElementsAre("a"));
}

TEST_F(SessionMemoryTest, AnotherAddressMayBeTheSameBroker) {
  SessionName by_number = kPlant;
  by_number.broker = "10.0.0.1:1883";
  Run(kPlant, {"a", "b"});
  EXPECT_THAT(Run(by_number, {"a"}), ElementsAre("b"));
  const auto memory = Start();
  memory->Begin(by_number, "plant", Filters{"a"});
  ASSERT_THAT(memory->Others(), SizeIs(1)) << "or not";
  EXPECT_EQ(memory->Others()[0].name, kPlant);
}

TEST_F(SessionMemoryTest, TwoBrokersMayKnowOneClientId) {
  SessionName elsewhere = kPlant;
  elsewhere.broker = "elsewhere:1883";
  Run(kPlant, {"a"});
  Run(elsewhere, {"b"});
  const auto memory = Start();
  memory->Begin(kPlant, "plant", Filters{"a"});
  memory->Begin(elsewhere, "elsewhere", Filters{"b"});
  EXPECT_THAT(memory->RemaindersOf(kPlant), IsEmpty());
  EXPECT_THAT(memory->RemaindersOf(elsewhere), IsEmpty());
}

TEST_F(SessionMemoryTest, AConnectionMayBeRenamed) {
  Run(kPlant, {"a", "b"});
  const auto memory = Start();
  memory->Begin(kPlant, "hall", Filters{"a"});
  EXPECT_THAT(memory->RemaindersOf(kPlant), ElementsAre("b"));
  EXPECT_THAT(memory->Others(), IsEmpty());
}

TEST_F(SessionMemoryTest, KnowsSessionsThatNobodyUsesAnyMore) {
  SessionName second = kPlant;
  second.client_id = "sluice-0-2";
  Run(kPlant, {"a/#"});
  Run(second, {"a/+"});
  const auto memory = Start();
  memory->Begin(kPlant, "plant", Filters{"a/#"});
  ASSERT_THAT(memory->Others(), SizeIs(1));
  EXPECT_EQ(memory->Others()[0].name, second);
  EXPECT_EQ(memory->Others()[0].connection, "plant");
  EXPECT_THAT(memory->Others()[0].filters, ElementsAre("a/+"));
  EXPECT_TRUE(memory->InUse("sluice-0"));
  EXPECT_FALSE(memory->InUse("sluice-0-2"));
  memory->Ended(second);
  EXPECT_THAT(Start()->Others(), SizeIs(1));
}

// Whether a session has a filter already says which retained messages are new with MQTT 3.1.1.
TEST_F(SessionMemoryTest, HoldsWhatTheBrokerHasGranted) {
  {
    const auto memory = Start();
    memory->Begin(kPlant, "plant", Filters{"a"});
    EXPECT_TRUE(memory->Holds(kPlant, "a")) << "nobody knows";
    memory->Renewed(kPlant);
    EXPECT_FALSE(memory->Holds(kPlant, "a"));
    memory->Granted(kPlant, "a");
  }
  {
    const auto memory = Start();
    memory->Begin(kPlant, "plant", Filters{"a", "added"});
    EXPECT_TRUE(memory->Holds(kPlant, "a"));
    EXPECT_FALSE(memory->Holds(kPlant, "added"));
    EXPECT_TRUE(memory->Save().ok());
  }
  const auto memory = Start();  // The broker was away.
  EXPECT_THAT(Begin(*memory, kPlant, {"a", "added"}), IsEmpty());
  EXPECT_TRUE(memory->Holds(kPlant, "a"));
  EXPECT_FALSE(memory->Holds(kPlant, "added")) << "asked for is not granted";
  memory->Granted(kPlant, "added");
  const auto next = Start();
  EXPECT_THAT(Begin(*next, kPlant, {"a", "added"}), IsEmpty());
  EXPECT_TRUE(next->Holds(kPlant, "added"));
}

TEST_F(SessionMemoryTest, IsWrittenOnceAllIsGranted) {
  const auto memory = Start();
  memory->Begin(kPlant, "plant", Filters{"a", "b", "c"});
  memory->Renewed(kPlant);
  const size_t writes = files_.write_calls();
  for (const char* filter : {"a", "b", "c"}) memory->Granted(kPlant, filter);
  EXPECT_EQ(files_.write_calls(), writes + 1);
}

TEST_F(SessionMemoryTest, AFilterThatWasOnlyAskedForIsARemainderToo) {
  Run(kPlant, {"a"});
  Run(kPlant, {"a", "b"});
  EXPECT_THAT(Run(kPlant, {"a"}), ElementsAre("b"));
}

TEST_F(SessionMemoryTest, NamesAndFiltersMayHoldAnything) {
  const SessionName odd{.client_id = "1:2\nfilter 1:x", .broker = "[::1]:1883"};
  Run(odd, {"päck/\n/ +/#", ""});
  EXPECT_THAT(Run(odd, {}), ElementsAre("", "päck/\n/ +/#"));
}

TEST_F(SessionMemoryTest, AFileThatCannotBeReadIsPutAside) {
  Run(kPlant, {"a"});
  files_.Content(kPath)->at(30) ^= 1;
  const std::string damaged = *files_.Content(kPath);
  EXPECT_THAT(Run(kPlant, {"b"}), IsEmpty());
  ASSERT_NE(files_.Content(std::string(kPath) + ".damaged"), nullptr);
  EXPECT_EQ(*files_.Content(std::string(kPath) + ".damaged"), damaged);
  EXPECT_THAT(Run(kPlant, {}), ElementsAre("b"));
}

TEST_F(SessionMemoryTest, WithoutAFileItKnowsNothingOfEarlierProcesses) {
  for (int start = 0; start < 2; ++start) {
    const auto memory = SessionMemory::Open("", files_);
    EXPECT_THAT(Begin(*memory, kPlant, start == 0 ? Filters{"a"} : Filters{}), IsEmpty());
    EXPECT_TRUE(memory->Save().ok());
    memory->Renewed(kPlant);
  }
  EXPECT_THAT(files_.Paths(), IsEmpty());
}

TEST(BrokerOf, IsHostAndPort) {
  EXPECT_EQ(BrokerOf("tcp://localhost:1883"), "localhost:1883");
  EXPECT_EQ(BrokerOf("wss://broker.example:443/mqtt"), "broker.example:443");
}

TEST_F(SessionMemoryTest, WhatIsChangedWhileItRunsIsKnownToTheNextStart) {
  const auto memory = Start();
  Begin(*memory, kPlant, {"keep", "old"});
  memory->Change(kPlant, Filters{"keep", "new"});
  ASSERT_TRUE(memory->Save().ok());
  EXPECT_THAT(memory->RemaindersOf(kPlant), ElementsAre("old"));
  EXPECT_THAT(Run(kPlant, {"keep", "new"}), ElementsAre("old")) << "killed before it was left";
  memory->Left(kPlant, "old");
  EXPECT_THAT(Run(kPlant, {"keep", "new"}), IsEmpty());
  EXPECT_THAT(Run(kPlant, {"keep"}), ElementsAre("new"));
}

TEST_F(SessionMemoryTest, OneThatIsLeftHoldsRemaindersOnlyUntilItIsUsedAgain) {
  const auto memory = Start();
  Begin(*memory, kPlant, {"a", "b"});
  EXPECT_TRUE(memory->InUse(kPlant.client_id));
  memory->Leave(kPlant);
  EXPECT_FALSE(memory->InUse(kPlant.client_id));
  ASSERT_EQ(memory->Others().size(), 1u);
  EXPECT_THAT(memory->Others().front().filters, ElementsAre("a", "b"));
  Begin(*memory, kPlant, {"b", "c"});
  EXPECT_THAT(memory->Others(), IsEmpty());
  EXPECT_THAT(memory->RemaindersOf(kPlant), ElementsAre("a"));
}

TEST_F(SessionMemoryTest, WhatIsWantedAgainBeforeItWasLeftIsNoRemainder) {
  const auto memory = Start();
  Begin(*memory, kPlant, {"a", "b"});
  memory->Change(kPlant, Filters{"a"});
  memory->Change(kPlant, Filters{"a", "b"});
  EXPECT_THAT(memory->RemaindersOf(kPlant), IsEmpty());
}

}  // namespace
}  // namespace sluice
