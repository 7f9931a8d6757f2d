// rpc_transport: streams of echoed messages over rpc::Server, and over gRPC's callback server, with gRPC's stock client
// on the other side: what a transport costs alone.
//
//   rpc_transport serve --transport rpc|grpc --streams 16        prints {"event": "listening", "port"}, then the result
//   rpc_transport work --gateway 127.0.0.1:PORT --streams 16     echoes, until the streams end
#include "bench/main.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <CLI/CLI.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bench/transport/dispatcher.h"
#include "server/net/listener.h"
#include "server/rpc/server.h"

namespace {

using sluice::bench::Dispatcher;
using sluice::bench::JsonObject;
using sluice::bench::Outlet;
using sluice::bench::TransportOptions;

constexpr char kMethod[] = "/bench.Transport/Echo";

void PrintListening(int port) { JsonObject().Add("event", "listening").Add("port", port).Print(); }

// ---- over rpc::Server

class RpcStream final : public sluice::rpc::CallHandler, public Outlet {
 public:
  RpcStream(sluice::rpc::Call& call, Dispatcher& dispatcher, size_t size)
      : call_(call), waker_(call.waker()), dispatcher_(dispatcher), size_(size) {
    call_.Read();
    dispatcher_.Add(*this);
  }
  void Wake() override { waker_->Wake(); }
  void OnMessage(std::string message) override {
    dispatcher_.Answered(message.size() / size_);
    call_.Read();
    Pump();
  }
  void OnWritten() override {
    writing_ = false;
    Pump();
  }
  void OnWake() override { Pump(); }
  void OnHalfClose() override { call_.Finish(absl::OkStatus()); }
  void OnCancel(const absl::Status& /*why*/) override {}

 private:
  void Pump() {
    if (dispatcher_.done()) {
      call_.Finish(absl::OkStatus());
      return;
    }
    if (writing_) return;
    const size_t count = dispatcher_.Take(*this);
    if (count == 0) return;
    writing_ = true;
    call_.Write(sluice::rpc::Payload(std::string(count * size_, 'x')));
  }

  sluice::rpc::Call& call_;
  const std::shared_ptr<sluice::rpc::Waker> waker_;
  Dispatcher& dispatcher_;
  const size_t size_;
  bool writing_ = false;
};

void ServeRpc(const TransportOptions& options) {
  using sluice::Clock;
  Dispatcher dispatcher(options);
  sluice::MetricsRegistry metrics;
  sluice::EventLoop loop("rpc");
  loop.Start(nullptr);
  sluice::rpc::ServerOptions server_options{.name = "bench"};
  server_options.services = {{.name = "bench.Transport", .methods = {{"Echo", [&](sluice::rpc::Call& call) {
                                                                        return std::make_unique<RpcStream>(
                                                                            call, dispatcher, options.payload_bytes);
                                                                      }}}}};
  sluice::rpc::Server server(std::move(server_options), {&loop}, Clock::Real(), metrics);
  auto listener = sluice::Listener::Bind({.name = "bench", .listen = "127.0.0.1:0"}, Clock::Real(), metrics);
  if (!listener.ok()) throw std::runtime_error(listener.status().ToString());
  (*listener)->Start(loop, {}, [&](std::unique_ptr<sluice::Channel> channel) { server.Serve(std::move(channel)); });
  PrintListening((*listener)->port());
  while (!dispatcher.done()) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  (*listener)->Stop();
  server.Stop(Clock::Real().Now());
  loop.Stop(Clock::Real().Now() + sluice::Millis(1'000));
  dispatcher.Print("rpc");
}

// ---- over gRPC's callback server

class GrpcStream final : public grpc::ServerGenericBidiReactor, public Outlet {
 public:
  GrpcStream(Dispatcher& dispatcher, size_t size) : dispatcher_(dispatcher), size_(size) {
    StartRead(&in_);
    dispatcher_.Add(*this);
  }
  // Under the dispatcher's mutex: gRPC starts the write from here only if none is under way, and asks what to write
  // later.
  void Wake() override { due_.store(true); }
  void OnReadDone(bool ok) override {
    if (!ok) {
      End();
      return;
    }
    dispatcher_.Answered(in_.Length() / size_);
    if (dispatcher_.done()) {
      End();
      return;
    }
    StartRead(&in_);
    PumpAll();
  }
  void OnWriteDone(bool ok) override {
    {
      const std::lock_guard lock(mutex_);
      writing_ = false;
    }
    if (ok) Pump();
  }
  void OnDone() override {
    const std::lock_guard lock(all_mutex);
    std::erase(all, this);
    changed.notify_all();
  }

  static inline std::mutex all_mutex;
  static inline std::condition_variable changed;
  static inline std::vector<GrpcStream*> all;

 private:
  // Whoever's answer made others due starts their writes.
  static void PumpAll() {
    thread_local std::vector<GrpcStream*> streams;
    {
      const std::lock_guard lock(all_mutex);
      streams = all;
    }
    for (GrpcStream* stream : streams) {
      if (stream->due_.exchange(false)) stream->Pump();
    }
  }
  void Pump() {
    const std::lock_guard lock(mutex_);
    if (writing_ || ended_) return;
    const size_t count = dispatcher_.Take(*this);
    if (count == 0) return;
    writing_ = true;
    const grpc::Slice slice(std::string(count * size_, 'x'));
    out_ = grpc::ByteBuffer(&slice, 1);
    StartWrite(&out_);
  }
  void End() {
    const std::lock_guard lock(mutex_);
    if (std::exchange(ended_, true)) return;
    Finish(grpc::Status::OK);
  }

  Dispatcher& dispatcher_;
  const size_t size_;
  std::atomic<bool> due_ = false;
  grpc::ByteBuffer in_;
  grpc::ByteBuffer out_;
  std::mutex mutex_;
  bool writing_ = false;
  bool ended_ = false;

 public:
  static void PumpFirst() { PumpAll(); }
};

class GrpcService final : public grpc::CallbackGenericService {
 public:
  GrpcService(Dispatcher& dispatcher, const TransportOptions& options) : dispatcher_(dispatcher), options_(options) {}
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* /*context*/) override {
    auto* stream = new GrpcStream(dispatcher_, options_.payload_bytes);  // Stays until the program ends.
    bool complete = false;
    {
      const std::lock_guard lock(GrpcStream::all_mutex);
      GrpcStream::all.push_back(stream);
      complete = GrpcStream::all.size() == options_.streams;
    }
    if (complete) GrpcStream::PumpFirst();
    return stream;
  }

 private:
  Dispatcher& dispatcher_;
  const TransportOptions& options_;
};

void ServeGrpc(const TransportOptions& options) {
  Dispatcher dispatcher(options);
  GrpcService service(dispatcher, options);
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterCallbackGenericService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) throw std::runtime_error("cannot listen on 127.0.0.1");
  PrintListening(port);
  while (!dispatcher.done()) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  server->Shutdown(std::chrono::system_clock::now());
  dispatcher.Print("grpc");
}

// ---- the client

class Worker final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit Worker(const std::string& gateway) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // A connection of its own.
    channel_ = grpc::CreateCustomChannel(gateway, grpc::InsecureChannelCredentials(), arguments);
    stub_ = std::make_unique<grpc::GenericStub>(channel_);
    stub_->PrepareBidiStreamingCall(&context_, kMethod, {}, this);
    StartRead(&in_);
    StartCall();
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    out_.Swap(&in_);
    StartWrite(&out_);
  }
  void OnWriteDone(bool ok) override {
    if (ok) StartRead(&in_);
  }
  void OnDone(const grpc::Status& /*status*/) override {
    const std::lock_guard lock(mutex_);
    done_ = true;
    changed_.notify_all();
  }
  void Wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return done_; });
  }

 private:
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<grpc::GenericStub> stub_;
  grpc::ClientContext context_;
  grpc::ByteBuffer in_;
  grpc::ByteBuffer out_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
};

void Work(const std::string& gateway, size_t streams) {
  std::vector<std::unique_ptr<Worker>> workers;
  workers.reserve(streams);
  for (size_t i = 0; i < streams; ++i) workers.push_back(std::make_unique<Worker>(gateway));
  for (const auto& worker : workers) worker->Wait();
}

int Run(int argc, char** argv) {
  TransportOptions options;
  std::string transport = "rpc";
  std::string gateway;
  CLI::App app("Echoed messages over a transport, and nothing else.");
  app.require_subcommand(1);
  auto* serve = app.add_subcommand("serve", "Play the gateway and measure");
  serve->add_option("--transport", transport, "rpc or grpc")->check(CLI::IsMember({"rpc", "grpc"}));
  serve->add_option("--outstanding", options.outstanding, "Messages in flight");
  serve->add_option("--size", options.payload_bytes, "Bytes of a message");
  serve->add_option("--warmup", options.warmup_s, "Seconds not measured");
  serve->add_option("--seconds", options.steady_s, "Seconds measured");
  serve->add_option("--streams", options.streams, "Streams, each over a connection of its own");
  auto* work = app.add_subcommand("work", "Play the workers");
  work->add_option("--gateway", gateway, "HOST:PORT")->required();
  work->add_option("--streams", options.streams, "Streams");
  CLI11_PARSE(app, argc, argv);
  if (work->parsed()) {
    Work(gateway, options.streams);
  } else if (transport == "rpc") {
    ServeRpc(options);
  } else {
    ServeGrpc(options);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return sluice::bench::RunMain(Run, argc, argv); }
