// Which dead letters a command line means. Of command_line.cc, where CLI11 stays.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "server/config/duration.h"
#include "sluice/v1/admin.pb.h"

namespace sluice::ctl {

// What a user may write for a filter.
struct FilterFlags {
  std::string chain;
  std::string topic;
  std::string reason;
  std::string older_than;
  std::string newer_than;
  std::string kind;

  void AddTo(CLI::App& app) {
    app.add_option("--chain", chain, "of this chain")->type_name("NAME");
    app.add_option("--topic", topic, "whose topic matches this filter; '+' and '#' are wildcards")->type_name("FILTER");
    app.add_option("--reason", reason, "with this text in the reason, in any case")->type_name("TEXT");
    app.add_option("--older-than", older_than, "died longer ago: 30s, 90m, 24h")->type_name("TIME");
    app.add_option("--newer-than", newer_than, "died at most so long ago")->type_name("TIME");
    app.add_option("--kind", kind, "message, or reply (one that was refused)")
        ->check(CLI::IsMember({"message", "reply"}))
        ->type_name("KIND");
  }
  bool any() const {
    return !(chain.empty() && topic.empty() && reason.empty() && older_than.empty() && newer_than.empty() &&
             kind.empty());
  }
  v1::DeadLetterFilter ToProto() const {
    v1::DeadLetterFilter filter;
    filter.set_chain(chain);
    filter.set_topic(topic);
    filter.set_reason(reason);
    filter.set_older_than_ms(ToMillis("--older-than", older_than));
    filter.set_newer_than_ms(ToMillis("--newer-than", newer_than));
    if (kind == "message") filter.set_kind(v1::DEAD_LETTER_KIND_MESSAGE);
    if (kind == "reply") filter.set_kind(v1::DEAD_LETTER_KIND_REPLY);
    return filter;
  }

 private:
  // Of a flag that may be absent. 0 would mean that there is none.
  static uint64_t ToMillis(const std::string& flag, const std::string& text) {
    if (text.empty()) return 0;
    const std::optional<Millis> duration = ParseDuration(text);
    if (!duration || duration->count() == 0) {
      throw CLI::ValidationError(flag, "'" + text + "' is no time; allowed: such as 30s, 90m, 24h or 1h30m");
    }
    return static_cast<uint64_t>(duration->count());
  }
};

}  // namespace sluice::ctl
