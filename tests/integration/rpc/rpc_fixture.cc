#include "tests/integration/rpc/rpc_fixture.h"

#include <deque>

#include "absl/strings/str_cat.h"

namespace sluice::rpc {
namespace {

class Echo final : public CallHandler {
 public:
  explicit Echo(Call& call) : call_(call) { call_.Read(); }
  void OnMessage(std::string message) override { call_.Write(Payload(std::move(message))); }
  void OnHalfClose() override { call_.Finish(absl::OkStatus()); }
  void OnWritten() override { call_.Read(); }
  void OnCancel(const absl::Status& /*why*/) override {}

 private:
  Call& call_;
};

}  // namespace

std::unique_ptr<CallHandler> EchoHandler(Call& call) { return std::make_unique<Echo>(call); }

RpcTest::~RpcTest() {
  channel_.reset();
  StopServer();
}

void RpcTest::StartServer(size_t loops) {
  std::vector<EventLoop*> serving;
  for (size_t i = 0; i < loops; ++i) {
    loops_.push_back(std::make_unique<EventLoop>(absl::StrCat("rpc-", i)));
    loops_.back()->Start(nullptr);
    serving.push_back(loops_.back().get());
  }
  options_.services = {{.name = "test.Echo", .methods = methods_}};
  server_ = std::make_unique<Server>(options_, serving, Clock::Real(), metrics_);
  absl::StatusOr<std::unique_ptr<Listener>> bound =
      Listener::Bind({.name = "test", .listen = "127.0.0.1:0"}, Clock::Real(), metrics_);
  ASSERT_TRUE(bound.ok()) << bound.status();
  listener_ = *std::move(bound);
  listener_->Start(*serving[0], serving,
                   [this](std::unique_ptr<sluice::Channel> channel) { server_->Serve(std::move(channel)); });
  channel_ = NewChannel();
}

void RpcTest::StopServer(Millis grace) {
  if (server_ == nullptr) return;
  listener_->Stop();
  EXPECT_TRUE(server_->Stop(Clock::Real().Now() + grace));
  for (const auto& loop : loops_) EXPECT_TRUE(loop->Stop(Clock::Real().Now() + Millis(10'000)));
  server_.reset();
}

std::shared_ptr<grpc::Channel> RpcTest::NewChannel(grpc::ChannelArguments arguments) const {
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(-1);
  return grpc::CreateCustomChannel(listener_->address(), grpc::InsecureChannelCredentials(), arguments);
}

std::unique_ptr<RpcTest::Stream> RpcTest::Open(grpc::ClientContext& context, const std::string& name) {
  static const std::string prefix = "/test.Echo/";
  static std::deque<std::string> names;  // gRPC keeps a pointer to the name.
  called_.push_back(std::make_unique<grpc::internal::RpcMethod>(names.emplace_back(prefix + name).c_str(),
                                                                grpc::internal::RpcMethod::BIDI_STREAMING, channel_));
  return std::unique_ptr<Stream>(grpc::internal::ClientReaderWriterFactory<grpc::ByteBuffer, grpc::ByteBuffer>::Create(
      channel_.get(), *called_.back(), &context));
}

grpc::Status RpcTest::Unary(const std::string& path, const std::string& request, std::string* response,
                            grpc::ClientContext* context) {
  grpc::ClientContext own;
  const grpc::internal::RpcMethod method(path.c_str(), grpc::internal::RpcMethod::NORMAL_RPC, channel_);
  grpc::ByteBuffer answer;
  const grpc::ByteBuffer question = Bytes(request);
  const grpc::Status status = grpc::internal::BlockingUnaryCall<grpc::ByteBuffer, grpc::ByteBuffer>(
      channel_.get(), method, context != nullptr ? context : &own, question, &answer);
  if (status.ok() && response != nullptr) *response = Text(answer);
  return status;
}

}  // namespace sluice::rpc
