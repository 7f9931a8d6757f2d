#include "server/worker/wire_reader.h"

namespace sluice {

void WireReader::Skip(uint32_t tag) {
  // Groups nest; like protobuf, no deeper than 100.
  constexpr int kMaxDepth = 100;
  uint32_t open[kMaxDepth];
  int depth = 0;
  while (!failed_) {
    switch (tag & 7) {
      case 0:
        Varint();
        break;
      case 1:
        Advance(8);
        break;
      case 2:
        Bytes();
        break;
      case 3:
        if (depth == kMaxDepth) {
          Fail();
          return;
        }
        open[depth++] = tag >> 3;
        break;
      case 4:
        if (depth == 0 || open[--depth] != tag >> 3) Fail();
        break;
      case 5:
        Advance(4);
        break;
      default:
        Fail();
    }
    if (depth == 0) return;
    tag = NextTag();
    if (tag == 0) Fail();  // The group is not closed.
  }
}

}  // namespace sluice
