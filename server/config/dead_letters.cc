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

void ReadTracing(Reading& reading, MapReader& top, Draft& draft) {
  const Entry* entry = top.Find("tracing");
  if (entry == nullptr) return;
  TracingConfig& tracing = draft.config.tracing;
  MapReader map(reading, kTracingSection, *entry, "tracing");
  map.Read("keep", tracing.keep);
  map.Read("maxSteps", tracing.max_steps);
  map.Read("maxBytes", tracing.max_bytes);
}

}  // namespace sluice
