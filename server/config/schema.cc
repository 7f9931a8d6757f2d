#include "server/config/schema.h"

#include <algorithm>
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
    {"tracing", kMap, "", "", "How much is kept of what happens to messages."},
    {"telemetry", kMap, "", "", "What is told to others of what the gateway does."},
    {"workers", kMap, "", "", "Where workers connect to.", true},
    {"permissions", kListOfMaps, "", "",
     "Who may serve which chains, and reply where. None: whoever is let in may everything."},
    {"permissionsFile", kFile, "", "",
     "The same rules in a file of their own, in place of `permissions`: a map with that key. The file is looked at "
     "every "
     "second, and new rules hold at once for replies. A stream that they concern is drained, so that its worker "
     "connects "
     "again under them, or ended where they leave it no chain. A file that cannot be used is told in the log, and the "
     "last good rules stay."},
    {"pressure", kMap, "", "", "What happens when more comes in than goes out."},
    {"http", kMap, "", "", "Health and metrics."},
    {"log", kMap, "", "", "The log, on standard error."},
    {"shutdown", kMap, "", "", "How the gateway ends."},
    {"journal", kMap, "", "", "Where messages of QoS 1 and 2 stand until they are settled."},
    {"admin", kMap, "", "", "Where `sluicectl` connects to."},
    {"audit", kMap, "", "", "Where it stands who administered what."},
};

constexpr Key kGatewayKeys[] = {
    {"name", kText, "", "1 to 64 letters, digits, '-', '_' and '.'",
     "The replica's name for people: workers are told it, `sluicectl` and the metrics show it. None: the host's name."},
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
     "Replies of one connection that its broker has not confirmed yet. At the bound workers get none of its messages "
     "until half of it is confirmed, and everything of other connections. A stream that brings a quarter of the bound "
     "more for it meanwhile is not read until then, and no lease of it ends. All connections together may hold four "
     "times as much; beyond that only what is below a sixteenth of its own bound goes on."},
    {"maxOutstandingBytes", kBytes, "64MiB", "1KiB..1024GiB",
     "The same in bytes: topic, payload, properties, 512 for each, and 96 for each user property. Above it comes what "
     "workers still answer: at most as much again, and a frame of each worker."},
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

constexpr Key kTracingKeys[] = {
    {"keep", kDuration, "10m", "0..24h", "Steps are shown until this age. 0: none is kept."},
    {"maxSteps", kNumber, "100000", "1000..100000000",
     "At the bound the oldest go, some hundred at a time. A message that is answered has five."},
    {"maxBytes", kBytes, "8MiB", "1MiB..4GiB", "The same in bytes: about 50 a step. Memory is taken as it is used."},
    {"maxStepsPerSecond", kNumber, "5000", "0..100000000",
     "When more come, the steps of one message in 2, 4, 8 … are kept, and none of the others. 0: always those of all."},
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
    {"path", kPath, "/var/lib/sluice", "a directory",
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

}  // namespace

constinit const Section kTopSection{"", "The top of the file.", kTopKeys};
constinit const Section kGatewaySection{"gateway", "", kGatewayKeys};
constinit const Section kRepliesSection{"replies", "What workers may publish.", kRepliesKeys};
constinit const Section kDeadLettersSection{
    "deadLetters",
    "Messages that no worker could settle, and replies that a broker or the gateway refused, "
    "are kept in an SQLite database beside the "
    "journal, until `sluicectl dlq` replays or purges them.",
    kDeadLettersKeys};
constinit const Section kTracingSection{"tracing",
                                        "What has lately happened to messages, in memory, for `sluicectl trace` ([a "
                                        "running gateway](live.md#one-message)): "
                                        "ids, topics, times and outcomes, no payloads.",
                                        kTracingKeys};
constinit const Section kPressureSection{
    "pressure",
    "The upper rungs of the ladder in [architecture.md](architecture.md#back-pressure). Brokers **drop** what nobody "
    "subscribes to, so the messages of a shared filter are lost once its last member has left it. All replicas leave "
    "it "
    "when the workers of its chain are away from all of them, or all of them are overloaded. Where that can last "
    "longer "
    "than the times below, set both to 0: the gateways then hold what they can, and the broker what its sessions can.",
    kPressureKeys};
constinit const Section kLogSection{
    "log", "One line per event in the life of a connection or stream, none per message.", kLogKeys};
constinit const Section kShutdownSection{"shutdown", "", kShutdownKeys};
constinit const Section kJournalSection{
    "journal",
    "What makes an acknowledged message safe: it stands on disk until a worker has settled it, and its replies until "
    "the broker has confirmed them (docs/journal.md). Messages of QoS 0 never touch the disk.",
    kJournalKeys};
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
      &kChainBacklogSection,
      &kRepliesSection,
      &kDeadLettersSection,
      &kTracingSection,
      &kTelemetrySection,
      &kTelemetryOtlpSection,
      &kTelemetryOtlpTlsSection,
      &kWorkersSection,
      &kWorkersTlsSection,
      &kWorkersWindowSection,
      &kWorkersAuthSection,
      &kWorkersAuthCertificatesSection,
      &kWorkersAuthJwtSection,
      &kPermissionSection,
      &kPermissionRepliesSection,
      &kPermissionWindowSection,
      &kPermissionRateSection,
      &kAuditSection,
      &kPressureSection,
      &kHttpSection,
      &kHttpTlsSection,
      &kLogSection,
      &kShutdownSection,
      &kJournalSection,
      &kAdminSection,
      &kAdminTlsSection,
      &kAdminDashboardSection,
      &kAdminDashboardTlsSection,
  };
  return kAll;
}

bool Section::Has(std::string_view name) const {
  return std::ranges::any_of(keys, [name](const Key& key) { return key.name == name; });
}

const Key& Section::Find(std::string_view name) const {
  for (const Key& key : keys) {
    if (key.name == name) return key;
  }
  assert(false && "the schema lacks a key that is read");
  return keys.front();
}

}  // namespace sluice
