#include "server/config/sections.h"

namespace sluice {

void ReadTracing(Reading& reading, MapReader& top, Draft& draft) {
  const Entry* entry = top.Find("tracing");
  if (entry == nullptr) return;
  TracingConfig& tracing = draft.config.tracing;
  MapReader map(reading, kTracingSection, *entry, "tracing");
  map.Read("keep", tracing.keep);
  map.Read("maxSteps", tracing.max_steps);
  map.Read("maxBytes", tracing.max_bytes);
  map.Read("maxStepsPerSecond", tracing.max_steps_per_second);
}

}  // namespace sluice
