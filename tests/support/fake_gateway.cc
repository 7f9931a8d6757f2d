#include "tests/support/fake_gateway.h"

#include <chrono>
#include <utility>

namespace sluice::testing {
namespace {

constexpr std::chrono::seconds kPatience{10};

}  // namespace

FakeGateway::FakeGateway(Options options) : options_(std::move(options)) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(options_.ip + ":" + std::to_string(options_.port), options_.credentials, &port_);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(-1);
  builder.RegisterService(&service_);
  server_ = builder.BuildAndStart();
}

FakeGateway::~FakeGateway() {
  if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
  std::unique_lock lock(mutex_);
  WaitFor(lock, [this] { return sessions_alive_ == 0; });
}

template <typename Condition>
bool FakeGateway::WaitFor(std::unique_lock<std::mutex>& lock, Condition condition) const {
  return changed_.wait_for(lock, kPatience, condition);
}

template <typename T>
std::optional<T> FakeGateway::Next(std::deque<T>& queue) {
  std::unique_lock lock(mutex_);
  if (!WaitFor(lock, [&] { return !queue.empty(); })) return std::nullopt;
  T value = std::move(queue.front());
  queue.pop_front();
  return value;
}

// One stream. Reads unless the test stops it; one write under way, the rest waits. Every method needs the gateway's
// mutex, save the reactions, which take it.
class FakeGateway::Session final : public grpc::ServerBidiReactor<v1::WorkerFrame, v1::GatewayFrame>,
                                   public std::enable_shared_from_this<Session> {
 public:
  explicit Session(FakeGateway& gateway) : gateway_(gateway) {}

  void Start() {
    self_ = shared_from_this();
    StartRead(&in_);
  }
  bool greeted() const { return greeted_; }

  void Write(const v1::GatewayFrame& frame) {
    if (finished_) return;
    queue_.push_back(frame);
    WriteNext();
  }
  void End(grpc::Status status) {
    if (std::exchange(finished_, true)) return;
    Finish(std::move(status));
  }
  void ReadAgain() {
    if (std::exchange(paused_, false)) StartRead(&in_);
  }

 private:
  void WriteNext() {
    if (writing_ || queue_.empty() || finished_) return;
    out_ = std::move(queue_.front());
    queue_.pop_front();
    writing_ = true;
    StartWrite(&out_);
  }

  void OnReadDone(bool ok) override {
    const std::lock_guard lock(gateway_.mutex_);
    if (!ok) {
      gateway_.ended_.insert(number_);
      End(grpc::Status::OK);
    } else {
      Take();
      paused_ = !gateway_.reading_;
      if (!paused_) StartRead(&in_);
    }
    gateway_.changed_.notify_all();
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(gateway_.mutex_);
    writing_ = false;
    if (ok) WriteNext();
  }

  void OnDone() override {
    std::shared_ptr<Session> self;  // Dies after the lock.
    const std::lock_guard lock(gateway_.mutex_);
    gateway_.ended_.insert(number_);
    if (gateway_.session_.get() == this) gateway_.session_ = nullptr;
    --gateway_.sessions_alive_;
    gateway_.changed_.notify_all();
    self = std::move(self_);
  }

  void Take() {
    if (in_.has_hello()) {
      gateway_.hellos_.push_back(in_.hello());
      number_ = static_cast<int>(gateway_.hellos_.size());
      gateway_.session_ = shared_from_this();
      if (!gateway_.refuse_.ok()) {
        End(gateway_.refuse_);
      } else if (!gateway_.withhold_welcome_) {
        Write(gateway_.Welcome(in_.hello()));
        greeted_ = true;
      }
      return;
    }
    ++gateway_.frames_;
    gateway_.extends_.insert(gateway_.extends_.end(), in_.extends().begin(), in_.extends().end());
    gateway_.replies_.insert(gateway_.replies_.end(), in_.replies().begin(), in_.replies().end());
    gateway_.settles_.insert(gateway_.settles_.end(), in_.settles().begin(), in_.settles().end());
    gateway_.began_.insert(gateway_.began_.end(), in_.began().begin(), in_.began().end());
    if (in_.has_window()) gateway_.windows_.push_back(in_.window());
    if (in_.has_pong()) gateway_.pongs_.push_back(in_.pong().nonce());
    if (in_.has_drain()) gateway_.drains_.push_back(in_.drain());
    if (in_.has_ping()) {
      ++gateway_.pings_;
      if (!gateway_.silent_) {
        v1::GatewayFrame answer;
        answer.mutable_pong()->set_nonce(in_.ping().nonce());
        Write(answer);
      }
    }
  }

  FakeGateway& gateway_;
  std::shared_ptr<Session> self_;  // Until OnDone.
  v1::WorkerFrame in_;
  v1::GatewayFrame out_;
  std::deque<v1::GatewayFrame> queue_;
  int number_ = 0;
  bool greeted_ = false;
  bool writing_ = false;
  bool paused_ = false;
  bool finished_ = false;
};

grpc::ServerBidiReactor<v1::WorkerFrame, v1::GatewayFrame>* FakeGateway::Service::Work(
    grpc::CallbackServerContext* context) {
  const auto session = std::make_shared<Session>(gateway_);
  const std::lock_guard lock(gateway_.mutex_);
  const auto shown = context->client_metadata().find("authorization");
  gateway_.authorization_.clear();
  if (shown != context->client_metadata().end()) {
    gateway_.authorization_.assign(shown->second.data(), shown->second.size());
  }
  ++gateway_.sessions_alive_;
  session->Start();
  return session.get();
}

std::string FakeGateway::authorization() const {
  const std::lock_guard lock(mutex_);
  return authorization_;
}

v1::GatewayFrame FakeGateway::Welcome(const v1::Hello& hello) const {
  v1::GatewayFrame frame;
  v1::Welcome& welcome = *frame.mutable_welcome();
  welcome.set_protocol_version(1);
  welcome.set_session_id("session-" + std::to_string(hellos_.size()));
  welcome.set_gateway("fake");
  for (const std::string& chain : hello.chains()) {
    bool refused = false;
    for (const v1::RefusedChain& known : refused_chains_) {
      if (known.chain() != chain) continue;
      *welcome.add_refused_chains() = known;
      refused = true;
    }
    if (!refused) welcome.add_accepted_chains()->set_chain(chain);
  }
  *welcome.mutable_max_window() = hello.window();
  for (const std::string& feature : hello.features()) {
    if (feature == "began") welcome.add_features(feature);
  }
  welcome.set_heartbeat_interval_ms(options_.heartbeat_ms);
  welcome.set_max_frame_bytes(options_.max_frame_bytes);
  return frame;
}

// ---- verbs

uint64_t FakeGateway::Deliver(size_t count, v1::Delivery prototype) {
  v1::GatewayFrame frame;
  uint64_t first = 0;
  {
    const std::lock_guard lock(mutex_);
    first = next_id_;
    next_id_ += count;
  }
  if (prototype.chain().empty()) prototype.set_chain("test");
  if (prototype.topic().empty()) prototype.set_topic("plant/boiler/temp");
  if (prototype.attempt() == 0) prototype.set_attempt(1);
  if (prototype.lease_ms() == 0) prototype.set_lease_ms(30'000);
  for (size_t i = 0; i < count; ++i) {
    v1::Delivery& delivery = *frame.add_deliveries();
    delivery = prototype;
    delivery.set_delivery_id(first + i);
    delivery.set_message_id("00000000-0000-7000-8000-" + std::to_string(100'000'000'000 + first + i));
  }
  Send(frame);
  return first;
}

void FakeGateway::Send(const v1::GatewayFrame& frame) {
  std::unique_lock lock(mutex_);
  if (WaitFor(lock, [this] { return session_ != nullptr && session_->greeted(); })) session_->Write(frame);
}

void FakeGateway::DropStream(grpc::Status status) {
  std::unique_lock lock(mutex_);
  if (WaitFor(lock, [this] { return session_ != nullptr; })) session_->End(std::move(status));
}

void FakeGateway::RefuseChain(const std::string& chain, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  v1::RefusedChain& refused = refused_chains_.emplace_back();
  refused.set_chain(chain);
  refused.set_reason(reason);
}

void FakeGateway::RefuseStreams(grpc::Status status) {
  const std::lock_guard lock(mutex_);
  refuse_ = std::move(status);
}

void FakeGateway::GoSilent() {
  const std::lock_guard lock(mutex_);
  silent_ = true;
}

void FakeGateway::WithholdWelcome() {
  const std::lock_guard lock(mutex_);
  withhold_welcome_ = true;
}

void FakeGateway::SendDrain(uint32_t deadline_ms, const std::string& reason) {
  v1::GatewayFrame frame;
  frame.mutable_drain()->set_deadline_ms(deadline_ms);
  frame.mutable_drain()->set_reason(reason);
  Send(frame);
}

void FakeGateway::StopReading() {
  const std::lock_guard lock(mutex_);
  reading_ = false;
}

void FakeGateway::ReadAgain() {
  const std::lock_guard lock(mutex_);
  reading_ = true;
  if (session_ != nullptr) session_->ReadAgain();
}

// ---- what the worker did

std::optional<v1::Hello> FakeGateway::ExpectHello(int number) {
  std::unique_lock lock(mutex_);
  const auto index = static_cast<size_t>(number) - 1;
  if (!WaitFor(lock, [&] { return hellos_.size() > index; })) return std::nullopt;
  return hellos_[index];
}

std::optional<v1::Settle> FakeGateway::ExpectSettle() { return Next(settles_); }

std::vector<v1::Settle> FakeGateway::ExpectSettles(size_t count) {
  std::vector<v1::Settle> settles;
  while (settles.size() < count) {
    std::optional<v1::Settle> settle = ExpectSettle();
    if (!settle) break;
    settles.push_back(*std::move(settle));
  }
  return settles;
}

std::optional<v1::Reply> FakeGateway::ExpectEarlyReply() { return Next(replies_); }
std::optional<v1::Extend> FakeGateway::ExpectExtend() { return Next(extends_); }
std::optional<uint64_t> FakeGateway::ExpectBegan() { return Next(began_); }
std::optional<v1::Window> FakeGateway::ExpectWindow() { return Next(windows_); }
std::optional<uint64_t> FakeGateway::ExpectPong() { return Next(pongs_); }
std::optional<v1::Drain> FakeGateway::ExpectDrain() { return Next(drains_); }

void FakeGateway::ForgetExtends() {
  const std::lock_guard lock(mutex_);
  extends_.clear();
}

bool FakeGateway::ExpectPing() {
  std::unique_lock lock(mutex_);
  const size_t before = pings_;
  return WaitFor(lock, [&] { return pings_ > before; });
}

bool FakeGateway::ExpectEnd(int number) {
  std::unique_lock lock(mutex_);
  return WaitFor(lock, [&] { return ended_.contains(number); });
}

size_t FakeGateway::frames() const {
  const std::lock_guard lock(mutex_);
  return frames_;
}

int FakeGateway::streams() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(hellos_.size());
}

size_t FakeGateway::windows_waiting() const {
  const std::lock_guard lock(mutex_);
  return windows_.size();
}

size_t FakeGateway::settles_waiting() const {
  const std::lock_guard lock(mutex_);
  return settles_.size();
}

}  // namespace sluice::testing
