#include <algorithm>

#include "server/config/sections.h"
#include "server/message/topic_matcher.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

// A reply that a route takes in again is refused, however it is allowed.
void WarnOfLoops(Reading& reading, const Entry& allow, const Draft& draft) {
  for (const Value& item : allow.value.items) {
    if (std::ranges::find(draft.config.replies.allow, item.text) == draft.config.replies.allow.end()) continue;
    for (const RouteConfig& route : draft.config.routes) {
      if (route.filter.empty() || !FiltersOverlap(item.text, route.filter)) continue;
      reading.Warn(item.at, text::Concat("replies.allow: ", Quoted(item.text), " holds topics that route ",
                                         Quoted(route.id), " takes in (", Quoted(route.filter),
                                         "); replies to these are refused unless allowLoops is true"));
      break;
    }
  }
}

}  // namespace

void ReadReplies(Reading& reading, MapReader& top, Draft& draft) {
  const Entry* entry = top.Find("replies");
  if (entry == nullptr) return;
  RepliesConfig& replies = draft.config.replies;
  MapReader map(reading, kRepliesSection, *entry, "replies");
  if (map.Read("allow", replies.allow) && replies.allow.empty()) {
    map.Warn("allow", "an empty list allows all topics but those that begin with '$', as if the key were not there");
  }
  map.Read("allowLoops", replies.allow_loops);
  if (const Entry* allow = map.Find("allow"); allow != nullptr && !replies.allow.empty() && !replies.allow_loops) {
    WarnOfLoops(reading, *allow, draft);
  }
  map.Read("maxPayloadBytes", replies.max_payload_bytes);
  map.Read("resultTimeout", replies.result_timeout);
  map.Read("maxOutstandingMessages", replies.max_outstanding_messages);
  map.Read("maxOutstandingBytes", replies.max_outstanding_bytes);
  std::string on_refused = "deadLetter";
  map.Read("onRefused", on_refused);
  replies.on_refused = on_refused == "retry"  ? OnRefused::kRetry
                       : on_refused == "drop" ? OnRefused::kDrop
                                              : OnRefused::kDeadLetter;
  std::string on_denied = "deadLetter";
  map.Read("onDenied", on_denied);
  replies.on_denied = on_denied == "drop" ? OnDenied::kDrop : OnDenied::kDeadLetter;
  map.Read("allowControlCharacters", replies.allow_control_characters);
}

}  // namespace sluice
