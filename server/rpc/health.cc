#include "server/rpc/health.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "grpc/health/v1/health.pb.h"
#include "server/rpc/service/single_request.h"
#include "server/runtime/mutex.h"

namespace sluice::rpc {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using Status = HealthCheckResponse::ServingStatus;

Payload Answer(Status status) {
  HealthCheckResponse response;
  response.set_status(status);
  return Payload(response.SerializeAsString());
}

}  // namespace

class Health::State {
 public:
  explicit State(std::vector<std::string> services) : services_(std::move(services)) {}

  Status Of(const std::string& service) const {
    MutexLock lock(mutex_);
    if (!service.empty() && std::ranges::find(services_, service) == services_.end()) {
      return HealthCheckResponse::SERVICE_UNKNOWN;
    }
    return serving_ ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
  }
  void SetNotServing() {
    std::map<const void*, std::shared_ptr<Waker>> watching;
    {
      MutexLock lock(mutex_);
      serving_ = false;
      watching = watching_;
    }
    for (const auto& [call, waker] : watching) waker->Wake();
  }
  void Add(const void* call, std::shared_ptr<Waker> waker) {
    MutexLock lock(mutex_);
    watching_.emplace(call, std::move(waker));
  }
  void Remove(const void* call) {
    MutexLock lock(mutex_);
    watching_.erase(call);
  }

 private:
  const std::vector<std::string> services_;
  mutable Mutex mutex_;
  bool serving_ ABSL_GUARDED_BY(mutex_) = true;
  std::map<const void*, std::shared_ptr<Waker>> watching_ ABSL_GUARDED_BY(mutex_);
};

class Health::Check final : public SingleRequest {
 public:
  Check(Call& call, std::shared_ptr<State> state) : SingleRequest(call), state_(std::move(state)) {}

 private:
  void OnRequest(const std::string& bytes) override {
    HealthCheckRequest request;
    if (!request.ParseFromString(bytes)) return call().Finish(NotThatType());
    const Status status = state_->Of(request.service());
    if (status == HealthCheckResponse::SERVICE_UNKNOWN) {
      return call().Finish(absl::NotFoundError(
          absl::StrCat("no service '", absl::CHexEscape(request.service().substr(0, kMostShownOfAName)), "' here")));
    }
    call().Write(Answer(status));
    call().Finish(absl::OkStatus());
  }

  const std::shared_ptr<State> state_;
};

class Health::Watch final : public SingleRequest {
 public:
  Watch(Call& call, std::shared_ptr<State> state) : SingleRequest(call), state_(std::move(state)) {}
  ~Watch() override { state_->Remove(this); }

  void OnWritten() override {
    writing_ = false;
    Tell();
  }
  void OnWake() override { Tell(); }

 private:
  void OnRequest(const std::string& bytes) override {
    HealthCheckRequest request;
    if (!request.ParseFromString(bytes)) return call().Finish(NotThatType());
    service_ = std::move(*request.mutable_service());
    // Before it looks, so that no change is missed.
    state_->Add(this, call().waker());
    Tell();
  }
  void Tell() {
    const Status status = state_->Of(service_);
    if (writing_ || told_ == status) return;
    told_ = status;
    writing_ = true;
    call().Write(Answer(status));
  }

  const std::shared_ptr<State> state_;
  std::string service_;
  std::optional<Status> told_;
  bool writing_ = false;
};

Health::Health(std::vector<std::string> services) : state_(std::make_shared<State>(std::move(services))) {}
Health::~Health() = default;

void Health::SetNotServing() { state_->SetNotServing(); }

Service Health::service() const {
  return {
      .name = "grpc.health.v1.Health",
      .methods = {
          {.name = "Check", .make = [state = state_](Call& call) { return std::make_unique<Check>(call, state); }},
          {.name = "Watch", .make = [state = state_](Call& call) { return std::make_unique<Watch>(call, state); }}}};
}

}  // namespace sluice::rpc
