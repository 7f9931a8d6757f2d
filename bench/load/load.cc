#include "bench/load/load.h"

#include <unistd.h>

#include <algorithm>
#include <deque>

#include "absl/strings/str_cat.h"
#include "bench/mqtt_client.h"

namespace sluice::bench {
namespace {

constexpr int kTurnMillis = 20;

ConnectOptions ClientOptions(const LoadRun& run, const char* role) {
  return {.mqtt5 = run.mqtt5, .client_id = absl::StrCat("sluice-", role, "-", getpid())};
}

}  // namespace

absl::Status Load(const LoadRun& run, const std::function<bool()>& should_stop) {
  auto client = MqttClient::Connect(run.broker, ClientOptions(run, "load"));
  if (!client.ok()) return client.status();

  SteadyRun phases(run.length);
  SequenceBook book;
  LatencyHistogram latency;
  std::string payload(std::max(run.payload_bytes, SequenceBook::kTextSize), 'x');
  const auto on_reply = [&](const PublishPacket& packet) {
    const auto sequence = SequenceBook::Read(packet.payload);
    if (!sequence || packet.payload.size() != payload.size()) {
      book.CountForeign();
      return;
    }
    const auto took = book.Answered(*sequence, NowNanos());
    if (took && phases.steady()) latency.Add(*took);
  };

  if (absl::Status status = client->Subscribe(run.reply_topic, run.qos, on_reply); !status.ok()) return status;
  phases.Start(NowNanos());
  while (phases.phase() != SteadyRun::Phase::kDone) {
    while (phases.MaySend(book.sent()) && book.lost() < run.outstanding && client->MayPublish(run.qos)) {
      SequenceBook::Write(book.sent(), payload.data());
      client->Publish(run.topic, payload, run.qos);
      book.Sent(book.sent(), NowNanos());
    }
    if (absl::Status status = client->Turn(kTurnMillis, on_reply); !status.ok()) return status;
    const int64_t now = NowNanos();
    phases.Advance(now, book.sent(), book.answered());
    if (should_stop()) phases.Stop(now, book.answered());
  }

  JsonObject result;
  result.Add("event", "result").Add("sent", book.sent()).Add("answered", book.answered()).Add("lost", book.lost());
  result.Add("duplicates", book.duplicates()).Add("foreign", book.foreign());
  phases.Describe(result);
  result.Add("latency_us", latency.ToJson());
  result.Print();
  return absl::OkStatus();
}

absl::Status Echo(const LoadRun& run, const std::function<bool()>& should_stop) {
  auto client = MqttClient::Connect(run.broker, ClientOptions(run, "echo"));
  if (!client.ok()) return client.status();

  std::deque<std::string> waiting;  // For room below the broker's Receive Maximum.
  const auto on_message = [&](const PublishPacket& packet) {
    if (waiting.empty() && client->MayPublish(run.qos)) {
      client->Publish(run.reply_topic, packet.payload, run.qos);
    } else {
      waiting.emplace_back(packet.payload);
    }
  };
  if (absl::Status status = client->Subscribe(run.topic, run.qos, on_message); !status.ok()) return status;
  JsonObject().Add("event", "ready").Print();
  while (!should_stop()) {
    if (absl::Status status = client->Turn(kTurnMillis, on_message); !status.ok()) return status;
    for (; !waiting.empty() && client->MayPublish(run.qos); waiting.pop_front()) {
      client->Publish(run.reply_topic, waiting.front(), run.qos);
    }
  }
  return absl::OkStatus();
}

}  // namespace sluice::bench
