// A call with many answers as one HTTP answer: a line of JSON each, and one at the end that says how it ended.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "server/net/event_loop.h"
#include "server/net/http_message.h"
#include "server/rpc/json_calls.h"

namespace sluice {

// Lines:
//   {…}                                           an answer
//   (empty)                                       a sign of life, after kSignOfLife without an answer
//   {"end":{"code":"OK","message":""}}            the last; a connection that ends without it was lost
// A call that is refused at once gets a status and no lines. Nothing is kept beyond one answer: the call waits until its
// reader has taken that. On the loop's thread.
class StreamAnswer : public std::enable_shared_from_this<StreamAnswer> {
 public:
  static constexpr Millis kSignOfLife{15'000};
  // What is not refused until then begins.
  static constexpr Millis kRefusedWithin{250};

  // `head` is the HTTP answer but for its stream; `refused` answers in its place when the call is refused.
  static std::shared_ptr<StreamAnswer> Make(EventLoop& loop, HttpReply reply, HttpResponse head,
                                            std::function<HttpResponse(const absl::Status&)> refused);

  rpc::JsonAnswers Answers();
  // `cancel` ends the call when nobody reads any more.
  void CancelBy(std::function<void()> cancel);

 private:
  StreamAnswer(EventLoop& loop, HttpReply reply, HttpResponse head,
               std::function<HttpResponse(const absl::Status&)> refused)
      : timer_(loop), reply_(std::move(reply)), head_(std::move(head)), refused_(std::move(refused)) {}

  void Open();
  void Attach(std::shared_ptr<HttpStream> stream);
  void OnAnswer(std::string json, std::function<void()> taken);
  void OnEnd(const absl::Status& status);
  void Pump();
  void Cancel();

  Timer timer_;
  HttpReply reply_;  // Null: it was used.
  HttpResponse head_;
  const std::function<HttpResponse(const absl::Status&)> refused_;
  std::function<void()> cancel_;
  std::shared_ptr<HttpStream> stream_;
  bool writing_ = false;
  std::optional<std::string> line_;
  std::function<void()> taken_;
  std::optional<absl::Status> ended_;
};

// {"code":"NOT_FOUND","message":"…"}
std::string StatusJson(const absl::Status& status);

}  // namespace sluice
