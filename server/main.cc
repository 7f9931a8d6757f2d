// sluice-gateway.
#include "server/run.h"

// Read by jemalloc as it starts (docs/adr/0007): what is free goes back to the system within a second or two, also when
// nothing is allocated any more.
extern "C" {
extern const char* malloc_conf;  // NOLINT(readability-identifier-naming): its name.
const char* malloc_conf = "background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0";
}

int main(int argc, char** argv) { return sluice::RunGateway({argv + 1, argv + argc}, {}); }
