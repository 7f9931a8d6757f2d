// libFuzzer's target (preset `fuzz`):
//
//   cmake --preset fuzz && cmake --build --preset fuzz --target protocol_fuzz protocol_seeds
//   build/fuzz/bin/protocol_seeds CORPUS && build/fuzz/bin/protocol_fuzz -max_len=2048 CORPUS
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/protocol_harness.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sluice::wire::RunProtocolInput({reinterpret_cast<const char*>(data), size});
  return 0;
}
