// Which replies to messages of one chain a principal may send: the filters of its rules, found by what stands in a topic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/identity/reply_filter.h"
#include "server/message/message.h"

namespace sluice {

// A reply as far as permission goes.
struct ReplyAct {
  std::string_view topic;  // A valid topic name.
  Qos qos = Qos::kAtMostOnce;
  bool retain = false;
  std::string_view message_topic;  // Of the message that it answers.
};

// Immutable, hence thread-safe. What it costs does not grow with the filters that a topic has nothing in common with.
class ReplyGrants {
 public:
  struct Allowed {
    ReplyFilter filter;
    Qos qos;  // The highest.
    bool retain;
    std::string rule;
  };
  struct Denied {
    ReplyFilter filter;
    std::string rule;
  };

  ReplyGrants(std::vector<Allowed> allowed, std::vector<Denied> denied);

  // What one of `denied` matches is denied, and what is left needs one of `allowed` that matches and gives its QoS and its
  // retain flag. Does not allocate unless it refuses; `why` is then said for the worker.
  bool Permits(const ReplyAct& reply, std::string& why) const;

 private:
  // Indexes into denied_ and allowed_.
  struct Candidates {
    std::vector<uint32_t> denied;
    std::vector<uint32_t> allowed;
  };
  // Filters that want a text at this level of the topic, by that text.
  struct ByLevel {
    size_t level;
    absl::flat_hash_map<std::string, Candidates> of_text;
  };

  // How many filters want a text at a level.
  using Wanted = absl::flat_hash_map<std::pair<size_t, std::string>, size_t>;

  Candidates& CandidatesFor(const ReplyFilter& filter, const Wanted& wanted);
  bool IsPermitted(const ReplyAct& reply, const SplitTopic& topic, const SplitTopic& message) const;
  std::string WhyNot(const ReplyAct& reply, const SplitTopic& topic, const SplitTopic& message) const;

  std::vector<Allowed> allowed_;
  std::vector<Denied> denied_;
  Candidates others_;  // Filters that nothing in a topic tells apart, or all where there are few.
  std::vector<ByLevel> by_level_;
};

}  // namespace sluice
