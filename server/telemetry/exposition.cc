#include "server/telemetry/exposition.h"

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace sluice {
namespace {

prometheus::ClientMetric::Histogram Convert(const Histogram& histogram) {
  prometheus::ClientMetric::Histogram out;
  out.bucket.reserve(Histogram::kBuckets + 1);
  uint64_t cumulative = 0;
  for (size_t i = 0; i <= Histogram::kBuckets; ++i) {
    cumulative += histogram.bucket(i);
    double bound = i < Histogram::kBuckets ? Histogram::UpperBound(i) : std::numeric_limits<double>::infinity();
    out.bucket.push_back({.cumulative_count = cumulative, .upper_bound = bound});
  }
  out.sample_count = cumulative;
  out.sample_sum = histogram.SumSeconds();
  return out;
}

prometheus::ClientMetric Convert(MetricsRegistry::Kind kind, const MetricsRegistry::Series& series, SteadyTime now) {
  prometheus::ClientMetric out;
  for (const auto& [name, value] : series.labels) out.label.push_back({.name = name, .value = value});
  switch (kind) {
    case MetricsRegistry::Kind::kCounter:
      out.counter.value = series.Value(now);
      break;
    case MetricsRegistry::Kind::kGauge:
      out.gauge.value = series.Value(now);
      break;
    case MetricsRegistry::Kind::kHistogram:
      if (series.histogram != nullptr) out.histogram = Convert(*series.histogram);
      break;
  }
  return out;
}

prometheus::MetricType Convert(MetricsRegistry::Kind kind) {
  switch (kind) {
    case MetricsRegistry::Kind::kCounter:
      return prometheus::MetricType::Counter;
    case MetricsRegistry::Kind::kGauge:
      return prometheus::MetricType::Gauge;
    case MetricsRegistry::Kind::kHistogram:
      return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

class RegistryCollectable final : public prometheus::Collectable {
 public:
  RegistryCollectable(const MetricsRegistry& registry, SteadyTime now) : registry_(registry), now_(now) {}

  std::vector<prometheus::MetricFamily> Collect() const override {
    std::vector<prometheus::MetricFamily> out;
    registry_.Visit([this, &out](const std::string& name, const MetricsRegistry::Family& family) {
      prometheus::MetricFamily& converted = out.emplace_back();
      converted.name = name;
      converted.help = family.help;
      converted.type = Convert(family.kind);
      for (const MetricsRegistry::Series& series : family.series) {
        converted.metric.push_back(Convert(family.kind, series, now_));
      }
    });
    return out;
  }

 private:
  const MetricsRegistry& registry_;
  const SteadyTime now_;
};

}  // namespace

std::string PrometheusText(const MetricsRegistry& registry, const Clock& clock) {
  return prometheus::TextSerializer().Serialize(RegistryCollectable(registry, clock.Now()).Collect());
}

}  // namespace sluice
