// The sections that say what is taken in, and where it leads: connections, routes, chains.
#include "server/config/schema.h"

namespace sluice {
namespace {

using enum KeyType;

constexpr Key kConnectionKeys[] = {
    {"server", kServer, "", "",
     "The broker. `:PORT` is 127.0.0.1. Without a scheme it is `ssl://` when one of the TLS files is set, else "
     "`tcp://`. "
     "Ports by default: 1883, with TLS 8883, `ws` 80, `wss` 443. `ws` and `wss` may have a path. Of a list one after "
     "the "
     "other is tried until one takes the connection, without a pause between them; a connection that breaks begins "
     "with "
     "the one it had. [What that means for sessions](brokers.md#several-servers).",
     true},
    {"followServerReference", kFlag, "false", "",
     "MQTT 5, `driver: wire`: goes to the server that the broker names as it refuses or ends the connection (0x9C, "
     "0x9D), "
     "with the same user name and password. Four times in a row at most."},
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
    {"certKeyFile", kFile, "", "", "The key (PEM) of `certFile`."},
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
     "The largest packet that is taken in. A larger message passes by: at QoS 1 and 2 it is a dead letter with its "
     "reason and first 64 KiB, at QoS 0 it is counted. With `driver: paho` and MQTT 5 the broker is told instead, and "
     "drops it. Must fit into `workers.maxFrameBytes`. A large message is in memory several times; docs/operations.md "
     "adds it up."},
    {"driver", kChoice, "wire", "wire|paho",
     "The MQTT client that takes messages in: `wire`, Sluice's own, or `paho`, Eclipse Paho C++, which is slower by an "
     "order of magnitude. Replies always go out through `wire`."},
};

constexpr Key kConnectionTlsKeys[] = {
    {"alpn", kAlpnList, "", "a list of protocol names of 1 to 255 bytes, such as x-amzn-mqtt-ca",
     "What to offer with ALPN, the best first, where one port serves several protocols: AWS IoT Core takes MQTT on "
     "port "
     "443 with `x-amzn-mqtt-ca`. For `wss` it is `http/1.1`, if anything. None: nothing is offered."},
    {"keyPasswordFile", kFile, "", "",
     "A file with the password of an encrypted `certKeyFile`; one line break at its end does not count. None: the key "
     "is "
     "not encrypted."},
    {"crl", kFileOrDirectory, "", "",
     "Revocation lists (CRL, PEM or DER), a file or a directory of them: brokers' certificates that are withdrawn. "
     "There "
     "must be one that has not run out of each CA in the broker's chain. Read, as all files here, at each attempt to "
     "connect. Needs `driver: wire`."},
    {"minVersion", kChoice, "1.2", "1.2|1.3", "The least version of TLS that is spoken. 1.3 needs `driver: wire`."},
    {"ciphers", kCiphers, "", "",
     "The ciphers that are offered, the best first, by OpenSSL's names or the standard's; only with forward secrecy "
     "and "
     "authenticated encryption. Of a version of TLS that none is named of, all of these. None: all. `driver: paho` "
     "takes "
     "those of TLS 1.2 only."},
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
    {"queue", kMap, "", "", "How much may wait for workers in memory."},
    {"backlog", kMap, "", "", "How much of the journal the chain may fill with what waits behind its queue."},
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

constexpr Key kChainBacklogKeys[] = {
    {"maxMessages", kNumber, "0", "0..1000000000",
     "Messages of QoS 1 and 2 that wait in the journal for room in the queue. At the bound the connections that feed "
     "the chain rest until no more than three quarters are left; all others go on. 0: as much as all chains together "
     "leave free of `journal.maxMessages`, so that one alone fills half of it, two a third each, and there is room for "
     "another."},
    {"maxBytes", kBytes, "0", "0..1024GiB", "The same in bytes, and of `journal.maxBytes`."},
};

}  // namespace

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
constinit const Section kChainBacklogSection{"chains.NAME.backlog", "Also `chainDefaults.backlog`.", kChainBacklogKeys};

}  // namespace sluice
