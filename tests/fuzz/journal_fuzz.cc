// libFuzzer's target (preset `fuzz`):
//
//   cmake --preset fuzz && cmake --build --preset fuzz --target journal_fuzz journal_seeds
//   build/fuzz/bin/journal_seeds CORPUS && build/fuzz/bin/journal_fuzz -max_len=4096 CORPUS
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/journal_harness.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sluice::RunJournalInput({reinterpret_cast<const char*>(data), size});
  return 0;
}
