// The loop's thread, its tasks and its timers.
#include "server/net/event_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <thread>

#include "tests/support/eventually.h"
#include "tests/support/recorder.h"

namespace sluice {
namespace {

using testing::ElementsAre;

SteadyTime Now() { return Clock::Real().Now(); }
constexpr SteadyTime kLongAgo = SteadyTime::min();

// Started, and stopped at the end of the scope.
class TestLoop : public EventLoop {
 public:
  TestLoop() : EventLoop("test-loop") { Start(nullptr); }

  // Runs on the loop's thread; returns when it has.
  void Run(std::function<void()> task) {
    Recorder<bool> done;
    Post([&] {
      task();
      done.Add(true);
    });
    ASSERT_FALSE(done.WaitFor(1).empty());
  }
};

// Holds a loop's thread until it is released.
class Blocker {
 public:
  std::function<void()> Task() {
    return [state = state_] {
      state->entered = true;
      Eventually([&] { return state->released.load(); });
    };
  }
  bool Entered() {
    return Eventually([&] { return state_->entered.load(); });
  }
  void Release() { state_->released = true; }

 private:
  struct State {
    std::atomic<bool> entered = false;
    std::atomic<bool> released = false;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

TEST(EventLoop, RunsTasksInOrderOnItsOwnThread) {
  Recorder<int> ran;
  EventLoop loop("test-loop");
  std::vector<int> expected;
  for (int i = 0; i < 1'000; ++i) {
    expected.push_back(i);
    if (i == 500) loop.Start(nullptr);
    loop.Post([&, i] {
      EXPECT_TRUE(loop.InLoop());
      ran.Add(i);
    });
  }
  EXPECT_FALSE(loop.InLoop());
  EXPECT_EQ(ran.WaitFor(expected.size()), expected);
}

TEST(EventLoop, TakesTasksFromManyThreadsEachInItsOrder) {
  constexpr size_t kThreads = 4;
  constexpr int kTasks = 2'000;
  std::array<int, kThreads> next{};
  TestLoop loop;
  {
    std::vector<std::jthread> threads;
    for (size_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kTasks; ++i) loop.Post([&, t, i] { EXPECT_EQ(next[t]++, i); });
      });
    }
  }
  loop.Run([&] { EXPECT_THAT(next, testing::Each(kTasks)); });
}

TEST(EventLoop, NamesItsThread) {
  EventLoop loop("a-name-that-is-too-long");
  loop.Start(nullptr);
  Recorder<std::string> name;
  loop.Post([&] {
    char text[16];
    pthread_getname_np(pthread_self(), text, sizeof(text));
    name.Add(text);
  });
  EXPECT_THAT(name.WaitFor(1), ElementsAre("a-name-that-is-"));
}

TEST(EventLoop, LetsATaskPostAnother) {
  Recorder<int> ran;
  TestLoop loop;
  loop.Post([&] {
    loop.Post([&] { ran.Add(2); });
    ran.Add(1);
  });
  EXPECT_THAT(ran.WaitFor(2), ElementsAre(1, 2));
}

TEST(EventLoop, RunsNothingAfterStop) {
  std::atomic<bool> ran = false;
  Blocker blocker;
  auto held = std::make_shared<int>();
  std::weak_ptr<int> watched = held;
  EventLoop loop("test-loop");
  loop.Start(nullptr);
  loop.Post(blocker.Task());
  loop.Post([&ran, held] { ran = true; });
  held.reset();
  ASSERT_TRUE(blocker.Entered());
  EXPECT_FALSE(loop.Stop(Now()));
  loop.Post([&ran] { ran = true; });
  blocker.Release();
  EXPECT_TRUE(loop.Stop(kNever));
  EXPECT_TRUE(loop.Stop(kNever)) << "idempotent";
  loop.Post([&ran] { ran = true; });
  EXPECT_FALSE(ran);
  EXPECT_TRUE(watched.expired()) << "a task that does not run holds nothing either";
}

TEST(EventLoop, StopsBeforeItsStart) {
  EventLoop loop("test-loop");
  EXPECT_TRUE(loop.Stop(kNever));
}

TEST(EventLoop, LeavesABlockedThreadBehindWithWhatItNeeds) {
  Blocker blocker;
  auto owner = std::make_shared<int>();
  std::weak_ptr<int> watched = owner;
  {
    EventLoop loop("test-loop");
    loop.Start(std::move(owner));
    loop.Post(blocker.Task());
    ASSERT_TRUE(blocker.Entered());
    EXPECT_FALSE(loop.Stop(Now()));
  }
  EXPECT_FALSE(watched.expired());
  blocker.Release();
  EXPECT_TRUE(Eventually([&] { return watched.expired(); }));
}

TEST(EventLoop, MayGoOnItsOwnThreadWithItsOwner) {
  struct Owner {
    explicit Owner(std::atomic<bool>& gone_flag) : gone(gone_flag), loop("test-loop"), timer(loop) {}
    ~Owner() { gone = true; }
    std::atomic<bool>& gone;
    EventLoop loop;
    Timer timer;
  };
  std::atomic<bool> gone = false;
  Blocker blocker;
  auto owner = std::make_shared<Owner>(gone);
  owner->timer.Set(kNever, [] { ADD_FAILURE(); });
  owner->loop.Start(owner);
  owner->loop.Post(blocker.Task());
  ASSERT_TRUE(blocker.Entered());
  EXPECT_FALSE(owner->loop.Stop(Now()));
  owner.reset();
  EXPECT_FALSE(gone);
  blocker.Release();
  EXPECT_TRUE(Eventually([&] { return gone.load(); }));
}

TEST(Timer, RunsOnceWhenItIsDueAndNotBefore) {
  TestLoop loop;
  std::optional<Timer> timer(loop);
  const SteadyTime due = Now() + Millis{20};
  Recorder<SteadyTime> ran;
  loop.Run([&] { timer->Set(due, [&] { ran.Add(Now()); }); });
  EXPECT_GE(ran.WaitFor(1).at(0), due);
  loop.Run([&] { timer.reset(); });
  EXPECT_EQ(ran.values().size(), 1u);
}

TEST(Timer, RunsOnlyWhatWasSetLast) {
  TestLoop loop;
  std::optional<Timer> timer(loop);
  Recorder<int> ran;
  loop.Run([&] {
    timer->Set(kLongAgo, [&] { ran.Add(1); });
    timer->Set(kLongAgo, [&] { ran.Add(2); });
    timer->Set(kLongAgo, [&] { ran.Add(3); });
  });
  EXPECT_THAT(ran.WaitFor(1), ElementsAre(3));
  loop.Run([&] { timer.reset(); });
  EXPECT_THAT(ran.values(), ElementsAre(3));
}

TEST(Timer, NeverRunsWhatWasCancelledThoughItWasDueAlready) {
  TestLoop loop;
  std::optional<Timer> first(loop);
  std::optional<Timer> cancelled(loop);
  std::optional<Timer> replaced(loop);
  std::optional<Timer> destroyed(loop);
  Recorder<int> ran;
  loop.Run([&] {
    // All are due at once, and their handlers queued together.
    first->Set(kLongAgo, [&] {
      cancelled->Cancel();
      replaced->Set(kLongAgo, [&] { ran.Add(2); });
      destroyed.reset();
      ran.Add(1);
    });
    for (std::optional<Timer>* timer : {&cancelled, &replaced, &destroyed}) {
      (*timer)->Set(kLongAgo, [] { ADD_FAILURE(); });
    }
  });
  EXPECT_THAT(ran.WaitFor(2), ElementsAre(1, 2));
  loop.Run([&] {
    first.reset();
    cancelled.reset();
    replaced.reset();
  });
}

TEST(Timer, CanBeSetAgainFromItsOwnTask) {
  TestLoop loop;
  std::optional<Timer> timer(loop);
  Recorder<int> ran;
  loop.Run([&] {
    timer->Set(kLongAgo, [&] {
      ran.Add(1);
      timer->Set(kLongAgo, [&] { ran.Add(2); });
    });
  });
  EXPECT_THAT(ran.WaitFor(2), ElementsAre(1, 2));
  loop.Run([&] { timer.reset(); });
}

TEST(Timer, LetsGoOfItsTaskWhenItIsCancelled) {
  TestLoop loop;
  std::optional<Timer> timer(loop);
  auto held = std::make_shared<int>();
  std::weak_ptr<int> watched = held;
  loop.Run([&, held = std::move(held)] {
    timer->Set(kNever, [held] {});
    timer->Cancel();
  });
  EXPECT_TRUE(Eventually([&] { return watched.expired(); }));
  loop.Run([&] { timer.reset(); });
}

TEST(Timer, DoesNotRunAfterTheLoopHasStopped) {
  EventLoop loop("test-loop");
  Timer timer(loop);
  timer.Set(kNever, [] { ADD_FAILURE(); });
  loop.Start(nullptr);
  EXPECT_TRUE(loop.Stop(kNever));
  timer.Set(kLongAgo, [] { ADD_FAILURE(); });
}

}  // namespace
}  // namespace sluice
