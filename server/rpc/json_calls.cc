#include "server/rpc/json_calls.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <atomic>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/net/peer.h"

namespace sluice::rpc {
namespace {

namespace pb = google::protobuf;

std::string Words(pb::StringPiece text) { return std::string(text.data(), text.size()); }

class LocalWaker final : public Waker, public std::enable_shared_from_this<LocalWaker> {
 public:
  LocalWaker(EventLoop& loop, std::weak_ptr<LocalCall> call) : loop_(loop), call_(std::move(call)) {}
  void Wake() override;

 private:
  EventLoop& loop_;
  const std::weak_ptr<LocalCall> call_;
  std::atomic<bool> asked_ = false;
};

}  // namespace

// A call without a wire: the handler's wishes become tasks of the loop.
class LocalCall final : public Call, public std::enable_shared_from_this<LocalCall> {
 public:
  LocalCall(EventLoop& loop, CallInfo info, std::string request, const pb::Message& answer, JsonAnswers answers,
            std::function<void(const std::shared_ptr<LocalCall>&)> over)
      : loop_(loop),
        info_(std::move(info)),
        request_(std::move(request)),
        answer_(answer),
        answers_(std::move(answers)),
        over_(std::move(over)),
        deadline_(loop) {}

  void Begin(const MakeHandler& make) {
    waker_ = std::make_shared<LocalWaker>(loop_, weak_from_this());
    if (info_.deadline != kNever) {
      deadline_.Set(info_.deadline, [this] { Cancel(absl::DeadlineExceededError("the call took too long")); });
    }
    handler_ = make(*this);
    if (handler_ == nullptr) handler_ = Refuse(*this, absl::InternalError("the method made no handler"));
  }

  void OnWake() {
    if (handler_ != nullptr) handler_->OnWake();
  }

  // None of its handler's reactions may be running.
  void Cancel(const absl::Status& why) {
    if (handler_ == nullptr) return;
    handler_->OnCancel(why);
    End(why);
  }

  // ---- Call
  const CallInfo& info() const override { return info_; }
  const std::shared_ptr<Waker>& waker() override { return waker_; }
  void Read() override {
    if (!request_) return;
    Later([this, request = *std::exchange(request_, std::nullopt)]() mutable {
      handler_->OnMessage(std::move(request));
      Later([this] {
        if (!finish_) handler_->OnHalfClose();
      });
    });
  }
  void LimitMessages(size_t /*bytes*/) override {}
  void SendInitialMetadata(Metadata /*metadata*/) override {}
  void Write(Payload message) override {
    if (finish_ || handler_ == nullptr) return;
    const std::unique_ptr<pb::Message> answer(answer_.New());
    std::string json;
    pb::util::JsonPrintOptions options;
    options.always_print_primitive_fields = true;
    if (!answer->ParseFromString(message.Flatten()) || !pb::util::MessageToJsonString(*answer, &json, options).ok()) {
      return Finish(absl::InternalError(absl::StrCat(info_.path, ": the answer has no JSON")), {});
    }
    writing_ = true;
    answers_.answer(std::move(json), [weak = weak_from_this()] {
      if (const std::shared_ptr<LocalCall> self = weak.lock()) self->Taken();
    });
  }
  void Finish(const absl::Status& status, Metadata /*trailers*/) override {
    if (finish_) return;
    finish_ = status;
    if (!writing_) FinishSoon();
  }
  void Abort(const absl::Status& status) override {
    finish_ = status;
    FinishSoon();
  }

 private:
  // Never within what asked for it, and not after the end.
  void Later(std::function<void()> reaction) {
    loop_.Post([self = shared_from_this(), reaction = std::move(reaction)] {
      if (self->handler_ != nullptr) reaction();
    });
  }
  void Taken() {
    if (!std::exchange(writing_, false)) return;
    if (finish_) return FinishSoon();
    Later([this] { handler_->OnWritten(); });
  }
  void FinishSoon() {
    Later([this] { End(*finish_); });
  }
  void End(const absl::Status& status) {
    const std::shared_ptr<LocalCall> self = shared_from_this();
    deadline_.Cancel();
    handler_->OnDone();
    handler_ = nullptr;
    over_(self);
    if (answers_.end) answers_.end(status);
    answers_ = {};
  }

  EventLoop& loop_;
  const CallInfo info_;
  std::optional<std::string> request_;  // None: it was handed over.
  const pb::Message& answer_;
  JsonAnswers answers_;
  const std::function<void(const std::shared_ptr<LocalCall>&)> over_;
  Timer deadline_;
  std::shared_ptr<Waker> waker_;
  std::unique_ptr<CallHandler> handler_;  // Null: it is over.
  bool writing_ = false;
  std::optional<absl::Status> finish_;
};

namespace {

void LocalWaker::Wake() {
  if (asked_.exchange(true)) return;
  loop_.Post([self = shared_from_this()] {
    self->asked_ = false;
    if (const std::shared_ptr<LocalCall> call = self->call_.lock()) call->OnWake();
  });
}

}  // namespace

struct JsonCalls::Found {
  const Method* method = nullptr;  // Null: there is none.
  const pb::Message* request = nullptr;
  const pb::Message* answer = nullptr;
  bool stream = false;
};

JsonCalls::JsonCalls(EventLoop& loop, std::vector<Service> services) : loop_(loop), services_(std::move(services)) {}

JsonCalls::~JsonCalls() = default;

JsonCalls::Found JsonCalls::Lookup(std::string_view path) const {
  for (const Service& service : services_) {
    for (const Method& method : service.methods) {
      if (path != absl::StrCat("/", service.name, "/", method.name)) continue;
      const pb::MethodDescriptor* described =
          pb::DescriptorPool::generated_pool()->FindMethodByName(absl::StrCat(service.name, ".", method.name));
      if (described == nullptr || described->client_streaming()) return {};
      pb::MessageFactory& factory = *pb::MessageFactory::generated_factory();
      return {.method = &method,
              .request = factory.GetPrototype(described->input_type()),
              .answer = factory.GetPrototype(described->output_type()),
              .stream = described->server_streaming()};
    }
  }
  return {};
}

JsonCalls::Kind JsonCalls::Find(std::string_view path) const {
  const Found found = Lookup(path);
  if (found.method == nullptr) return Kind::kNone;
  return found.stream ? Kind::kStream : Kind::kUnary;
}

std::function<void()> JsonCalls::Begin(JsonRequest request, JsonAnswers answers) {
  const Found found = Lookup(request.path);
  const auto refuse = [&answers](const absl::Status& status) -> std::function<void()> {
    answers.end(status);
    return [] {};
  };
  if (found.method == nullptr) return refuse(absl::UnimplementedError("there is no such method"));
  const std::unique_ptr<pb::Message> message(found.request->New());
  if (!request.json.empty()) {
    const pb::util::Status parsed = pb::util::JsonStringToMessage(request.json, message.get());
    if (!parsed.ok()) return refuse(absl::InvalidArgumentError(Words(parsed.message())));
  }
  CallInfo info{.path = std::move(request.path),
                .metadata = std::move(request.metadata),
                .received = Clock::Real().Now(),
                .deadline = request.deadline,
                .peer = std::move(request.peer)};
  if (info.peer != nullptr) info.peer_name = info.peer->text;
  const auto call = std::make_shared<LocalCall>(loop_, std::move(info), message->SerializeAsString(), *found.answer,
                                                std::move(answers),
                                                [this](const std::shared_ptr<LocalCall>& over) { calls_.erase(over); });
  calls_.insert(call);
  call->Begin(found.method->make);
  return [loop = &loop_, weak = std::weak_ptr<LocalCall>(call)] {
    // Whoever cancels may be within a reaction of the call.
    loop->Post([weak] {
      if (const std::shared_ptr<LocalCall> self = weak.lock())
        self->Cancel(absl::CancelledError("nobody waits for it"));
    });
  };
}

void JsonCalls::Stop() {
  while (!calls_.empty()) {
    const std::shared_ptr<LocalCall> call = *calls_.begin();
    call->Cancel(absl::UnavailableError("the gateway is shutting down"));
  }
}

}  // namespace sluice::rpc
