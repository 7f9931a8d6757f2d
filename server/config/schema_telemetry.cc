// The section that says where spans go.
#include "server/config/schema.h"

namespace sluice {
namespace {

using enum KeyType;

constexpr Key kTelemetryKeys[] = {
    {"otlp", kMap, "", "", "Traces, for a collector of OpenTelemetry. None: nothing is traced."},
};

constexpr Key kTelemetryOtlpKeys[] = {
    {"endpoint", kText, "", "http:// or https:// HOST[:PORT][/PATH], such as http://127.0.0.1:4318/v1/traces",
     "Where spans are sent to, as OTLP over HTTP (protobuf). `/v1/traces` where no path is written; collectors listen "
     "on "
     "port 4318.",
     true},
    {"sampleRatio", kText, "0.01", "a number from 0 to 1",
     "Of messages that come without a `traceparent`, how many are traced: 0.01 is one of a hundred. A message with one "
     "is traced when that is sampled, whatever this says."},
    {"headersFile", kFile, "", "",
     "A file with headers for each request, a line each, such as `Authorization: Bearer TOKEN`; read anew each time."},
    {"serviceName", kText, "sluice", "", "`service.name` of the spans."},
    {"tls", kMap, "", "", "TLS for `https://`."},
};

constexpr Key kTelemetryOtlpTlsKeys[] = {
    {"caFile", kFile, "", "", "The CA (PEM) of the collector's certificate. None: the system's."},
    {"certFile", kFile, "", "", "The gateway's certificate chain (PEM), for collectors that ask for one."},
    {"keyFile", kFile, "", "", "Its key (PEM)."},
    {"keyPasswordFile", kFile, "", "",
     "A file with the password of an encrypted `keyFile`; one line break at its end does not count. None: the key is "
     "not encrypted."},
    {"minVersion", kChoice, "1.2", "1.2|1.3", "The least version of TLS that is spoken."},
    {"ciphers", kCiphers, "", "",
     "The ciphers that are offered, the best first; only with forward secrecy and authenticated encryption. None: "
     "all."},
};

}  // namespace

constinit const Section kTelemetrySection{"telemetry", "", kTelemetryKeys};
constinit const Section kTelemetryOtlpSection{
    "telemetry.otlp", "The way of messages through the gateway as [traces](tracing.md). A change needs a restart.",
    kTelemetryOtlpKeys};
constinit const Section kTelemetryOtlpTlsSection{"telemetry.otlp.tls", "", kTelemetryOtlpTlsKeys};

}  // namespace sluice
