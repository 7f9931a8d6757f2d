// sluice-gateway.
#include "server/run.h"

int main(int argc, char** argv) { return sluice::RunGateway({argv + 1, argv + argc}, {}); }
