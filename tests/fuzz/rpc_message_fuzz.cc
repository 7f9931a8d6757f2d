// libFuzzer's target (preset `fuzz`), for messages and what headers say:
//
//   build/fuzz/bin/rpc_seeds message CORPUS && build/fuzz/bin/rpc_message_fuzz -max_len=2048 CORPUS
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/rpc_session_harness.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sluice::rpc::RunMessageInput({reinterpret_cast<const char*>(data), size});
  return 0;
}
