#include "tests/rpc_server/conformance/service.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "connectrpc/conformance/v1/service.pb.h"
#include "server/rpc/protocol/grpc_text.h"

namespace sluice::conformance {
namespace {

namespace pb = connectrpc::conformance::v1;
using rpc::Call;
using rpc::CallHandler;
using rpc::Metadata;
using Headers = google::protobuf::RepeatedPtrField<pb::Header>;

// Binary values stand in the suite's messages as base64.
Metadata FromHeaders(const Headers& headers) {
  Metadata metadata;
  for (const pb::Header& header : headers) {
    const std::string name = absl::AsciiStrToLower(header.name());
    for (const std::string& value : header.value()) {
      std::string bytes = value;
      if (rpc::IsBinary(name)) rpc::DecodeBinary(value, &bytes);
      metadata.emplace_back(name, std::move(bytes));
    }
  }
  return metadata;
}

void ToHeaders(const Metadata& metadata, Headers& headers) {
  for (const auto& [name, value] : metadata) {
    pb::Header* header = nullptr;
    for (pb::Header& one : headers) {
      if (one.name() == name) header = &one;
    }
    if (header == nullptr) {
      header = headers.Add();
      header->set_name(name);
    }
    header->add_value(rpc::IsBinary(name) ? rpc::EncodeBinary(value) : value);
  }
}

// What the first request tells the server to do.
struct Script {
  Metadata headers;
  std::vector<std::string> answers;
  std::optional<pb::Error> error;
  Metadata trailers;
  Millis delay{0};
  Millis delay_of_error{0};
};

Script ScriptOf(const pb::UnaryResponseDefinition& definition) {
  Script script{.headers = FromHeaders(definition.response_headers()),
                .trailers = FromHeaders(definition.response_trailers()),
                .delay = Millis(definition.response_delay_ms())};
  if (definition.has_error()) {
    script.error = definition.error();
    script.delay_of_error = script.delay;
  } else {
    script.answers = {definition.response_data()};
  }
  return script;
}

Script ScriptOf(const pb::StreamResponseDefinition& definition) {
  Script script{.headers = FromHeaders(definition.response_headers()),
                .answers = {definition.response_data().begin(), definition.response_data().end()},
                .trailers = FromHeaders(definition.response_trailers()),
                .delay = Millis(definition.response_delay_ms())};
  if (definition.has_error()) script.error = definition.error();
  return script;
}

template <typename Request>
bool IsFullDuplex(const Request& request) {
  if constexpr (requires { request.full_duplex(); }) return request.full_duplex();
  return false;
}

enum class Requests : bool { kOne, kMany };

// One call of any method. Requests are collected until the client has sent them all, then answers go out; in full
// duplex each request has its answer, and what is left of them follows at the end.
template <typename Request, typename Response, Requests kRequests>
class Conversation final : public CallHandler {
 public:
  Conversation(Call& call, EventLoop& loop) : call_(call), timer_(loop) {
    script_ = ScriptOf(Definition());
    ToHeaders(call.info().metadata, *info_.mutable_request_headers());
    if (call.info().deadline != kNever) {
      info_.set_timeout_ms(std::chrono::duration_cast<Millis>(call.info().deadline - call.info().received).count());
    }
    call_.Read();
  }

  void OnMessage(std::string message) override {
    Request request;
    if (!request.ParseFromString(message)) {
      Refuse(absl::InternalError("the request is not a message of that type"));
      return;
    }
    if (received_ > 0 && kRequests == Requests::kOne) {
      Refuse(absl::UnimplementedError("the request has several messages; this method takes one"));
      return;
    }
    info_.add_requests()->PackFrom(request);
    if (received_++ == 0) {
      script_ = ScriptOf(request.response_definition());
      full_duplex_ = IsFullDuplex(request);
      if (full_duplex_) SendHeaders();
    }
    if (full_duplex_) {
      Next();
    } else {
      call_.Read();
    }
  }
  void OnHalfClose() override {
    half_closed_ = true;
    if (received_ == 0 && kRequests == Requests::kOne) {
      Refuse(absl::UnimplementedError("the request has no message; this method takes one"));
      return;
    }
    if (answering_) return;
    if (!full_duplex_) SendHeaders();
    Next();
  }
  void OnWritten() override {
    answering_ = false;
    if (full_duplex_ && !half_closed_) {
      call_.Read();
    } else {
      Next();
    }
  }
  void OnCancel(const absl::Status& /*why*/) override { timer_.Cancel(); }

 private:
  using Definition = std::decay_t<decltype(std::declval<Request>().response_definition())>;

  // Without any, a status may come alone.
  void SendHeaders() {
    if (!script_.headers.empty()) call_.SendInitialMetadata(script_.headers);
  }
  void Next() {
    answering_ = true;
    const bool more = sent_ < script_.answers.size();
    After(more ? script_.delay : script_.delay_of_error, [this, more] {
      if (more) {
        Answer();
      } else {
        End();
      }
    });
  }
  void After(Millis delay, std::function<void()> task) {
    if (delay.count() == 0) {
      task();
    } else {
      timer_.Set(Clock::Real().Now() + delay, std::move(task));
    }
  }
  void Answer() {
    Response response;
    response.mutable_payload()->set_data(script_.answers[sent_]);
    if (sent_ == 0 || info_.requests_size() > 0) response.mutable_payload()->mutable_request_info()->Swap(&info_);
    info_.Clear();
    ++sent_;
    call_.Write(rpc::Payload(response.SerializeAsString()));
  }
  void End() {
    Metadata trailers = script_.trailers;
    if (!script_.error) {
      call_.Finish(absl::OkStatus(), std::move(trailers));
      return;
    }
    pb::Error& error = *script_.error;
    if (sent_ == 0) error.add_details()->PackFrom(info_);
    // It is google.rpc.Status by another name.
    if (error.details_size() > 0) trailers.emplace_back("grpc-status-details-bin", error.SerializeAsString());
    call_.Finish(absl::Status(static_cast<absl::StatusCode>(error.code()), error.message()), std::move(trailers));
  }
  void Refuse(const absl::Status& status) {
    timer_.Cancel();
    call_.Abort(status);
  }

  Call& call_;
  Timer timer_;
  Script script_;
  pb::ConformancePayload::RequestInfo info_;  // What the next answer tells of the requests.
  size_t received_ = 0;
  size_t sent_ = 0;
  bool full_duplex_ = false;
  bool half_closed_ = false;
  bool answering_ = false;
};

template <typename Request, typename Response, Requests kRequests>
rpc::MakeHandler Of(EventLoop& loop) {
  return [&loop](Call& call) { return std::make_unique<Conversation<Request, Response, kRequests>>(call, loop); };
}

}  // namespace

rpc::Service ConformanceService(EventLoop& loop) {
  return {.name = "connectrpc.conformance.v1.ConformanceService",
          .methods = {
              {"Unary", Of<pb::UnaryRequest, pb::UnaryResponse, Requests::kOne>(loop)},
              {"IdempotentUnary", Of<pb::IdempotentUnaryRequest, pb::IdempotentUnaryResponse, Requests::kOne>(loop)},
              {"ServerStream", Of<pb::ServerStreamRequest, pb::ServerStreamResponse, Requests::kOne>(loop)},
              {"ClientStream", Of<pb::ClientStreamRequest, pb::ClientStreamResponse, Requests::kMany>(loop)},
              {"BidiStream", Of<pb::BidiStreamRequest, pb::BidiStreamResponse, Requests::kMany>(loop)}}};
}

}  // namespace sluice::conformance
