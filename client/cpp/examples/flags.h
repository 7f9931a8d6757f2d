// What both examples share: their flags, and how they begin and end.
#pragma once

#include <sluice/worker.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>

#ifdef SLUICE_OF_SLUICE  // Built with the rest of Sluice, whose build they name then.
#include "version/version.h"
#endif

namespace sluice::examples {

// Binds the flags to `options`, which must outlive the parsing. Call Finish() after it.
inline void AddWorkerFlags(CLI::App& app, client::Options& options) {
#ifdef SLUICE_OF_SLUICE
  app.set_version_flag("--version", app.get_name() + " " + std::string(BuildText()),
                       "print version, commit and build, and exit");
#endif
  app.add_option("--gateway", options.gateways,
                 "where gateways are: HOST:PORT[,HOST:PORT]; a name stands for all its addresses")
      ->delimiter(',')
      ->required()
      ->type_name("HOST:PORT");
  app.add_option("--chain", options.chains, "serve this chain; may be repeated")->required()->type_name("NAME");
  app.add_option("--name", options.worker_name, "what the gateway's logs call this worker")->capture_default_str();
  app.add_option("--window", options.window_messages, "most messages in work at once, per gateway")
      ->default_str("by how long the handler takes");
  app.add_option("--concurrency", options.concurrency,
                 "threads that run the handler; 0 runs it on the connection's own thread")
      ->default_str(options.concurrency == client::Options::kAutoConcurrency ? "the CPUs, at least 4"
                                                                             : std::to_string(options.concurrency));
  app.add_option("--ca-file", options.tls.ca_file,
                 "PEM file to check the gateway's certificate with; without it: plain text")
      ->type_name("FILE");
  app.add_option("--cert-file", options.tls.cert_file, "this worker's certificate, where the gateway asks for one")
      ->type_name("FILE");
  app.add_option("--key-file", options.tls.key_file, "the key that goes with --cert-file")->type_name("FILE");
  app.add_option("--token-file", options.token_file, "bearer token to show the gateway; read anew for each connection")
      ->type_name("FILE");
}

inline void FinishWorkerFlags(client::Options& options) {
  const bool tls = !options.tls.ca_file.empty() || !options.tls.cert_file.empty() || !options.tls.key_file.empty();
  options.security = tls ? client::Security::kTls : client::Security::kPlaintext;
}

// Serves until SIGTERM or SIGINT. Returns the exit status; what went wrong is told on standard error.
inline int RunUntilSignal(client::Worker& worker, const char* program) {
  const client::Status status = worker.RunUntilSignal();
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s: %s\n", program, status.ToString().c_str());
  return 1;
}

// main() of `program`, which is `run`.
inline int Main(const char* program, int (*run)(int, char**), int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", program, error.what());
    return 1;
  }
}

}  // namespace sluice::examples
