#include "server/net/http_service.h"

#include <algorithm>
#include <array>
#include <list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "server/net/http_parser.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 421:
      return "Misdirected Request";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "";
  }
}

class HttpConnection;

// What a connection asks of its service.
class HttpConnectionOwner {
 public:
  virtual ~HttpConnectionOwner() = default;
  virtual const HttpLimits& limits() const = 0;
  virtual Refusals& refusals() = 0;
  virtual void Handle(const HttpRequest& request, HttpReply reply) = 0;
  virtual HttpResponse Refused(int status, std::string why) = 0;
  // It waits for a request from now on, or no more.
  virtual void Waits(HttpConnection& connection) = 0;
  virtual void WaitsNoMore(HttpConnection& connection) = 0;
  virtual void Gone(HttpConnection& connection) = 0;
};

// On the loop's thread, but for the reply, which comes back to it.
class HttpConnection final : public HttpStream, public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(HttpConnectionOwner& owner, std::unique_ptr<Channel> channel)
      : owner_(&owner), channel_(std::move(channel)), timer_(channel_->loop()) {}

  void Start() {
    owner_->Waits(*this);
    LimitTo(owner_->limits().request_time);
    ReadMore();
  }
  // The connection is closed, and nothing of it runs any more.
  void Drop() {
    timer_.Cancel();
    channel_.reset();
    written_then_ = nullptr;
    if (owner_ == nullptr) return;
    owner_->WaitsNoMore(*this);
    std::exchange(owner_, nullptr)->Gone(*this);
    if (const std::function<void()> gone = std::exchange(gone_, nullptr)) gone();
  }

  // ---- HttpStream
  void Write(std::string bytes, std::function<void()> written) override {
    if (channel_ == nullptr || state_ != State::kStreaming) return;
    head_text_ = std::move(bytes);
    written_ = 0;
    written_then_ = std::move(written);
    LimitTo(owner_->limits().answer_time);
    WriteOn();
  }
  void End() override {
    gone_ = nullptr;
    if (channel_ == nullptr || state_ != State::kStreaming) return;
    keep_alive_ = false;
    ends_ = true;
    if (written_then_ == nullptr) Close();
  }
  void OnGone(std::function<void()> gone) override { gone_ = std::move(gone); }

  void Evict() {
    owner_->refusals().Count("http_evicted", channel_->peer().text,
                             text::Concat(owner_->limits().connections,
                                          " connections are open: the one that waited longest for its request goes"),
                             log::Level::kDebug);
    Drop();
  }

  std::list<HttpConnection*>::iterator place;  // Among those that wait, of the service.
  bool waits = false;

 private:
  enum class State : uint8_t { kReading, kIdle, kAsking, kWriting, kStreaming, kClosing };

  void LimitTo(Millis time) {
    timer_.Set(Clock::Real().Now() + time, [this] { OnTimeUp(); });
  }

  void OnTimeUp() {
    auto self = shared_from_this();
    if (state_ == State::kReading) {
      owner_->refusals().Count("http_request_time", channel_->peer().text,
                               text::Concat("no request within ", owner_->limits().request_time.count(), " ms"),
                               log::Level::kDebug);
    } else if (state_ != State::kIdle) {
      owner_->refusals().Count(
          "http_answer_time", channel_->peer().text,
          text::Concat("the answer was not taken within ", owner_->limits().answer_time.count(), " ms"));
    }
    Drop();
  }

  void ReadMore() {
    channel_->Read(buffer_, [this](const absl::Status& status, size_t bytes) {
      auto self = shared_from_this();
      if (!status.ok()) return Drop();
      in_.append(buffer_.data(), bytes);
      if (state_ == State::kIdle) {
        state_ = State::kReading;
        LimitTo(owner_->limits().request_time);
      }
      Parse();
    });
  }

  void Parse() {
    ParsedRequest parsed = ParseHttpRequest(in_, owner_->limits().header_bytes, owner_->limits().body_bytes);
    if (parsed.state == ParsedRequest::State::kIncomplete) return ReadMore();
    owner_->WaitsNoMore(*this);
    if (parsed.state != ParsedRequest::State::kDone) {
      const bool large = parsed.state != ParsedRequest::State::kMalformed;
      owner_->refusals().Count("http_malformed", channel_->peer().text,
                               large ? "a request that is too large" : "what came is no HTTP request",
                               log::Level::kDebug);
      keep_alive_ = false;
      if (!large) return Answer(owner_->Refused(400, "this is no HTTP request"));
      const HttpLimits& limits = owner_->limits();
      return Answer(
          parsed.state == ParsedRequest::State::kLargeHeader
              ? owner_->Refused(431, text::Concat("the request's head is larger than ", limits.header_bytes, " bytes"))
              : owner_->Refused(413, text::Concat("the request's body is larger than ", limits.body_bytes, " bytes")));
    }
    in_.erase(0, parsed.size);
    head_ = parsed.head;
    keep_alive_ = parsed.keep_alive && ++requests_ < owner_->limits().requests_per_connection;
    if (!parsed.known || (parsed.request.post && !owner_->limits().posts)) {
      return Answer(owner_->Refused(405, owner_->limits().posts ? "only GET, HEAD and POST" : "only GET and HEAD"));
    }
    if (peer_ == nullptr) peer_ = std::make_shared<const Peer>(channel_->peer());
    parsed.request.peer = peer_;
    state_ = State::kAsking;
    LimitTo(owner_->limits().answer_time);
    // From whatever thread it comes, and at most once.
    owner_->Handle(parsed.request,
                   [weak = weak_from_this(), loop = &channel_->loop(), request = ++asked_](HttpResponse response) {
                     loop->Post([weak, request, response = std::move(response)]() mutable {
                       const std::shared_ptr<HttpConnection> self = weak.lock();
                       if (self == nullptr || self->state_ != State::kAsking || self->asked_ != request) return;
                       self->Answer(std::move(response));
                     });
                   });
  }

  void Answer(HttpResponse response) {
    state_ = State::kWriting;
    body_ = std::move(response.body);
    stream_ = head_ ? nullptr : std::move(response.stream);
    if (stream_ != nullptr) keep_alive_ = false;
    const size_t size = body_ == nullptr ? 0 : body_->size();
    head_text_ = text::Concat("HTTP/1.1 ", response.status, " ", ReasonPhrase(response.status),
                              "\r\nContent-Type: ", response.content_type, "\r\n");
    if (stream_ == nullptr) head_text_ += text::Concat("Content-Length: ", size, "\r\n");
    head_text_ += text::Concat("Connection: ", keep_alive_ ? "keep-alive" : "close", "\r\n", response.headers);
    if (response.status == 405) {
      head_text_ += owner_->limits().posts ? "Allow: GET, HEAD, POST\r\n" : "Allow: GET, HEAD\r\n";
    }
    if (!response.authenticate.empty()) head_text_ += text::Concat("WWW-Authenticate: ", response.authenticate, "\r\n");
    head_text_ += "\r\n";
    if (head_) body_ = nullptr;
    written_ = 0;
    LimitTo(owner_->limits().answer_time);
    WriteOn();
  }

  void WriteOn() {
    const std::string_view body = body_ == nullptr ? std::string_view() : std::string_view(*body_);
    const size_t head_left = head_text_.size() - std::min(written_, head_text_.size());
    const std::array<std::string_view, 2> pieces = {std::string_view(head_text_).substr(head_text_.size() - head_left),
                                                    body.substr(written_ - std::min(written_, head_text_.size()))};
    const absl::StatusOr<size_t> taken = channel_->TryWrite(pieces);
    if (!taken.ok()) return Drop();
    written_ += *taken;
    if (written_ < head_text_.size() + body.size()) {
      return channel_->WaitWritable([this] {
        auto self = shared_from_this();
        WriteOn();
      });
    }
    body_ = nullptr;
    if (stream_ != nullptr) return BeginStream();
    if (state_ == State::kStreaming) return StreamOn();
    if (keep_alive_) return Next();
    Close();
  }

  void BeginStream() {
    state_ = State::kStreaming;
    timer_.Cancel();
    // All that comes of its reader from now on is its end.
    channel_->Read(buffer_, [this](const absl::Status& /*status*/, size_t /*bytes*/) {
      auto self = shared_from_this();
      Drop();
    });
    std::exchange(stream_, nullptr)(shared_from_this());
  }

  void StreamOn() {
    timer_.Cancel();
    const std::function<void()> then = std::exchange(written_then_, nullptr);
    if (ends_) return Close();
    if (then) then();
  }

  void Close() {
    state_ = State::kClosing;
    channel_->Close(Millis(1'000), [this] {
      auto self = shared_from_this();
      Drop();
    });
    timer_.Cancel();
  }

  void Next() {
    owner_->Waits(*this);
    if (in_.empty()) {
      state_ = State::kIdle;
      LimitTo(owner_->limits().idle_time);
      return ReadMore();
    }
    // The next request came with this one. Not from here, or a thousand of them would be a thousand calls deep.
    state_ = State::kReading;
    LimitTo(owner_->limits().request_time);
    channel_->loop().Post([weak = weak_from_this()] {
      const std::shared_ptr<HttpConnection> self = weak.lock();
      if (self != nullptr && self->state_ == State::kReading && self->channel_ != nullptr) self->Parse();
    });
  }

  HttpConnectionOwner* owner_;  // Null: dropped.
  std::unique_ptr<Channel> channel_;
  Timer timer_;
  State state_ = State::kReading;
  std::array<char, 2'048> buffer_;
  std::string in_;
  size_t requests_ = 0;
  uint64_t asked_ = 0;
  bool head_ = false;
  bool keep_alive_ = false;
  std::string head_text_;
  std::shared_ptr<const std::string> body_;
  size_t written_ = 0;
  std::shared_ptr<const Peer> peer_;
  std::function<void(std::shared_ptr<HttpStream>)> stream_;  // Begins when the head has been written.
  std::function<void()> written_then_;
  std::function<void()> gone_;
  bool ends_ = false;
};

class HttpConnections final : public HttpService, private HttpConnectionOwner {
 public:
  HttpConnections(HttpLimits limits, std::shared_ptr<Refusals> refusals, Handler handler, HttpService::Refusal refusal)
      : limits_(limits), refusals_(std::move(refusals)), handler_(std::move(handler)), refusal_(std::move(refusal)) {
    refusals_->AddReasons({"http_request_time", "http_evicted", "http_malformed", "http_answer_time"});
  }
  ~HttpConnections() override { Stop(); }
  HttpConnections(const HttpConnections&) = delete;
  HttpConnections& operator=(const HttpConnections&) = delete;

  void Serve(std::unique_ptr<Channel> channel) override {
    if (stopped_) return;
    if (connections_.size() >= limits_.connections) {
      // All are being answered: then it is the new one that goes.
      if (waiting_.empty()) {
        refusals_->Count("connections", channel->peer().text, "all connections are being answered");
        return;
      }
      const std::shared_ptr<HttpConnection> oldest = waiting_.front()->shared_from_this();
      oldest->Evict();
    }
    auto connection = std::make_shared<HttpConnection>(static_cast<HttpConnectionOwner&>(*this), std::move(channel));
    connections_[connection.get()] = connection;
    connection->Start();
  }

  void Stop() override {
    stopped_ = true;
    // Each takes itself out of the map.
    while (!connections_.empty()) {
      const std::shared_ptr<HttpConnection> last = connections_.begin()->second;
      last->Drop();
    }
  }

 private:
  const HttpLimits& limits() const override { return limits_; }
  Refusals& refusals() override { return *refusals_; }
  void Handle(const HttpRequest& request, HttpReply reply) override { handler_(request, std::move(reply)); }
  HttpResponse Refused(int status, std::string why) override { return refusal_(status, std::move(why)); }
  void Waits(HttpConnection& connection) override {
    connection.place = waiting_.insert(waiting_.end(), &connection);
    connection.waits = true;
  }
  void WaitsNoMore(HttpConnection& connection) override {
    if (!std::exchange(connection.waits, false)) return;
    waiting_.erase(connection.place);
  }
  void Gone(HttpConnection& connection) override { connections_.erase(&connection); }

  const HttpLimits limits_;
  const std::shared_ptr<Refusals> refusals_;
  const Handler handler_;
  const HttpService::Refusal refusal_;
  bool stopped_ = false;
  std::map<HttpConnection*, std::shared_ptr<HttpConnection>> connections_;
  std::list<HttpConnection*> waiting_;  // The one that has waited longest first.
};

}  // namespace

std::shared_ptr<HttpService> HttpService::Make(HttpLimits limits, std::shared_ptr<Refusals> refusals, Handler handler,
                                               Refusal refusal) {
  return std::make_shared<HttpConnections>(limits, std::move(refusals), std::move(handler), std::move(refusal));
}

}  // namespace sluice
