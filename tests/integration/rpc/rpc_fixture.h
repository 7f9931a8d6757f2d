// An rpc::Server on a port of its own, and gRPC's stock client.
#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <grpcpp/support/sync_stream.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/net/listener.h"
#include "server/rpc/server.h"
#include "server/rpc/service/sync_call.h"
#include "tests/support/eventually.h"

namespace sluice::rpc {

// A handler whose reactions are a test's functions.
struct Reactions {
  std::function<void(Call&, std::string)> message = [](Call&, std::string) {};
  std::function<void(Call&)> half_close = [](Call&) {};
  std::function<void(Call&)> written = [](Call&) {};
  std::function<void(Call&)> wake = [](Call&) {};
  std::function<void(const absl::Status&)> cancel = [](const absl::Status&) {};
  std::function<void()> done = [] {};
};

class TestHandler final : public CallHandler {
 public:
  TestHandler(Call& call, Reactions reactions) : call_(call), reactions_(std::move(reactions)) {}
  void OnMessage(std::string message) override { reactions_.message(call_, std::move(message)); }
  void OnHalfClose() override { reactions_.half_close(call_); }
  void OnWritten() override { reactions_.written(call_); }
  void OnWake() override { reactions_.wake(call_); }
  void OnCancel(const absl::Status& why) override { reactions_.cancel(why); }
  void OnDone() override { reactions_.done(); }

 private:
  Call& call_;
  const Reactions reactions_;
};

// Answers each message with itself, ends when the client does.
std::unique_ptr<CallHandler> EchoHandler(Call& call);

inline std::string Text(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  buffer.Dump(&slices);
  std::string text;
  for (const grpc::Slice& slice : slices) text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return text;
}
inline grpc::ByteBuffer Bytes(const std::string& text) {
  const grpc::Slice slice(text);
  return grpc::ByteBuffer(&slice, 1);
}

class RpcTest : public testing::Test {
 protected:
  using Stream = grpc::ClientReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>;

  ~RpcTest() override;

  // "/test.Echo/NAME" is handled so.
  void Handle(const std::string& name, MakeHandler make) { methods_.push_back({name, std::move(make)}); }
  void StartServer(size_t loops = 1);
  void StopServer(Millis grace = Millis(0));

  std::unique_ptr<Stream> Open(grpc::ClientContext& context, const std::string& name = "Stream");
  grpc::Status Unary(const std::string& path, const std::string& request, std::string* response,
                     grpc::ClientContext* context = nullptr);
  // A connection of its own.
  std::shared_ptr<grpc::Channel> NewChannel(grpc::ChannelArguments arguments = {}) const;

  ServerOptions options_{.name = "test"};
  MetricsRegistry metrics_;
  WorkerPool pool_{4, 16};
  std::vector<Method> methods_;
  std::vector<std::unique_ptr<EventLoop>> loops_;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::vector<std::unique_ptr<grpc::internal::RpcMethod>> called_;
};

}  // namespace sluice::rpc
