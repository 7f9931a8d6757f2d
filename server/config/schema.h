// Every key a configuration can have: its type, range, default and meaning. The readers check against it, errors
// quote it, and docs/configuration.md shows it (a test compares).
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace sluice {

enum class KeyType {
  kText,
  kSecret,             // Text that never appears in an error.
  kFile,               // Path of a file that must be readable.
  kPath,               // Path of what the gateway makes where it is not there.
  kFileOrDirectory,    // Path of a file, or of a directory whose files are meant.
  kChoice,             // `allowed` lists the words: "debug|info".
  kFlag,               // true or false.
  kNumber,             // Whole; `allowed` is the range: "1..65535".
  kQos,                // 0, 1 or 2.
  kDuration,           // `allowed` is the range: "1s..1h".
  kDurationOrSeconds,  // As RuleGo takes it: a number without a unit means seconds.
  kBytes,              // A size; `allowed` is the range: "1KiB..256MiB".
  kTopic,              // A topic name without wildcards.
  kFilter,             // A topic filter.
  kFilterList,         // A list of topic filters.
  kAlpnList,           // A list of ALPN's names of protocols, or one.
  kCiphers,            // A list of names of TLS' ciphers, or one text with ':' between them.
  kServer,             // A broker's address.
  kListen,             // HOST:PORT
  kListenOrUnix,       // HOST:PORT or unix:PATH
  kListenUnixOrNone,   // HOST:PORT, unix:PATH or nothing
  kOrder,              // none, topic, or topic level N
  kProcessors,         // A list of the words in `allowed`.
  kTarget,             // A chain, as a template: environment references are left alone.
  kChainPatterns,      // A list of names of chains, with `*` in them.
  kWords,              // A list of the words in `allowed`.
  kTextList,           // A list of texts.
  kNamePatterns,       // A list of names of principals, with `*` in them.
  kReplyFilters,       // A list of topic filters with `${topic.N}`: environment references are left alone.
  kClaims,             // Names of claims, each with a text or a list of them, with `*` in them.
  kMap,                // A section of its own.
  kNamedMaps,          // Names of the user's choice, each with a section.
  kListOfMaps,         // A list of sections.
};

// The fields stand in the order in which the tables read well.
struct Key {  // NOLINT(clang-analyzer-optin.performance.Padding)
  std::string_view name;
  KeyType type;
  std::string_view fallback;  // The default, as it would be written; empty: none.
  std::string_view allowed;
  std::string_view meaning;  // For people: unit, consequence. Markdown, one line.
  bool required = false;
};

struct Section {
  std::string_view path;  // "connections.NAME", "routes[].from"; empty: the top.
  std::string_view meaning;
  std::span<const Key> keys;
  bool any_case = false;  // Keys are found in whatever case they are written, as in RuleGo.

  const Key& Find(std::string_view name) const;  // It must be there.
  bool Has(std::string_view name) const;
};

extern const Section kTopSection;
extern const Section kGatewaySection;
extern const Section kConnectionSection;
extern const Section kConnectionTlsSection;
extern const Section kConnectionRepliesSection;
extern const Section kConnectionStatusSection;
extern const Section kRouteSection;
extern const Section kRouteFromSection;
extern const Section kRouteToSection;
extern const Section kChainSection;
extern const Section kChainQueueSection;
extern const Section kChainBacklogSection;
extern const Section kRepliesSection;
extern const Section kDeadLettersSection;
extern const Section kTelemetrySection;
extern const Section kTelemetryOtlpSection;
extern const Section kTelemetryOtlpTlsSection;
extern const Section kTracingSection;
extern const Section kWorkersSection;
extern const Section kWorkersTlsSection;
extern const Section kWorkersWindowSection;
extern const Section kWorkersAuthSection;
extern const Section kWorkersAuthCertificatesSection;
extern const Section kWorkersAuthJwtSection;
extern const Section kAuditSection;
extern const Section kPermissionsFileSection;
extern const Section kPermissionSection;
extern const Section kPermissionRepliesSection;
extern const Section kPermissionWindowSection;
extern const Section kPermissionRateSection;
extern const Section kPressureSection;
extern const Section kHttpSection;
extern const Section kHttpTlsSection;
extern const Section kLogSection;
extern const Section kShutdownSection;
extern const Section kJournalSection;
extern const Section kAdminSection;
extern const Section kAdminTlsSection;
extern const Section kAdminDashboardSection;
extern const Section kAdminDashboardTlsSection;

// All of them, in the order in which the document shows them.
std::span<const Section* const> AllSections();

// What a value of this key may be, for errors and the document: "a whole number from 1 to 65535".
std::string Allowed(const Key& key);

// "1s..1h" → "1s" and "1h".
struct Range {
  std::string_view min;
  std::string_view max;
};
Range SplitRange(std::string_view allowed);

}  // namespace sluice
