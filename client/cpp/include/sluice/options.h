// Everything that can be set on a worker, with default, unit and consequence.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/settlement.h"
#include "sluice/status.h"

namespace sluice::client {

// Something in the life of a connection. None is raised per message, save kItemRefused, at most once a second and
// stream.
struct Event {
  enum class Kind : std::uint8_t {
    kConnected,      // A gateway has accepted the worker.
    kDisconnected,   // A stream that was connected has ended. `status` says why; OK: as agreed.
    kConnectFailed,  // No connection, or the gateway refused the worker: `status` says why.
    kChainRefused,   // Connected, but the gateway delivers nothing from the chain named in `text`.
    kDraining,       // The gateway, or this worker, takes leave: what is in work is finished first.
    kResolveFailed,  // A name cannot be looked up; the addresses known so far stay in use.
    kItemRefused,    // The gateway did not accept a settle or a reply, or the SDK could not send it.
  };
  Kind kind = Kind::kConnected;
  std::string address;                     // "192.0.2.7:7443" or, for kResolveFailed, the name.
  Status status;                           // OK unless the kind says otherwise.
  std::chrono::milliseconds retry_in{-1};  // When the next attempt follows; -1: none.
  std::string text;                        // One line for people that says all of the above.
};

// Writes "sluice: <text>" and a line feed to standard error.
void PrintEvent(const Event& event);

struct Tls {
  // PEM files, read by each connection attempt, so that renewed files are taken up.
  std::string ca_file;    // Empty: the system's roots.
  std::string cert_file;  // For mutual TLS; goes with key_file.
  std::string key_file;
  // The name the gateway's certificate must carry. Empty: the host as given in Options::gateways.
  std::string server_name;
};

enum class Security : std::uint8_t {
  kTls,       // Options::tls.
  kPlaintext  // Anyone on the way can read and change everything.
};

// A value; copied when the worker is made. Worker::Run() refuses what is out of range, naming the field.
struct Options {
  // "HOST:PORT", "[IPv6]:PORT" or "HOST" (port 7443); at least one. Each name is looked up for all its addresses, and
  // one stream is kept to each: list a headless Service, or every replica.
  std::vector<std::string> gateways;

  // The chains this worker serves, 1 … 1,000, each at most 256 bytes.
  std::vector<std::string> chains;

  // What kind of worker this is, for people and logs; at most 256 bytes.
  std::string worker_name = "worker";

  // Which one of them; empty: "<host name>-<process id>". At most 256 bytes.
  std::string instance;

  // How many messages one stream may have delivered but not settled. kAutoWindow: as many as the handlers get through
  // in 100 ms, by how long they have taken lately, shared by the streams that have something to do; never fewer than
  // there are threads for, never more than 1,000 a stream. Fixed, a larger one keeps the worker busy over longer
  // distances to the gateway; a smaller one spreads a backlog more evenly over workers, and loses less time when this
  // one dies.
  std::uint32_t window_messages = kAutoWindow;
  static constexpr std::uint32_t kAutoWindow = static_cast<std::uint32_t>(-1);

  // The same in bytes of payload, topic and properties; 0: no limit of its own. With window_messages it bounds the
  // memory of this process: window_bytes (and one message larger than that) for each stream.
  std::uint64_t window_bytes = std::uint64_t{64} << 20;

  // Threads that run handlers, shared by all streams. 0: handlers run on the stream's own thread; the fastest for
  // handlers of a few microseconds that never wait, but while one waits, its stream neither reads nor sends.
  // kAutoConcurrency: the machine's CPUs, at least 4.
  std::size_t concurrency = kAutoConcurrency;
  static constexpr std::size_t kAutoConcurrency = static_cast<std::size_t>(-1);

  // How long a message is kept from other workers after this one has vanished without closing its stream. 0: as the
  // chain says. Long handlers need no long lease: leases are extended at their half while a handler runs.
  std::chrono::milliseconds lease{0};

  // kPlaintext must be asked for.
  Security security = Security::kTls;
  Tls tls;

  // A file with a bearer token for the gateway (`workers.auth.jwt`), such as a projected token of Kubernetes; blanks and
  // line breaks around it do not count. Read by each connection attempt, so that a renewed token is taken up; a gateway
  // asks for a new connection before the token ends. With kPlaintext anyone on the way can take it. Empty: none.
  std::string token_file;

  // Where the token comes from instead of a file: called by each connection attempt, on the thread in Run(), which it must
  // not block for long. An error is an event, and the attempt is made again like one to a lost connection. An exception
  // is an error, too.
  std::function<Status(std::string& token)> token;

  // Which addresses of a name that has both kinds are used. A replica with an IPv4 and an IPv6 address would be
  // given two streams by kAll.
  enum class Family : std::uint8_t { kPreferIpv4, kPreferIpv6, kAll };
  Family family = Family::kPreferIpv4;

  // Looks a name up in place of the system's resolver: fills in its IP addresses, "192.0.2.7" or "2001:db8::7", or says
  // why it cannot. It is asked for names only, as often as resolve_interval says, on one thread of the worker's own, and may
  // block. A call that is under way when Run() returns is not waited for, so it must own what it uses. An exception
  // is an error, too. Empty: the system's.
  std::function<Status(const std::string& host, std::vector<std::string>& addresses)> resolver;

  // How often names are looked up again (1 s …). New addresses get a stream, vanished ones are not dialled again. A
  // name that cannot be found is looked up again after a pause as below, if that is shorter.
  std::chrono::milliseconds resolve_interval{10'000};

  // The pause before a connection is tried again: doubled from the first to the longest, each time held to a random
  // half … whole of itself. What will not mend by itself (a rejected identity, an unknown chain) waits the longest at
  // once.
  std::chrono::milliseconds reconnect_first{100};
  std::chrono::milliseconds reconnect_longest{30'000};

  // How long a connection may take from dialling to the gateway's Welcome.
  std::chrono::milliseconds connect_timeout{10'000};

  // How long Drain() waits for handlers and for the gateway to take their settles. What is left is delivered again.
  std::chrono::milliseconds drain_timeout{20'000};

  // What may wait to be sent on one stream before Context::Send() waits: replies ahead of their settle, in bytes.
  std::size_t send_buffer_bytes = std::size_t{16} << 20;

  // Called for every event, one at a time, on the thread in Run(). Must not throw. Default: a line on standard error.
  std::function<void(const Event&)> on_event = PrintEvent;

  // Called for each result, in order for one stream, on the stream's thread: must be quick, thread-safe, and must not
  // throw. Default: results of replies are ignored, errors of items become events.
  std::function<void(const ItemResult&)> on_result;
};

// OK, or INVALID_ARGUMENT naming the field, what was found and what is allowed.
Status Validate(const Options& options);

}  // namespace sluice::client
