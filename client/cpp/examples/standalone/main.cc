// The smallest worker: answers each message with its payload in capitals, on the topic the message itself asks for.
#include <sluice/worker.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <string>
#include <string_view>

int main(int argc, char** argv) {
  using namespace sluice::client;
  if (argc != 3 || std::string_view(argv[1]) == "--help") {
    std::puts("usage: my-worker GATEWAY_HOST:PORT CHAIN");
    return argc == 2 ? 0 : 2;
  }
  Options options;
  options.gateways = {argv[1]};
  options.chains = {argv[2]};
  options.worker_name = "my-worker";
  options.security = Security::kPlaintext;  // For a first try; see Options::tls.

  Worker worker(options, [](const Message& message) {
    Reply reply{.payload = std::string(message.payload)};
    std::transform(reply.payload.begin(), reply.payload.end(), reply.payload.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return reply;
  });
  const Status status = worker.RunUntilSignal();
  if (!status.ok()) std::fprintf(stderr, "my-worker: %s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
