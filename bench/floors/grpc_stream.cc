// floor_grpc_stream: the worker stream's frames over gRPC and nothing else: what gateway and worker cannot be cheaper
// than at a given number of messages to a frame. `serve` plays the gateway and measures, `work` plays the worker.
#include <grpcpp/grpcpp.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "bench/main.h"
#include "bench/meter.h"
#include "sluice/v1/worker.grpc.pb.h"

namespace {

using sluice::bench::JsonObject;
using sluice::bench::NowNanos;
using sluice::bench::SteadyRun;

struct Options {
  size_t batch = 8;            // Messages to a frame.
  size_t outstanding = 1000;   // Messages sent and not settled.
  size_t payload_bytes = 128;  // Of each message and its reply.
  sluice::bench::RunLength length;
};

// One stream: keeps `outstanding` messages in flight, in frames of `batch`, one write at a time.
class Reactor final : public grpc::ServerBidiReactor<sluice::v1::WorkerFrame, sluice::v1::GatewayFrame> {
 public:
  explicit Reactor(const Options& options)
      : options_(options), window_(std::max(options.outstanding, options.batch)), run_(options.length) {
    for (size_t i = 0; i < options.batch; ++i) {
      sluice::v1::Delivery& delivery = *out_.add_deliveries();
      delivery.set_message_id("01890a5d-ac96-774b-bcce-b302099a8057");
      delivery.set_route("bench");
      delivery.set_chain("bench");
      delivery.set_topic("bench/in");
      delivery.set_payload(std::string(options.payload_bytes, 'x'));
      delivery.set_qos(1);
      delivery.set_received_unix_ms(1'700'000'000'000);
      delivery.set_lease_ms(30'000);
      delivery.set_attempt(1);
    }
    run_.Start(NowNanos());
    StartRead(&in_);
    const std::lock_guard lock(mutex_);
    WriteNext();
  }

  void OnReadDone(bool ok) override {
    {
      const std::lock_guard lock(mutex_);
      if (!ok) {  // The worker has gone.
        End();
        return;
      }
      const int64_t now = NowNanos();
      for (int i = 0; i < in_.settles_size(); ++i) {
        if (run_.steady()) latency_.Add(now - sent_at_.front());
        sent_at_.pop_front();
      }
      answered_ += static_cast<size_t>(in_.settles_size());
      run_.Advance(now, sent_, answered_);
      if (run_.phase() == SteadyRun::Phase::kDone) {
        End();
        return;
      }
      if (!writing_) WriteNext();
    }
    StartRead(&in_);
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    if (ok) WriteNext();
  }

  void OnDone() override {
    const std::lock_guard lock(mutex_);
    done_ = true;
    changed_.notify_all();
  }

  void WaitUntilDone() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return done_; });
  }

  void PrintResult() {
    const std::lock_guard lock(mutex_);
    JsonObject result;
    result.Add("event", "result").Add("batch", options_.batch).Add("sent", sent_).Add("answered", answered_);
    result.Add("lost", sent_ - answered_);
    run_.Describe(result);
    result.Add("latency_us", latency_.ToJson()).Print();
  }

 private:
  // Both under mutex_: reactions to what they start run on other threads.
  void End() {
    finished_ = true;
    Finish(grpc::Status::OK);
  }
  void WriteNext() {
    if (finished_ || !run_.MaySend(sent_) || sent_ - answered_ + options_.batch > window_) return;
    const int64_t now = NowNanos();
    for (sluice::v1::Delivery& delivery : *out_.mutable_deliveries()) {
      delivery.set_delivery_id(++sent_);
      sent_at_.push_back(now);
    }
    writing_ = true;
    StartWrite(&out_);
  }

  const Options options_;
  const size_t window_;
  sluice::v1::WorkerFrame in_;
  sluice::v1::GatewayFrame out_;

  std::mutex mutex_;
  std::condition_variable changed_;
  SteadyRun run_;
  sluice::bench::LatencyHistogram latency_;
  std::deque<int64_t> sent_at_;  // The worker answers in order.
  size_t sent_ = 0;
  size_t answered_ = 0;
  bool writing_ = false;
  bool finished_ = false;
  bool done_ = false;
};

// Serves one stream.
class Service final : public sluice::v1::WorkerService::CallbackService {
 public:
  explicit Service(const Options& options) : options_(options) {}

  grpc::ServerBidiReactor<sluice::v1::WorkerFrame, sluice::v1::GatewayFrame>* Work(
      grpc::CallbackServerContext* /*context*/) override {
    const std::lock_guard lock(mutex_);
    reactor_ = std::make_unique<Reactor>(options_);
    changed_.notify_all();
    return reactor_.get();
  }

  Reactor& WaitForStream() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return reactor_ != nullptr; });
    return *reactor_;
  }

 private:
  const Options options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<Reactor> reactor_;
};

int Serve(const Options& options) {
  Service service(options);
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) {
    std::fprintf(stderr, "floor_grpc_stream: cannot listen on 127.0.0.1\n");
    return 1;
  }
  JsonObject().Add("event", "listening").Add("port", port).Print();
  Reactor& reactor = service.WaitForStream();
  reactor.WaitUntilDone();
  reactor.PrintResult();
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  return 0;
}

// Answers each frame with one of as many settles and replies.
int Work(const std::string& gateway) {
  const auto channel = grpc::CreateChannel(gateway, grpc::InsecureChannelCredentials());
  const auto stub = sluice::v1::WorkerService::NewStub(channel);
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  const auto stream = stub->Work(&context);
  sluice::v1::GatewayFrame in;
  sluice::v1::WorkerFrame out;
  while (stream->Read(&in)) {
    out.Clear();
    for (const sluice::v1::Delivery& delivery : in.deliveries()) {
      sluice::v1::Settle& settle = *out.add_settles();
      settle.set_delivery_id(delivery.delivery_id());
      sluice::v1::Reply& reply = *settle.add_replies();
      reply.set_topic("bench/out");
      reply.set_qos(1);
      reply.set_payload(delivery.payload());
    }
    if (!stream->Write(out)) break;
  }
  return stream->Finish().ok() ? 0 : 1;
}

int Run(int argc, char** argv) {
  Options options;
  std::string gateway;
  CLI::App app("The worker stream's frames over gRPC, and nothing else.");
  app.require_subcommand(1);
  auto* serve = app.add_subcommand("serve", "Play the gateway and measure");
  serve->add_option("--batch", options.batch, "Messages to a frame")->check(CLI::Range(1, 10'000));
  serve->add_option("--outstanding", options.outstanding, "Messages in flight")->check(CLI::Range(1, 1'000'000));
  serve->add_option("--size", options.payload_bytes, "Payload, in bytes");
  serve->add_option("--warmup", options.length.warmup_s, "Seconds not measured");
  serve->add_option("--seconds", options.length.steady_s, "Seconds measured");
  auto* work = app.add_subcommand("work", "Play the worker");
  work->add_option("--gateway", gateway, "HOST:PORT")->required();
  CLI11_PARSE(app, argc, argv);
  return serve->parsed() ? Serve(options) : Work(gateway);
}

}  // namespace

int main(int argc, char** argv) { return sluice::bench::RunMain(Run, argc, argv); }
