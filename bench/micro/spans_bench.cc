// What a message costs with telemetry.otlp: one that is not traced, the spans of one that is, and these as OTLP.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "server/otlp/encode.h"
#include "server/spans/message_spans.h"

namespace sluice {
namespace {

class Gathered final : public SpanSink {
 public:
  void Take(std::vector<Span> spans) override {
    for (Span& span : spans) all.push_back(std::move(span));
  }
  std::vector<Span> all;
};

void NotTraced(benchmark::State& state) {
  Gathered sink;
  const MessageSpans spans(Clock::Real(), 0, sink);
  const MessagePtr message = MakeMessage("plant/hall-3/line-12/temperature", "21.5");
  for (auto _ : state) benchmark::DoNotOptimize(spans.Decide(*message));
}
BENCHMARK(NotTraced);

// A message that is answered: its way, an attempt, a reply. `state.range(0)`: also as OTLP, in requests of 512 spans.
void Traced(benchmark::State& state) {
  Gathered sink;
  MessageSpans spans(Clock::Real(), 1, sink);
  const Route route{.id = "temperature", .connection = "plant", .filter = "plant/+/+/temperature"};
  const MessagePtr message = MakeMessage("plant/hall-3/line-12/temperature", "21.5");
  const OtlpResource resource = {{"service.name", "sluice"}};
  uint64_t next = 0;
  for (auto _ : state) {
    const MessagePtr traced = spans.Begin(message, *spans.Decide(*message));
    const MessageSpans::About about{
        .message = *traced, .id = {1, ++next}, .route = &route, .chain = "temperature", .attempt = 1};
    spans.Delivered(about, "temperature-alarm/host-1");
    spans.Settled(about, "ack", "");
    OutboundMessage reply{.topic = "plant/hall-3/line-12/alarm", .payload = "{}"};
    const auto span = spans.BeginReply(*traced, reply);
    spans.EndReply({.span = *span, .connection = "plant", .chain = "temperature", .trouble = ""});
    if (sink.all.size() < 512) continue;
    if (state.range(0) == 1) {
      std::vector<std::string> encoded;
      std::ranges::transform(sink.all, std::back_inserter(encoded), EncodeSpan);
      benchmark::DoNotOptimize(EncodeRequest(encoded, resource, "0.1.0"));
    }
    sink.all.clear();
  }
}
BENCHMARK(Traced)->Arg(0)->Arg(1);

}  // namespace
}  // namespace sluice

BENCHMARK_MAIN();
