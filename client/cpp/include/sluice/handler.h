// What a user writes, made into one type.
#pragma once

#include <concepts>
#include <exception>
#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

#include "sluice/context.h"

namespace sluice::client {

// Anything that can be called with (const Message&) or (const Message&, Context&) and returns
//   Reply                ACK with one reply
//   std::vector<Reply>   ACK with these replies, in order
//   Settlement           what it says
//   void                 ACK
// An exception becomes RETRY with its text as the reason. Called by as many threads as Options::concurrency at once
// (with 0: by one thread for each stream), so what it shares it must guard.
class Handler {
 public:
  template <typename F>
    requires(!std::same_as<std::remove_cvref_t<F>, Handler> &&
             (std::invocable<F&, const Message&, Context&> || std::invocable<F&, const Message&>))
  // NOLINTNEXTLINE(google-explicit-constructor): a lambda is to be accepted where a handler is wanted.
  Handler(F&& function) {
    run_ = [function = std::forward<F>(function)](const Message& message, Context& context) mutable {
      Answer(function, message, context);
    };
  }

  // For the SDK. Settles exactly once; never throws.
  void Run(const Message& message, Context& context) const {
    try {
      run_(message, context);
    } catch (const std::exception& error) {
      context.Settle(Outcome::kRetry, error.what(), {}, {});
    } catch (...) {
      context.Settle(Outcome::kRetry, "the handler threw something that is not a std::exception", {}, {});
    }
  }

 private:
  template <typename F>
  static decltype(auto) Call(F& function, const Message& message, Context& context) {
    if constexpr (std::invocable<F&, const Message&, Context&>) {
      return function(message, context);
    } else {
      return function(message);
    }
  }

  template <typename F>
  static void Answer(F& function, const Message& message, Context& context) {
    using Result = std::remove_cvref_t<decltype(Call(function, message, context))>;
    if constexpr (std::is_void_v<Result>) {
      Call(function, message, context);
      context.Settle(Outcome::kAck, {}, {}, {});
    } else if constexpr (std::is_same_v<Result, Settlement>) {
      const Settlement& settlement = Call(function, message, context);
      context.Settle(settlement.outcome, settlement.reason, settlement.retry_after, settlement.replies);
    } else if constexpr (std::is_same_v<Result, Reply>) {
      const Reply& reply = Call(function, message, context);
      context.Settle(Outcome::kAck, {}, {}, {&reply, 1});
    } else {
      static_assert(std::is_same_v<Result, std::vector<Reply>>,
                    "a handler returns Reply, std::vector<Reply>, Settlement or void");
      const std::vector<Reply>& replies = Call(function, message, context);
      context.Settle(Outcome::kAck, {}, {}, replies);
    }
  }

  std::function<void(const Message&, Context&)> run_;
};

}  // namespace sluice::client
