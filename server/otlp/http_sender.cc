#include "server/otlp/http_sender.h"

#include <utility>

#include "absl/strings/str_replace.h"
#include "server/otlp/http_post.h"
#include "server/runtime/regular_file.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

constexpr Millis kConnectTime{5'000};
constexpr Millis kAnswerTime{10'000};  // Connecting included.
constexpr size_t kMostAnswer = 64u << 10;
constexpr size_t kMostHeaders = 64u << 10;

MqttOptions TransportOptions(const OtlpConfig& config) {
  MqttOptions options;
  options.uri = config.server;
  options.connect_timeout = kConnectTime;
  options.tls = {.enabled = config.server.starts_with("ssl:"),
                 .ca_file = config.tls.ca_file,
                 .cert_file = config.tls.cert_file,
                 .key_file = config.tls.key_file,
                 .key_password_file = config.tls.key_password_file,
                 .crl = {},
                 .min_version = config.tls.min_version,
                 .ciphers = config.tls.ciphers,
                 .verify_hostname = true,
                 .alpn = {}};
  return options;
}

absl::StatusOr<HttpHeaders> HeadersOf(const std::string& file) {
  if (file.empty()) return HttpHeaders{};
  absl::StatusOr<std::string> content = ReadRegularFile(file, kMostHeaders);
  absl::StatusOr<HttpHeaders> headers = content.ok() ? ParseHeaders(*content) : content.status();
  if (headers.ok()) return headers;
  return absl::UnavailableError(text::Concat("headersFile '", file, "': ", text::Message(headers.status())));
}

}  // namespace

HttpSender::HttpSender(EventLoop& loop, const Clock& clock, OtlpConfig config)
    : loop_(loop), clock_(clock), config_(std::move(config)), options_(TransportOptions(config_)), timer_(loop) {}

void HttpSender::Send(std::string body, std::function<void(SendOutcome)> done) {
  done_ = std::move(done);
  // Read anew, so that what others renew holds.
  const absl::StatusOr<HttpHeaders> headers = HeadersOf(config_.headers_file);
  if (!headers.ok()) return Fail(headers.status());
  request_ = PostHead(config_.path, config_.authority, *headers, body.size()) + body;
  response_.clear();
  timer_.Set(clock_.Now() + kAnswerTime, [this] { Fail(absl::DeadlineExceededError("no answer within 10 s")); });
  transport_ = MakeTransport(loop_, options_);
  transport_->Open([this](const absl::Status& status) { OnOpened(status); });
}

void HttpSender::OnOpened(const absl::Status& status) {
  if (done_ == nullptr) return;
  if (!status.ok()) return Fail(status);
  transport_->Write(request_, [this](const absl::Status& written) {
    // What it has said before it closed is worth more than that it did.
    if (done_ != nullptr && !written.ok() && !absl::IsUnavailable(written)) Fail(written);
  });
  Read();
}

void HttpSender::Read() {
  transport_->Read(buffer_, [this](const absl::Status& status, size_t bytes) { OnRead(status, bytes); });
}

void HttpSender::OnRead(const absl::Status& status, size_t bytes) {
  if (done_ == nullptr) return;
  response_.append(buffer_.data(), bytes);
  if (!status.ok() && response_.empty()) return Fail(status);
  const ParsedResponse parsed = ParseHttpResponse(response_, !status.ok(), kMostAnswer);
  if (parsed.state == ParsedResponse::State::kIncomplete) return Read();
  Finish(OutcomeOf(parsed));
}

void HttpSender::Fail(const absl::Status& status) {
  // The transport's words are for brokers.
  Finish({.code = SendOutcome::Code::kTryAgain,
          .why = absl::StrReplaceAll(std::string(status.message()), {{"the broker", "the collector"}}),
          .retry_after = {},
          .rejected = {}});
}

void HttpSender::Finish(SendOutcome outcome) {
  timer_.Cancel();
  // Not within its own completion.
  if (transport_ != nullptr) {
    loop_.Post([transport = std::shared_ptr<Transport>(std::move(transport_)),
                request = std::make_shared<std::string>(std::move(request_))] {});
  }
  if (done_ == nullptr) return;
  std::exchange(done_, nullptr)(std::move(outcome));
}

}  // namespace sluice
