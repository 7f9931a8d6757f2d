#include "server/config/sections.h"
#include "server/runtime/text.h"

namespace sluice {

void ReadPressure(Reading& reading, MapReader& top, Draft& draft) {
  const Entry* entry = top.Find("pressure");
  if (entry == nullptr) return;
  PressureConfig& pressure = draft.config.pressure;
  MapReader map(reading, kPressureSection, *entry, "pressure");
  map.Read("replicas", pressure.replicas);
  map.Read("leaveShareAfter", pressure.leave_share_after);
  map.Read("noWorkersAfter", pressure.no_workers_after);
  map.Read("high", pressure.high);
  map.Read("low", pressure.low);
  if (pressure.low >= pressure.high) {
    map.Error("low", text::Concat("found ", pressure.low, ", which is not less than high, ", pressure.high,
                                  "; allowed: a smaller low, or a larger high"));
  }
}

}  // namespace sluice
