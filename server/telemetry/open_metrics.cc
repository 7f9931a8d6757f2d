#include "server/telemetry/open_metrics.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "server/runtime/text.h"

namespace sluice {
namespace {

constexpr std::string_view kTotal = "_total";
constexpr std::array<std::string_view, 2> kUnits = {"seconds", "bytes"};

void AppendNumber(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else {
    // For people, too: 0.0001 and 1000000 rather than 1e-04 and 1e+06.
    const double size = std::abs(value);
    const bool plain = size == 0 || (size >= 1e-7 && size < 1e15);
    std::array<char, 32> digits;
    out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value,
                                            plain ? std::chars_format::fixed : std::chars_format::general)
                                  .ptr);
  }
}

// In backslashes what would end a quoted text or a line.
void AppendEscaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
}

// NAME{LABEL="VALUE",…} and a blank.
void AppendSeries(std::string& out, std::string_view name, const Labels& labels, std::string_view bound = {}) {
  out += name;
  char separator = '{';
  const auto append = [&](std::string_view label, std::string_view value) {
    out += separator;
    separator = ',';
    out += label;
    out += "=\"";
    AppendEscaped(out, value);
    out += '"';
  };
  for (const auto& [label, value] : labels) append(label, value);
  if (!bound.empty()) append("le", bound);
  if (separator == ',') out += '}';
  out += ' ';
}

// "Values of le should follow the rules of canonical numbers": 1.0, not 1.
std::string Bound(size_t bucket) {
  if (bucket == Histogram::kBuckets) return "+Inf";
  std::string bound;
  AppendNumber(bound, Histogram::UpperBound(bucket));
  if (bound.find_first_of(".e") == std::string::npos) bound += ".0";
  return bound;
}

void AppendExemplar(std::string& out, const Exemplar& exemplar) {
  if (exemplar.trace_high == 0 && exemplar.trace_low == 0) return;
  out += " # {trace_id=\"";
  text::AppendHex64(exemplar.trace_high, out);
  text::AppendHex64(exemplar.trace_low, out);
  out += "\",span_id=\"";
  text::AppendHex64(exemplar.span, out);
  out += "\"} ";
  AppendNumber(out, static_cast<double>(exemplar.nanos) / 1e9);
  out += ' ';
  constexpr int64_t kNanosPerMilli = 1'000'000;
  AppendNumber(out, static_cast<double>(exemplar.unix_ns / kNanosPerMilli) / 1e3);
}

void AppendHistogram(std::string& out, std::string_view name, const Labels& labels, const Histogram& histogram) {
  static const std::vector<std::string> bounds = [] {
    std::vector<std::string> all;
    for (size_t i = 0; i <= Histogram::kBuckets; ++i) all.push_back(Bound(i));
    return all;
  }();
  const std::vector<Exemplar> exemplars = histogram.Exemplars();
  uint64_t cumulative = 0;
  for (size_t i = 0; i <= Histogram::kBuckets; ++i) {
    cumulative += histogram.bucket(i);
    AppendSeries(out, text::Concat(name, "_bucket"), labels, bounds[i]);
    text::AppendPart(out, cumulative);
    if (!exemplars.empty()) AppendExemplar(out, exemplars[i]);
    out += '\n';
  }
  AppendSeries(out, text::Concat(name, "_count"), labels);
  text::AppendPart(out, cumulative);
  out += '\n';
  AppendSeries(out, text::Concat(name, "_sum"), labels);
  AppendNumber(out, histogram.SumSeconds());
  out += '\n';
}

std::string_view TypeOf(MetricsRegistry::Kind kind) {
  switch (kind) {
    case MetricsRegistry::Kind::kCounter:
      return "counter";
    case MetricsRegistry::Kind::kGauge:
      return "gauge";
    case MetricsRegistry::Kind::kHistogram:
      return "histogram";
  }
  return "unknown";
}

void AppendFamily(std::string& out, std::string_view name, const MetricsRegistry::Family& family, SteadyTime now) {
  const bool counter = family.kind == MetricsRegistry::Kind::kCounter;
  // A counter's family is called without what its samples end with.
  if (counter && name.ends_with(kTotal)) name.remove_suffix(kTotal.size());
  out += text::Concat("# TYPE ", name, " ", TypeOf(family.kind), "\n");
  for (const std::string_view unit : kUnits) {
    if (name.ends_with(text::Concat("_", unit))) out += text::Concat("# UNIT ", name, " ", unit, "\n");
  }
  out += text::Concat("# HELP ", name, " ");
  AppendEscaped(out, family.help);
  out += '\n';
  const std::string sample = counter ? text::Concat(name, kTotal) : std::string(name);
  for (const MetricsRegistry::Series& series : family.series) {
    if (family.kind == MetricsRegistry::Kind::kHistogram) {
      if (series.histogram != nullptr) AppendHistogram(out, sample, series.labels, *series.histogram);
      continue;
    }
    AppendSeries(out, sample, series.labels);
    AppendNumber(out, series.Value(now));
    out += '\n';
  }
}

}  // namespace

std::string OpenMetricsText(const MetricsRegistry& registry, const Clock& clock) {
  std::string out;
  const SteadyTime now = clock.Now();
  registry.Visit(
      [&](const std::string& name, const MetricsRegistry::Family& family) { AppendFamily(out, name, family, now); });
  out += "# EOF\n";
  return out;
}

}  // namespace sluice
