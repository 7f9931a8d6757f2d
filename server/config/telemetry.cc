#include <charconv>
#include <utility>

#include "server/config/address.h"
#include "server/config/pem_files.h"
#include "server/config/sections.h"
#include "server/runtime/text.h"
#include "server/spans/otlp_headers.h"

namespace sluice {
namespace {

constexpr uint16_t kHttpPort = 80;
constexpr uint16_t kHttpsPort = 443;

// Of a path in a request's first line.
bool IsRequestPath(std::string_view path) {
  for (const char c : path) {
    if (text::IsBlankOrControl(c) || static_cast<unsigned char>(c) >= 0x80 || c == '#') return false;
  }
  return true;
}

// False: it is none.
bool TakeApart(std::string_view endpoint, OtlpConfig& otlp) {
  bool tls = false;
  if (endpoint.starts_with("http://")) {
    endpoint.remove_prefix(7);
  } else if (endpoint.starts_with("https://")) {
    endpoint.remove_prefix(8);
    tls = true;
  } else {
    return false;
  }
  const std::string_view server = endpoint.substr(0, endpoint.find('/'));
  endpoint.remove_prefix(server.size());
  const absl::StatusOr<ServerAddress> address = ParseServerAddress(text::Concat(tls ? "ssl://" : "tcp://", server));
  if (!address.ok() || server.find('@') != std::string_view::npos || !IsRequestPath(endpoint)) return false;
  const uint16_t port = address->port != 0 ? address->port : tls ? kHttpsPort : kHttpPort;
  otlp.authority = Authority(address->host, port);
  otlp.server = text::Concat(tls ? "ssl://" : "tcp://", otlp.authority);
  otlp.path = endpoint.empty() ? "/v1/traces" : std::string(endpoint);
  return true;
}

void ReadOtlpTls(Reading& reading, const Entry& entry, OtlpTls& tls) {
  MapReader map(reading, kTelemetryOtlpTlsSection, entry, "telemetry.otlp.tls");
  map.Read("caFile", tls.ca_file);
  const bool cert = map.Read("certFile", tls.cert_file);
  const bool key = map.Read("keyFile", tls.key_file);
  map.Read("keyPasswordFile", tls.key_password_file);
  ReadTlsProtocol(map, tls.min_version, tls.ciphers);
  if (cert && map.Find("keyFile") == nullptr) {
    map.Error("certFile", "a certificate without its key; set keyFile too, or neither");
  }
  if (key && map.Find("certFile") == nullptr) {
    map.Error("keyFile", "a key without its certificate; set certFile too, or neither");
  }
  const std::string no_crl;
  CheckTlsFiles(reading, {map, "certFile", tls.cert_file}, {map, "keyFile", tls.key_file},
                {map, "keyPasswordFile", tls.key_password_file}, {map, "caFile", tls.ca_file}, {map, "caFile", no_crl});
}

void ReadRatio(MapReader& map, double& ratio) {
  const std::optional<Text> text = map.ReadText("sampleRatio");
  if (!text) return;
  double value = 0;
  const char* end = text->text.data() + text->text.size();
  const auto [rest, error] = std::from_chars(text->text.data(), end, value);
  if (error != std::errc() || rest != end || !(value >= 0 && value <= 1)) return map.Reject("sampleRatio", *text);
  ratio = value;
}

// What it holds is a secret: an error names a line, and shows nothing of it.
void CheckHeaders(Reading& reading, MapReader& map, const std::string& file) {
  const absl::StatusOr<std::string> content = reading.surroundings().read_file(file);
  const absl::Status status = content.ok() ? ParseHeaders(*content).status() : content.status();
  if (!status.ok()) {
    map.Error("headersFile", text::Concat("'", file, "': ", text::Message(status),
                                          "; allowed: lines such as \"Authorization: Bearer TOKEN\""));
  }
}

}  // namespace

void ReadTelemetry(Reading& reading, MapReader& top, Draft& draft) {
  const Entry* entry = top.Find("telemetry");
  if (entry == nullptr) return;
  MapReader telemetry(reading, kTelemetrySection, *entry, "telemetry");
  const Entry* given = telemetry.Find("otlp");
  if (given == nullptr) return;
  OtlpConfig& otlp = draft.config.otlp;
  MapReader map(reading, kTelemetryOtlpSection, *given, "telemetry.otlp");
  if (!map.valid()) return;
  if (map.Find("endpoint") != nullptr) {
    if (const std::optional<Text> endpoint = map.ReadText("endpoint")) {
      if (!TakeApart(endpoint->text, otlp)) map.Reject("endpoint", *endpoint);
    }
  }
  ReadRatio(map, otlp.sample_ratio);
  if (map.Read("headersFile", otlp.headers_file)) CheckHeaders(reading, map, otlp.headers_file);
  map.Read("serviceName", otlp.service_name);
  if (const Entry* tls = map.Find("tls")) {
    ReadOtlpTls(reading, *tls, otlp.tls);
    if (otlp.server.starts_with("tcp:")) map.Warn("tls", "endpoint is http://, so nothing of it is used");
  }
  if (!otlp.headers_file.empty() && otlp.server.starts_with("tcp:") && !ListensOnLoopback(otlp.authority)) {
    map.Warn("headersFile", "endpoint is http://: whoever is on the way can read them");
  }
}

}  // namespace sluice
