// A call without a connection: what its handler asks for is written down, and the test says what its client does.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/rpc/service/service.h"

namespace sluice::rpc {

class FakeServerCall final : public Call {
 public:
  explicit FakeServerCall(std::string path = "/test.Service/Method") {
    info_.path = std::move(path);
    info_.peer_name = "10.0.0.7:4711";
  }
  ~FakeServerCall() override {
    if (handler_ == nullptr) return;
    if (!over_ && !finished) Cancel(absl::CancelledError("the test is over"));
    handler_->OnDone();
  }

  void Begin(const MakeHandler& make) { handler_ = make(*this); }
  // The named method of `service`.
  void Begin(const Service& service, const std::string& method) {
    for (const Method& one : service.methods) {
      if (one.name == method) return Begin(one.make);
    }
    FAIL() << service.name << " has no " << method;
  }

  // ---- the client. False: the handler does not read.
  bool Say(std::string message) {
    if (!std::exchange(reading_, false)) return false;
    handler_->OnMessage(std::move(message));
    Turn();
    return true;
  }
  void HalfClose() {
    handler_->OnHalfClose();
    Turn();
  }
  void Cancel(const absl::Status& why) {
    over_ = true;
    handler_->OnCancel(why);
  }
  // The loop's turn: whoever was woken, and what was written leaves.
  void Turn() {
    while (!over_) {
      const bool woken = waker_->woken.exchange(false);
      const bool written = std::exchange(writing_, false);
      if (!woken && !written) return;
      if (written) handler_->OnWritten();
      if (woken && !over_) handler_->OnWake();
    }
  }
  void Done() {
    over_ = true;
    handler_->OnDone();
    handler_.reset();
  }
  bool reading() const { return reading_; }
  bool woken() const { return waker_->woken; }

  std::vector<std::string> messages;  // To the client.
  std::optional<absl::Status> finished;
  std::optional<absl::Status> aborted;
  size_t message_limit = 0;  // 0: the server's.

  // ---- Call
  const CallInfo& info() const override { return info_; }
  const std::shared_ptr<Waker>& waker() override { return shared_waker_; }
  void Read() override { reading_ = true; }
  void LimitMessages(size_t bytes) override { message_limit = bytes; }
  void SendInitialMetadata(Metadata /*metadata*/) override {}
  void Write(Payload message) override {
    EXPECT_FALSE(writing_) << "one write at a time";
    EXPECT_FALSE(finished.has_value()) << "no write after the end";
    writing_ = true;
    messages.push_back(message.Flatten());
  }
  void Finish(const absl::Status& status, Metadata /*trailers*/) override {
    EXPECT_FALSE(finished.has_value()) << "exactly one end";
    finished = status;
  }
  void Abort(const absl::Status& status) override { aborted = status; }

 private:
  struct Flag final : Waker {
    void Wake() override { woken = true; }
    std::atomic<bool> woken = false;
  };

  CallInfo info_;
  std::shared_ptr<Flag> waker_ = std::make_shared<Flag>();
  std::shared_ptr<Waker> shared_waker_ = waker_;
  std::unique_ptr<CallHandler> handler_;
  bool reading_ = false;
  bool writing_ = false;
  bool over_ = false;
};

}  // namespace sluice::rpc
