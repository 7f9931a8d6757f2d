#include "server/config/schema.h"

#include <cassert>

namespace sluice {
namespace {

using enum KeyType;

constexpr Key kTopKeys[] = {
    {"gateway", kMap, "", "", "What this replica is called."},
    {"connections", kNamedMaps, "", "", "The brokers, each under a name that routes refer to.", true},
    {"routes", kListOfMaps, "", "", "Which messages go to which chain.", true},
    {"chainDefaults", kMap, "", "", "What chains have that `chains` does not name, or names without that key."},
    {"chains", kNamedMaps, "", "",
     "Chains with settings of their own. A chain that a route or a template names need not stand here."},
    {"maxTemplateChains", kNumber, "1000", "1..100000",
     "How many chains messages may bring by the `${…}` of their route's path. Who may publish can bring any name: at "
     "the "
     "bound those of new names become dead letters (QoS 0: are counted), until one that nobody uses is forgotten. What "
     "is "
     "configured and what workers ask for does not count."},
    {"templateChainIdle", kDuration, "10m", "0..24h",
     "How long such a chain has had no worker and no message before it is forgotten; at the bound one second will do."},
    {"replies", kMap, "", "", "What workers may publish."},
    {"deadLetters", kMap, "", "", "How many dead letters are kept."},
    {"workers", kMap, "", "", "Where workers connect to.", true},
    {"pressure", kMap, "", "", "What happens when more comes in than goes out."},
    {"http", kMap, "", "", "Health and metrics."},
    {"log", kMap, "", "", "The log, on standard error."},
    {"shutdown", kMap, "", "", "How the gateway ends."},
    {"journal", kMap, "", "", "Where messages of QoS 1 and 2 stand until they are settled."},
    {"admin", kMap, "", "", "Where `sluicectl` connects to."},
};

constexpr Key kGatewayKeys[] = {
    {"name", kText, "", "1 to 64 letters, digits, '-', '_' and '.'",
     "The replica's name for people: workers are told it, `sluicectl` and the metrics show it. None: the host's name."},
};

constexpr Key kConnectionKeys[] = {
    {"server", kServer, "", "",
     "The broker. `:PORT` is 127.0.0.1. Without a scheme it is `ssl://` when one of the TLS files is set, else "
     "`tcp://`. "
     "Ports by default: 1883, with TLS 8883, `ws` 80, `wss` 443. `ws` and `wss` may have a path.",
     true},
    {"username", kText, "", "", "Who the gateway is to the broker."},
    {"password", kSecret, "", "", "Better `${NAME}` or `passwordFile` than in plain text. Write `$$` for a `$` in it."},
    {"passwordFile", kFile, "", "",
     "A file that holds the password; one line break at its end does not count. Read anew at each attempt to connect, "
     "so "
     "that a token that expires may be replaced while the gateway runs."},
    {"clientId", kText, "", "any text; never the same twice on one broker",
     "Names the session at the broker, so it must stay the same over restarts and differ between replicas. Empty with "
     "`cleanSession: false`: `sluice-HOSTNAME-CONNECTION`, with a warning; empty with `cleanSession: true`: the broker "
     "chooses, for replies too. [What else it names](#client-ids)."},
    {"repliesClientId", kText, "", "any text; never the same twice on one broker",
     "Of the connection for replies. None: `clientId` and `-replies`."},
    {"replies", kMap, "", "", "How replies reach this broker."},
    {"status", kMap, "", "", "Tells others whether the gateway is there. None: nobody is told."},
    {"protocol", kChoice, "5", "5|3.1.1",
     "MQTT version. With 3.1.1 there are no user properties, response topics, expiry and subscription identifiers; "
     "with "
     "`driver: paho` a QoS 2 message may then be lost when the gateway is killed."},
    {"qos", kQos, "0", "", "What `from.qos` is in routes that do not say."},
    {"cleanSession", kFlag, "false", "",
     "true: the broker forgets the session when the connection ends, and with it all messages of an outage."},
    {"sessionExpiry", kDuration, "24h", "0..10000h",
     "MQTT 5: how long the broker keeps the session while the gateway is away. Whole seconds."},
    {"caFile", kFile, "", "", "The CA (PEM) that signed the broker's certificate. None: the system's."},
    {"certFile", kFile, "", "", "The gateway's certificate (PEM) for the broker; needs `certKeyFile`."},
    {"certKeyFile", kFile, "", "", "The key (PEM, without a passphrase) of `certFile`."},
    {"verifyHostname", kFlag, "true", "",
     "false: any certificate of the CA will do, whatever host it names. Said as a warning at start."},
    {"tls", kMap, "", "", "More of TLS."},
    {"keepAlive", kDuration, "30s", "1s..18h",
     "Largest silence before the broker is asked for a sign of life; a dead connection is noticed after 1.5 times "
     "this. Whole "
     "seconds."},
    {"connectTimeout", kDuration, "10s", "1s..10m", "How long one attempt to connect may take. Whole seconds."},
    {"maxReconnectInterval", kDurationOrSeconds, "60s", "1s..1h",
     "The pause between attempts grows up to this, with jitter."},
    {"receiveMaximum", kNumber, "1000", "1..65535",
     "MQTT 5: how many messages of QoS 1 and 2 the broker may send before the gateway has acknowledged them."},
    {"publishWindow", kNumber, "100", "1..65535",
     "How many replies of QoS 1 and 2 wait for the broker's acknowledgement; the broker's Receive Maximum holds "
     "besides."},
    {"maxPacketBytes", kBytes, "32MiB", "1KiB..256MiB",
     "MQTT 5: the largest packet the broker may send; it drops larger messages. Must fit into "
     "`workers.maxFrameBytes`. A large message is in memory several times; docs/operations.md adds it up."},
    {"driver", kChoice, "wire", "wire|paho",
     "The MQTT client that takes messages in: `wire`, Sluice's own, or `paho`, Eclipse Paho C++, which is slower by an "
     "order of magnitude. Replies always go out through `wire`."},
};

constexpr Key kConnectionTlsKeys[] = {
    {"alpn", kAlpnList, "", "a list of protocol names of 1 to 255 bytes, such as x-amzn-mqtt-ca",
     "What to offer with ALPN, the best first, where one port serves several protocols: AWS IoT Core takes MQTT on "
     "port "
     "443 with `x-amzn-mqtt-ca`. For `wss` it is `http/1.1`, if anything. None: nothing is offered."},
};

constexpr Key kConnectionRepliesKeys[] = {
    {"connection", kChoice, "own", "own|shared",
     "own: replies have a connection of their own, so that they and intake never hold each other up. shared: both are "
     "one MQTT connection under `clientId`, for brokers that allow a user one only; "
     "[what differs](#client-ids). Needs `driver: wire`."},
};

constexpr Key kConnectionStatusKeys[] = {
    {"topic", kTopic, "", "", "Where it is published. Replicas need one each: `gateways/${HOSTNAME}`.", true},
    {"online", kText, "online", "", "Published when the connection for replies is there, each time."},
    {"offline", kText, "offline", "any text of up to 65535 bytes",
     "The last will: the broker publishes it when the connection breaks or the gateway ends."},
    {"qos", kQos, "1", "", "Of both."},
    {"retain", kFlag, "true", "", "true: who subscribes later is told, too."},
};

constexpr std::string_view kFromProcessors =
    "headersToMetadata|setJsonDataType|setTextDataType|setBinaryDataType|toHex";
constexpr std::string_view kToProcessors = "responseToBody|metadataToHeaders";

constexpr Key kRouteKeys[] = {
    {"id", kText, "", "any text; never the same twice", "Names the route in logs and metrics. None: its filter."},
    {"connection", kText, "", "a name from connections",
     "Where its messages come from and its replies go to. Needed when there is more than one connection."},
    {"from", kMap, "", "", "What it takes in.", true},
    {"to", kMap, "", "", "Where it goes.", true},
    {"trustReplyHeaders", kFlag, "false", "",
     "true: with `headersToMetadata`, the user properties `responseTopic` and `responseQos` become metadata, too. A "
     "worker "
     "that hands its metadata back then replies where the device says. false: they are left out, in any case of "
     "letters, as "
     "those that begin with `_` always are."},
};

constexpr Key kRouteFromKeys[] = {
    {"path", kFilter, "", "a topic filter such as plant/+/temp, or $share/GROUP/FILTER",
     "What to subscribe to (MQTT 5.0 §4.7).", true},
    {"qos", kQos, "", "", "Of the subscription. None: the connection's `qos`."},
    {"retained", kChoice, "new", "all|new|none",
     "Which retained messages come. all: those there are at each start of the gateway, and when the broker has lost "
     "the "
     "session. new: those there are when the broker's session does not have the subscription yet. none: none. MQTT 5's "
     "Retain Handling; with 3.1.1 the gateway itself drops what the broker sends and nobody asked for "
     "(`sluice_mqtt_retained_dropped_total`). Shared subscriptions bring none."},
    {"share", kText, "", "a share name without '/', '+' and '#'",
     "Makes it a shared subscription: each message goes to one gateway of the group. The same as `$share/GROUP/` in "
     "`path`."},
    {"processors", kProcessors, "", kFromProcessors,
     "What to do with each message: `setJsonDataType`, `setTextDataType`, `setBinaryDataType` say how workers should "
     "read the "
     "payload, `toHex` writes it as hexadecimal text, `headersToMetadata` copies MQTT 5 user properties into the "
     "metadata, without those that begin with `_` and those that would steer the reply (`trustReplyHeaders`)."},
};

constexpr Key kRouteToKeys[] = {
    {"path", kTarget, "", "chain:ID, ID, or ID:START_NODE; ${topic} and other metadata names are replaced per message",
     "The chain, and the node of it to start with. Replaced for each message: `${topic}`, `${topic.N}` (level N of it, "
     "from 1), and `${name}` by the MQTT 5 user property of that name, which must not begin with `_`. A message that "
     "lacks one becomes a dead letter (QoS 0: is counted). Environment references are **not** expanded here.",
     true},
    {"chains", kChainPatterns, "", "a list of names of chains, with `*` for any characters",
     "Of a path with `${…}`: the chains it may name; a message of another is treated as one without a chain. Names "
     "without `*` are as if they were configured: they do not count for `maxTemplateChains`. None: any name."},
    {"processors", kProcessors, "", kToProcessors,
     "What to do with each reply: `metadataToHeaders` makes its metadata MQTT 5 user properties; `responseToBody` is "
     "accepted for RuleGo's sake and always so."},
};

constexpr Key kChainKeys[] = {
    {"orderBy", kOrder, "none", "",
     "Which messages keep their order, one in flight at a time: none, those of one topic, or those whose topic has the "
     "same level N (from 1). Order costs throughput where few keys are busy."},
    {"lease", kDuration, "30s", "1s..24h",
     "How long a worker that does not ask otherwise has for a message before it is given to another."},
    {"maxLease", kDuration, "10m", "1s..24h", "Where extending a lease ends, counted from its start."},
    {"maxAttempts", kNumber, "5", "1..1000000", "Attempts that were begun before a message becomes a dead letter."},
    {"retryBackoff", kDuration, "1s", "0..24h", "Pause before the second attempt; doubles with each, with jitter."},
    {"maxRetryBackoff", kDuration, "1m", "0..24h", "Where that doubling ends."},
    {"queue", kMap, "", "", "How much may wait for workers."},
    {"deadLetterTopic", kTopic, "", "",
     "Where dead letters are published, on the connection they came from, when they stand in the database "
     "(`sluicectl dlq`). None: nowhere."},
    {"deadLetterQos", kQos, "1", "", "Of dead letters that are published."},
    {"deadLetterFormat", kChoice, "auto", "auto|payload|envelope",
     "How they are published. payload: the message's own, and with MQTT 5 user properties that say why "
     "(`sluice-reason` "
     "and others; a control character in any of them becomes `?`). envelope: a JSON object that holds all of it, the "
     "payload in base64. auto: payload with MQTT 5, "
     "envelope with 3.1.1, which has no user properties."},
};

constexpr Key kChainQueueKeys[] = {
    {"maxMessages", kNumber, "10000", "1..100000000",
     "Messages that wait in memory. QoS 1 and 2 above it wait in the journal (without one intake rests); the oldest of "
     "QoS 0 are dropped and "
     "counted."},
    {"maxBytes", kBytes, "64MiB", "1KiB..1024GiB",
     "The same in bytes: topic, payload and properties, and 64 for each user property."},
};

constexpr Key kRepliesKeys[] = {
    {"allow", kFilterList, "", "a list of topic filters such as plant/+/reply/#",
     "Topics that replies may go to. None: all but those that begin with `$`."},
    {"allowLoops", kFlag, "false", "",
     "true: replies may go to topics that a route of the gateway takes in again. Beware of messages that go round for "
     "ever."},
    {"maxPayloadBytes", kBytes, "32MiB", "1..256MiB", "The largest payload of a reply."},
    {"resultTimeout", kDuration, "30s", "1s..1h",
     "How long a worker that asked for a reply's outcome waits before it is told TIMEOUT. The reply is not given up."},
    {"maxOutstandingMessages", kNumber, "10000", "1..100000000",
     "Replies that no broker has confirmed yet, over all connections. At the bound workers get nothing more, and "
     "nothing more is read of them, until half of it is confirmed; no lease ends meanwhile."},
    {"maxOutstandingBytes", kBytes, "64MiB", "1KiB..1024GiB",
     "The same in bytes: topic, payload, properties, 512 for each, and 96 for each user property. What has been read "
     "by then may be above it: at most a frame of each worker."},
    {"onRefused", kChoice, "deadLetter", "deadLetter|retry|drop",
     "What becomes of a reply that the broker refuses (a reason code from 0x80 on; larger or of a higher QoS than it "
     "takes; five connections broke over it). The worker is told at once, whichever it is. `deadLetter`: it goes to "
     "the "
     "dead letters with the reason. `retry`: it is published again after a second, then after twice as long each time, "
     "at most a minute, behind later replies of its topic; it counts as outstanding meanwhile. `drop`: it is counted "
     "and logged. With MQTT 3.1.1 a broker cannot refuse, it loses the reply or closes the connection."},
    {"onDenied", kChoice, "deadLetter", "deadLetter|drop",
     "What becomes of a reply that the gateway itself refuses: its topic is not allowed or not valid, its QoS or a "
     "property is not valid, or its payload is too large. The worker is told, a warning says so, and it is counted "
     "(`sluice_replies_denied_total`), whichever it is. `deadLetter`: it goes to the dead letters with the reason. "
     "`drop`: it is gone."},
    {"allowControlCharacters", kFlag, "false", "",
     "true: topics and properties of replies may have the characters that MQTT 5 lets a broker refuse (U+0001 to "
     "U+001F, U+007F to U+009F, and non-characters such as U+FFFF; §1.5.4). Some brokers close the connection over "
     "them, which holds up all replies."},
};

constexpr Key kDeadLettersKeys[] = {
    {"maxMessages", kNumber, "100000", "1..100000000", "At the bound the oldest go, which is logged and counted."},
    {"maxBytes", kBytes, "1GiB", "1MiB..1024GiB",
     "The same in bytes: topic, payload, properties, reason, and 200 for each. Without a journal they stand in "
     "memory."},
    {"maxAge", kDuration, "720h", "0..100000h", "They go at this age, counted from when they died. 0: never."},
};

constexpr Key kWorkersKeys[] = {
    {"listen", kListenOrUnix, "127.0.0.1:7443", "",
     "Where workers connect to. Port 0 picks a free one. A socket that a dead process has left is replaced, one in use "
     "is an error; beside it lies PATH.lock."},
    {"socketMode", kChoice, "0600", "0600|0660|0666",
     "Who may connect to a `unix:PATH`: the gateway's user, its group besides, or all of the machine."},
    {"tls", kMap, "", "", "TLS for workers. Exactly one of `tls` and `insecure: true` must be set."},
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
    {"maxStreamAge", kDuration, "30m", "0..24h",
     "Age, give or take 20 %, at which a worker is asked to settle what it holds and connect again, so that workers "
     "spread over replicas that came later. 0: never."},
};

constexpr Key kWorkersTlsKeys[] = {
    {"certFile", kFile, "", "", "The gateway's certificate chain (PEM) for workers.", true},
    {"keyFile", kFile, "", "", "Its key (PEM).", true},
    {"clientCaFile", kFile, "", "",
     "Workers must show a certificate of this CA (PEM). None: any worker may connect, which is said as a warning."},
};

constexpr Key kWorkersWindowKeys[] = {
    {"messages", kNumber, "10000", "1..1000000", "Messages in flight."},
    {"bytes", kBytes, "64MiB", "1KiB..1024GiB", "Bytes in flight: topic, payload and properties."},
};

constexpr Key kPressureKeys[] = {
    {"replicas", kNumber, "", "1..10000",
     "How many gateways share the shared filters. With 2 and more a gateway may leave a shared filter to the others. "
     "With 1 it keeps all of them, over its end too: nobody else would get the messages. Not set: it leaves them at "
     "its end only."},
    {"leaveShareAfter", kDuration, "30s", "0..24h",
     "How long intake rests before its connection leaves all its shared filters, until intake goes on. 0: never, and "
     "so "
     "with `driver: paho`, which is disconnected while intake rests."},
    {"noWorkersAfter", kDuration, "5m", "0..24h",
     "How long a chain is without any worker, also after the start, before the shared filters that feed only such "
     "chains are left, until a worker comes. 0: never. Filters of templates (`chain:${topic}`) are never left for this "
     "reason."},
    {"high", kNumber, "90", "2..100", "Percent of the journal's bounds at which intake rests."},
    {"low", kNumber, "75", "1..99", "Percent to which the journal must fall before intake goes on; less than `high`."},
};

constexpr Key kHttpKeys[] = {
    {"listen", kListen, "127.0.0.1:9090", "",
     "Where `/healthz`, `/readyz` and `/metrics` are served, in plain HTTP. Port 0 picks a free one; `\"\"` serves "
     "nothing."},
};

constexpr Key kLogKeys[] = {
    {"level", kChoice, "info", "debug|info|warning|error", "The least that is logged."},
    {"format", kChoice, "auto", "auto|text|json", "auto: text on a terminal, JSON otherwise."},
};

constexpr Key kShutdownKeys[] = {
    {"drain", kDuration, "20s", "0..1h",
     "How long SIGTERM waits at most for workers to settle what they hold; without a journal on disk, for all that was "
     "taken in to be settled and its replies to be published. A second signal ends at once."},
};

constexpr Key kJournalKeys[] = {
    {"enabled", kFlag, "true", "",
     "false: messages and replies stand in memory only, and what is acknowledged and not settled is lost when the "
     "gateway is killed. Said as a warning at start."},
    {"path", kText, "/var/lib/sluice", "a directory",
     "A directory of this gateway alone, on a disk that outlives it; made if it is not there. A second gateway on it "
     "refuses to start."},
    {"fsync", kChoice, "interval", "never|interval|always",
     "`never`: a crash of the gateway loses nothing, a loss of power may lose anything not settled. `interval`: a "
     "crash "
     "loses nothing, a loss of power the last `fsyncInterval`. `always`: neither loses anything; a batch waits for the "
     "disk before it is acknowledged."},
    {"fsyncInterval", kDuration, "1s", "10ms..1h",
     "With `fsync: interval`, how much time a loss of power may cost. A crash costs none of it."},
    {"segmentBytes", kBytes, "64MiB", "64KiB..1GiB",
     "Of one file of the log. Larger ones are removed later, smaller ones are made more often. Without effect on what "
     "a "
     "crash or a loss of power costs."},
    {"maxBytes", kBytes, "4GiB", "1MiB..1024GiB",
     "Of messages not settled and replies not confirmed; the disk must have twice that and four segments. At the bound "
     "acknowledgements are withheld, so that the broker keeps what comes; a crash or a loss of power costs nothing "
     "more."},
    {"maxMessages", kNumber, "5000000", "1..1000000000",
     "The same in messages; each costs 28 bytes of memory until it is settled."},
};

constexpr Key kAdminKeys[] = {
    {"listen", kListenUnixOrNone, "", "",
     "A Unix socket is the owner's alone (mode 0600); a loopback address is open to all users of the machine; another "
     "address needs `tls` or `insecure: true`. None: `unix:` and `admin.sock` in `journal.path`, or nothing where "
     "there "
     "is no journal. `\"\"`: nothing."},
    {"tls", kMap, "", "", "TLS for a HOST:PORT."},
    {"insecure", kFlag, "false", "",
     "true: plain text, no authentication, also on an address that others can reach; whoever does reads, replays and "
     "purges dead letters. Said as a warning at start."},
};

constexpr Key kAdminTlsKeys[] = {
    {"certFile", kFile, "", "", "The gateway's certificate chain (PEM) for `sluicectl`.", true},
    {"keyFile", kFile, "", "", "Its key (PEM).", true},
    {"clientCaFile", kFile, "", "",
     "Clients must show a certificate of this CA (PEM). None: any client may connect, which is said as a warning."},
};

}  // namespace

constinit const Section kTopSection{"", "The top of the file.", kTopKeys};
constinit const Section kGatewaySection{"gateway", "", kGatewayKeys};
constinit const Section kConnectionSection{"connections.NAME",
                                           "One broker, shared by any number of routes. NAME has letters, digits, `-`, "
                                           "`_` and `.`. These keys are RuleGo's where it "
                                           "has one; here, as there, they are found in any case (`clientID`, `qOS`, "
                                           "`cAFile`), and the spelling below wins over another.",
                                           kConnectionKeys, true};
constinit const Section kConnectionRepliesSection{"connections.NAME.replies", "How replies reach this broker.",
                                                  kConnectionRepliesKeys};
constinit const Section kConnectionStatusSection{
    "connections.NAME.status",
    "A message that says that the gateway is there, and one that says that it is not: a birth message and a last will. "
    "They come with the connection for replies, which goes last when the gateway ends.",
    kConnectionStatusKeys};
constinit const Section kConnectionTlsSection{"connections.NAME.tls", "TLS, besides the keys above.",
                                              kConnectionTlsKeys};
constinit const Section kRouteSection{"routes[]", "One subscription and where it leads.", kRouteKeys};
constinit const Section kRouteFromSection{"routes[].from", "", kRouteFromKeys};
constinit const Section kRouteToSection{"routes[].to", "", kRouteToKeys};
constinit const Section kChainSection{"chains.NAME",
                                      "One chain; what is not set comes from `chainDefaults`, which has the same keys. "
                                      "NAME is what workers ask for: at most 256 bytes, no `:` and no blanks.",
                                      kChainKeys};
constinit const Section kChainQueueSection{"chains.NAME.queue", "Also `chainDefaults.queue`.", kChainQueueKeys};
constinit const Section kRepliesSection{"replies", "What workers may publish.", kRepliesKeys};
constinit const Section kDeadLettersSection{
    "deadLetters",
    "Messages that no worker could settle, and replies that a broker or the gateway refused, "
    "are kept in an SQLite database beside the "
    "journal, until `sluicectl dlq` replays or purges them.",
    kDeadLettersKeys};
constinit const Section kWorkersSection{"workers", "The listener for workers.", kWorkersKeys};
constinit const Section kWorkersTlsSection{"workers.tls", "", kWorkersTlsKeys};
constinit const Section kWorkersWindowSection{"workers.maxWindow", "", kWorkersWindowKeys};
constinit const Section kPressureSection{
    "pressure",
    "The upper rungs of the ladder in [architecture.md](architecture.md#back-pressure). Brokers **drop** what nobody "
    "subscribes to, so the messages of a shared filter are lost once its last member has left it. All replicas leave "
    "it "
    "when the workers of its chain are away from all of them, or all of them are overloaded. Where that can last "
    "longer "
    "than the times below, set both to 0: the gateways then hold what they can, and the broker what its sessions can.",
    kPressureKeys};
constinit const Section kHttpSection{"http", "Health and metrics, for machines inside.", kHttpKeys};
constinit const Section kLogSection{
    "log", "One line per event in the life of a connection or stream, none per message.", kLogKeys};
constinit const Section kShutdownSection{"shutdown", "", kShutdownKeys};
constinit const Section kJournalSection{
    "journal",
    "What makes an acknowledged message safe: it stands on disk until a worker has settled it, and its replies until "
    "the broker has confirmed them (docs/journal.md). Messages of QoS 0 never touch the disk.",
    kJournalKeys};
constinit const Section kAdminSection{
    "admin",
    "Where `sluicectl` asks for the gateway's state and sees to dead letters: gRPC, [operations](operations.md).",
    kAdminKeys};
constinit const Section kAdminTlsSection{"admin.tls", "", kAdminTlsKeys};

std::span<const Section* const> AllSections() {
  static constexpr const Section* kAll[] = {
      &kTopSection,
      &kGatewaySection,
      &kConnectionSection,
      &kConnectionRepliesSection,
      &kConnectionStatusSection,
      &kConnectionTlsSection,
      &kRouteSection,
      &kRouteFromSection,
      &kRouteToSection,
      &kChainSection,
      &kChainQueueSection,
      &kRepliesSection,
      &kDeadLettersSection,
      &kWorkersSection,
      &kWorkersTlsSection,
      &kWorkersWindowSection,
      &kPressureSection,
      &kHttpSection,
      &kLogSection,
      &kShutdownSection,
      &kJournalSection,
      &kAdminSection,
      &kAdminTlsSection,
  };
  return kAll;
}

const Key& Section::Find(std::string_view name) const {
  for (const Key& key : keys) {
    if (key.name == name) return key;
  }
  assert(false && "the schema lacks a key that is read");
  return keys.front();
}

}  // namespace sluice
