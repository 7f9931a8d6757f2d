#include "server/config/sections.h"

namespace sluice {

void ReadReplies(Reading& reading, MapReader& top, Draft& draft) {
  const Entry* entry = top.Find("replies");
  if (entry == nullptr) return;
  RepliesConfig& replies = draft.config.replies;
  MapReader map(reading, kRepliesSection, *entry, "replies");
  if (map.Read("allow", replies.allow) && replies.allow.empty()) {
    map.Warn("allow", "an empty list allows all topics but those that begin with '$', as if the key were not there");
  }
  map.Read("allowLoops", replies.allow_loops);
  map.Read("maxPayloadBytes", replies.max_payload_bytes);
  map.Read("resultTimeout", replies.result_timeout);
  map.Read("maxOutstandingMessages", replies.max_outstanding_messages);
  map.Read("maxOutstandingBytes", replies.max_outstanding_bytes);
  std::string on_refused = "deadLetter";
  map.Read("onRefused", on_refused);
  replies.on_refused = on_refused == "retry"  ? OnRefused::kRetry
                       : on_refused == "drop" ? OnRefused::kDrop
                                              : OnRefused::kDeadLetter;
}

}  // namespace sluice
