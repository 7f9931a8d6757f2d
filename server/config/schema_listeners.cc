// The sections that say where others connect to the gateway: workers, HTTP, administration.
#include "server/config/schema.h"

namespace sluice {
namespace {

using enum KeyType;

constexpr Key kWorkersKeys[] = {
    {"listen", kListenOrUnix, "127.0.0.1:7443", "",
     "Where workers connect to. Port 0 picks a free one. A socket that a dead process has left is replaced, one in use "
     "is an error; beside it lies PATH.lock."},
    {"socketMode", kChoice, "0600", "0600|0660|0666",
     "Who may connect to a `unix:PATH`: the gateway's user, its group besides, or all of the machine."},
    {"tls", kMap, "", "", "TLS for workers. Exactly one of `tls` and `insecure: true` must be set."},
    {"auth", kMap, "", "", "Who workers are, and how they show it. None: nobody asks; `permissions` need it."},
    {"insecure", kFlag, "false", "",
     "true: plain text, no authentication; whoever reaches the port reads messages and publishes replies. Said as a "
     "warning at "
     "start."},
    {"heartbeat", kDuration, "10s", "1s..1h",
     "Each side sends something at least this often; a stream that is silent for two of them is ended."},
    {"maxFrameBytes", kBytes, "40MiB", "64KiB..1GiB",
     "The largest frame of the stream; must hold the largest MQTT packet and 64 KiB more."},
    {"maxWindow", kMap, "", "", "The most one worker gets of what its window asks for."},
    {"maxStreams", kNumber, "1000", "1..100000", "Workers connected at once; one more is refused."},
    {"maxStreamsPerConnection", kNumber, "100", "1..10000",
     "Calls at once on one connection. A worker needs one; a proxy opens further connections when one is full."},
    {"maxStreamsPerPrincipal", kNumber, "", "1..100000",
     "Streams at once of one principal or, without `auth`, of one IP address (IPv6: of one /64); one more is refused. "
     "`permissions[].streams` can only be tighter. None: nine tenths of `maxStreams`, so that nobody has all of them. "
     "Behind a proxy, without `auth`, all workers have its address."},
    {"maxConnections", kNumber, "10000", "1..1000000",
     "Connections at once, those in their handshake included; one more is closed at once. Fewer where the process may "
     "not have so many file descriptors."},
    {"maxConnectionsPerAddress", kNumber, "1000", "1..1000000",
     "Of one IP address (IPv6: of one /64); one more is closed at once. Behind a proxy all workers have its address."},
    {"handshakesPerSecond", kNumber, "1000", "1..100000",
     "Connections that begin, over all addresses; twice as many after a quiet time. What comes faster waits in the "
     "kernel."},
    {"handshakesPerSecondPerAddress", kNumber, "200", "1..100000",
     "The same of one address; one more is closed at once."},
    {"handshakeTimeout", kDuration, "10s", "1s..5m",
     "Until TLS and HTTP/2 are agreed upon; then the connection is closed."},
    {"threads", kNumber, "1", "1..64",
     "Event loops, over which connections are spread; more than one is for TLS with many workers."},
    {"reflection", kFlag, "false", "",
     "true: the listener describes its services to whoever connects (grpc.reflection), for tools such as grpcurl."},
    {"maxStreamAge", kDuration, "30m", "0..24h",
     "Age, give or take 20 %, at which a worker is asked to settle what it holds and connect again, so that workers "
     "spread over replicas that came later. 0: never."},
};

// Of every listener.
constexpr Key kKeyPasswordFile = {"keyPasswordFile", kFile, "", "",
                                  "A file with the password of an encrypted `keyFile`; one line break at its end does "
                                  "not count. None: the key is not "
                                  "encrypted."};
constexpr Key kClientCrl = {
    "clientCrl", kFileOrDirectory, "", "",
    "Revocation lists (CRL, PEM or DER), a file or a directory of them: clients' certificates that are withdrawn. "
    "There "
    "must be one that has not run out of each CA in a client's chain, or it is not let in. Looked at every second; "
    "connections of what is withdrawn meanwhile are ended. Needs `clientCaFile`."};
constexpr Key kMinVersion = {"minVersion", kChoice, "1.2", "1.2|1.3", "The least version of TLS that is spoken."};
constexpr Key kCiphersKey = {
    "ciphers", kCiphers, "", "",
    "The ciphers that are used, the best first, by OpenSSL's names or the standard's; only with forward secrecy and "
    "authenticated encryption. Of a version of TLS that none is named of, all of these. None: all."};

constexpr Key kWorkersTlsKeys[] = {
    {"certFile", kFile, "", "", "The gateway's certificate chain (PEM) for workers.", true},
    {"keyFile", kFile, "", "", "Its key (PEM).", true},
    {"clientCaFile", kFile, "", "",
     "Workers must show a certificate of this CA (PEM). None: any worker may connect, which is said as a warning."},
    kKeyPasswordFile,
    kClientCrl,
    kMinVersion,
    kCiphersKey,
};

constexpr Key kWorkersWindowKeys[] = {
    {"messages", kNumber, "10000", "1..1000000", "Messages in flight."},
    {"bytes", kBytes, "64MiB", "1KiB..1024GiB", "Bytes in flight: topic, payload and properties."},
};

constexpr Key kHttpKeys[] = {
    {"listen", kListen, "127.0.0.1:9090", "",
     "Where `/healthz`, `/readyz` and `/metrics` are served. Port 0 picks a free one; `\"\"` serves nothing."},
    {"tls", kMap, "", "", "HTTPS, 1.2 and 1.3. None: plain HTTP."},
    {"metricsTokenFile", kFile, "", "",
     "Whoever asks for `/metrics` must show the text of this file (`Authorization: Bearer …`); it may be replaced. "
     "Without `tls` it goes over the wire as it is. Probes need none. None: nobody needs one."},
};

constexpr Key kHttpTlsKeys[] = {
    {"certFile", kFile, "", "", "The certificate chain (PEM) of the port. Replaced files are read again.", true},
    {"keyFile", kFile, "", "", "Its key (PEM).", true},
    kKeyPasswordFile,
    kMinVersion,
    kCiphersKey,
};

constexpr Key kAdminKeys[] = {
    {"listen", kListenUnixOrNone, "", "",
     "A Unix socket is the owner's alone (mode 0600); a loopback address is open to all users of the machine; another "
     "address needs `tls` or `insecure: true`. None: `unix:` and `admin.sock` in `journal.path`, or nothing where "
     "there "
     "is no journal. `\"\"`: nothing."},
    {"tls", kMap, "", "", "TLS for a HOST:PORT."},
    {"auth", kMap, "", "",
     "Who administrators are, with the keys of `workers.auth`; `permissions[].role` says what they may. None: whoever "
     "reaches a HOST:PORT may all. Nobody is asked on a Unix socket."},
    {"insecure", kFlag, "false", "",
     "true: plain text, no authentication, also on an address that others can reach; whoever does reads, replays and "
     "purges dead letters. Said as a warning at start."},
    {"reflection", kFlag, "true", "",
     "The listener describes its services (grpc.reflection), for tools such as grpcurl."},
    {"dashboard", kMap, "", "", "The same for browsers: [a page and JSON over HTTP](dashboard.md). None: neither."},
};

constexpr Key kAdminDashboardKeys[] = {
    {"listen", kListen, "", "",
     "A loopback address is open to all users of the machine; another address needs `tls` or `insecure: true`.", true},
    {"tls", kMap, "", "", "HTTPS."},
    {"insecure", kFlag, "false", "",
     "true: plain HTTP, also on an address that others can reach; tokens can be read on the way. Said as a warning at "
     "start."},
    {"hosts", kTextList, "", "a list of names such as sluice.plant.example",
     "The names that browsers call it by, without a port. Numeric addresses and `localhost` need not be named; a "
     "request to any other name is refused, so that no web page gets in by giving its own name this address."},
    {"role", kChoice, "viewer", "viewer|operator|admin",
     "What whoever reaches it may, without `admin.auth`. With it, `permissions[].role` says so, and this must not be "
     "set."},
};

constexpr Key kAdminDashboardTlsKeys[] = {
    {"certFile", kFile, "", "", "The certificate chain (PEM) for browsers.", true},
    {"keyFile", kFile, "", "", "Its key (PEM).", true},
    {"clientCaFile", kFile, "", "",
     "Browsers must show a certificate of this CA (PEM), or may, where `admin.auth` takes tokens too."},
    kKeyPasswordFile,
    kClientCrl,
    kMinVersion,
    kCiphersKey,
};

constexpr Key kAdminTlsKeys[] = {
    {"certFile", kFile, "", "", "The gateway's certificate chain (PEM) for `sluicectl`.", true},
    {"keyFile", kFile, "", "", "Its key (PEM).", true},
    {"clientCaFile", kFile, "", "",
     "Clients must show a certificate of this CA (PEM). None: any client may connect, which is said as a warning."},
    kKeyPasswordFile,
    kClientCrl,
    kMinVersion,
    kCiphersKey,
};

}  // namespace

constinit const Section kWorkersSection{"workers", "The listener for workers.", kWorkersKeys};
constinit const Section kWorkersTlsSection{"workers.tls", "", kWorkersTlsKeys};
constinit const Section kWorkersWindowSection{"workers.maxWindow", "", kWorkersWindowKeys};
constinit const Section kHttpSection{"http", "Health and metrics, for machines inside.", kHttpKeys};
constinit const Section kHttpTlsSection{"http.tls", "", kHttpTlsKeys};
constinit const Section kAdminSection{
    "admin",
    "Where `sluicectl` asks for the gateway's state and sees to dead letters: gRPC, [operations](operations.md).",
    kAdminKeys};
constinit const Section kAdminTlsSection{"admin.tls", "", kAdminTlsKeys};
constinit const Section kAdminDashboardSection{
    "admin.dashboard",
    "Workers, chains, connections, dead letters and messages as they pass, in a browser: [dashboard](dashboard.md).",
    kAdminDashboardKeys};
constinit const Section kAdminDashboardTlsSection{"admin.dashboard.tls", "", kAdminDashboardTlsKeys};

}  // namespace sluice
