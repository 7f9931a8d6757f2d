// libFuzzer's target (preset `fuzz`):
//
//   cmake --preset fuzz && cmake --build --preset fuzz --target rpc_session_fuzz rpc_seeds
//   build/fuzz/bin/rpc_seeds session CORPUS && build/fuzz/bin/rpc_session_fuzz -max_len=4096 CORPUS
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/rpc_session_harness.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sluice::rpc::RunSessionInput({reinterpret_cast<const char*>(data), size});
  return 0;
}
