#include "server/dashboard/stream_answer.h"

#include <utility>

#include "server/runtime/text.h"
#include "server/telemetry/json_string.h"

namespace sluice {

std::string StatusJson(const absl::Status& status) {
  std::string json = text::Concat("{\"code\":\"", absl::StatusCodeToString(status.code()), "\",\"message\":");
  AppendJsonString(json, std::string(status.message()));
  json += '}';
  return json;
}

std::shared_ptr<StreamAnswer> StreamAnswer::Make(EventLoop& loop, HttpReply reply, HttpResponse head,
                                                 std::function<HttpResponse(const absl::Status&)> refused) {
  std::shared_ptr<StreamAnswer> made(new StreamAnswer(loop, std::move(reply), std::move(head), std::move(refused)));
  made->timer_.Set(Clock::Real().Now() + kRefusedWithin, [weak = made->weak_from_this()] {
    if (const std::shared_ptr<StreamAnswer> self = weak.lock()) self->Open();
  });
  return made;
}

rpc::JsonAnswers StreamAnswer::Answers() {
  return {.answer = [self = shared_from_this()](
                        std::string json,
                        std::function<void()> taken) { self->OnAnswer(std::move(json), std::move(taken)); },
          .end = [self = shared_from_this()](const absl::Status& status) { self->OnEnd(status); }};
}

void StreamAnswer::CancelBy(std::function<void()> cancel) { cancel_ = std::move(cancel); }

void StreamAnswer::Cancel() {
  stream_ = nullptr;
  timer_.Cancel();
  if (const std::function<void()> cancel = std::exchange(cancel_, nullptr)) cancel();
}

void StreamAnswer::Open() {
  if (reply_ == nullptr) return;
  // Of a client that has gone meanwhile the answer is dropped, and the stream with it.
  const std::shared_ptr<void> unread(nullptr, [weak = weak_from_this()](void*) {
    const std::shared_ptr<StreamAnswer> self = weak.lock();
    if (self != nullptr && self->stream_ == nullptr) self->Cancel();
  });
  head_.stream = [self = shared_from_this(), unread](std::shared_ptr<HttpStream> stream) {
    self->Attach(std::move(stream));
  };
  std::exchange(reply_, nullptr)(std::exchange(head_, {}));
}

void StreamAnswer::Attach(std::shared_ptr<HttpStream> stream) {
  stream_ = std::move(stream);
  stream_->OnGone([self = shared_from_this()] { self->Cancel(); });
  Pump();
}

void StreamAnswer::OnAnswer(std::string json, std::function<void()> taken) {
  json += '\n';
  line_ = std::move(json);
  taken_ = std::move(taken);
  Open();
  Pump();
}

void StreamAnswer::OnEnd(const absl::Status& status) {
  cancel_ = nullptr;
  timer_.Cancel();
  if (reply_ != nullptr) return std::exchange(reply_, nullptr)(refused_(status));
  ended_ = status;
  Pump();
}

void StreamAnswer::Pump() {
  if (stream_ == nullptr || writing_) return;
  const bool last = !line_ && ended_.has_value();
  if (last) line_ = text::Concat("{\"end\":", StatusJson(*ended_), "}\n");
  if (!line_) {
    timer_.Set(Clock::Real().Now() + kSignOfLife, [self = weak_from_this()] {
      const std::shared_ptr<StreamAnswer> kept = self.lock();
      if (kept == nullptr || kept->stream_ == nullptr) return;
      if (!kept->line_) kept->line_ = "\n";
      kept->Pump();
    });
    return;
  }
  writing_ = true;
  const auto write_on = [self = shared_from_this(), last, taken = std::exchange(taken_, nullptr)] {
    self->writing_ = false;
    if (last) {
      if (const auto stream = std::exchange(self->stream_, nullptr)) stream->End();
      return;
    }
    if (taken) taken();
    self->Pump();
  };
  stream_->Write(*std::exchange(line_, std::nullopt), write_on);
}

}  // namespace sluice
