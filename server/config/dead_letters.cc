#include "server/config/sections.h"

namespace sluice {

void ReadDeadLetters(Reading& reading, MapReader& top, Draft& draft) {
  const Entry* entry = top.Find("deadLetters");
  if (entry == nullptr) return;
  DeadLetterLimits& limits = draft.config.dead_letters;
  MapReader map(reading, kDeadLettersSection, *entry, "deadLetters");
  map.Read("maxMessages", limits.max_messages);
  map.Read("maxBytes", limits.max_bytes);
  map.Read("maxAge", limits.max_age);
}

}  // namespace sluice
