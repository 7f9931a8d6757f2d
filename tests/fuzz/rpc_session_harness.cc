#include "tests/fuzz/rpc_session_harness.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "server/rpc/protocol/frame_meter.h"
#include "server/rpc/protocol/grpc_text.h"
#include "server/rpc/protocol/gzip.h"
#include "server/rpc/protocol/message_reader.h"
#include "server/rpc/protocol/session.h"
#include "tests/fuzz/harness.h"
#include "tests/unit/rpc/http2_client.h"

namespace sluice::rpc {
namespace {

enum Option : uint8_t {
  kPreface = 1,  // The client's preface and SETTINGS come first.
  kSmallLimits = 2,
  kGzip = 4,
  kReadsOn = 8,    // Handlers ask for the next message at once.
  kEchoes = 0x10,  // They answer each.
  kSmallBudget = 0x20,
};

enum Step : uint8_t {
  kChunk,    // A length, and as many bytes from the client.
  kWait,     // Seconds.
  kTurn,     // The end of one: a byte of how much the socket takes.
  kRead,     // The call.
  kWrite,    // The call, and the size / 64.
  kFinish,   // The call, and the code.
  kAbort,    // The call, and the code.
  kHeaders,  // The call.
  kShutdown,
  kEndCalls,
  kLose,
  kSteps,
};

// A handler that keeps to the contract, and checks that the session does.
class Handler final : public CallEvents {
 public:
  Handler(CallStream& call_stream, uint8_t options, const Limits& limits)
      : stream(call_stream), options_(options), limits_(limits) {
    Read();
  }
  void OnMessage(std::string message) override {
    REQUIRE(!over && !finished && !half_closed && reading);
    REQUIRE(message.size() <= limits_.message_bytes);
    reading = false;
    if ((options_ & kEchoes) != 0) Write(message.size());
    if ((options_ & kReadsOn) != 0) Read();
  }
  void OnHalfClose() override {
    REQUIRE(!over && !finished && !half_closed);
    half_closed = true;
  }
  void OnWritten() override {
    REQUIRE(!over && !finished && writing);
    writing = false;
  }
  void OnOver(const absl::Status* cancelled) override {
    REQUIRE(!over);
    over = true;
    if (cancelled != nullptr) REQUIRE(!cancelled->ok() && !finished);
  }

  void Read() {
    if (over) return;
    reading = true;
    stream.Read();
  }
  void Write(size_t size) {
    if (over || finished || writing) return;
    writing = true;
    Payload payload;
    if (size > 3'000) {
      const auto shared = std::make_shared<std::string>(size, 's');
      payload.AppendShared(*shared, shared);
    } else {
      payload.Append(std::string(size, 'w'));
    }
    payload.Append("tail");
    stream.Write(std::move(payload));
  }

  CallStream& stream;  // Until it is over.
  bool reading = false;
  bool writing = false;
  bool half_closed = false;
  bool finished = false;
  bool over = false;

 private:
  const uint8_t options_;
  const Limits& limits_;
};

class World final : public SessionEvents {
 public:
  explicit World(uint8_t options) : options_(options), budget_((options & kSmallBudget) != 0 ? 3'000 : 1u << 20) {
    limits_.gzip = (options & kGzip) != 0;
    limits_.message_bytes = 100'000;
    if ((options & kSmallLimits) != 0) {
      limits_.streams = 3;
      limits_.header_list_bytes = 300;
      limits_.message_bytes = 1'000;
      limits_.stream_window = 65'535;
      limits_.connection_window = 65'535;
      limits_.output_bytes = 2'000;
      limits_.pings = {.burst = 2, .per_second = 1};
      limits_.resets = {.burst = 2, .per_second = 1};
    }
    session_ = std::make_unique<Http2Session>(limits_, budget_, *this, now_);
    if ((options & kPreface) != 0) Receive(std::string(kClientMagic) + std::string("\0\0\0\4\0\0\0\0\0", 9));
  }
  ~World() {
    if (!lost_) Lose();
    session_.reset();
    REQUIRE(budget_.taken() == 0);
    for (const auto& handler : handlers_) REQUIRE(handler->over);
  }

  CallEvents& OnCall(CallStream& stream, RequestHead head) override {
    REQUIRE(head.received == now_ && head.deadline >= now_);
    handlers_.push_back(std::make_unique<Handler>(stream, options_, limits_));
    return *handlers_.back();
  }

  void Run(Input& input) {
    while (!input.empty() && !lost_) {
      Take(static_cast<Step>(input.Byte() % kSteps), input);
      REQUIRE(budget_.taken() <= budget_.limit());
      REQUIRE(session_->receiving() == budget_.taken());
    }
    // It always comes to an end.
    for (int i = 0; i < 200 && !lost_; ++i) {
      Turn(255);
      Wait(60);
    }
    REQUIRE(lost_);
  }

 private:
  void Take(Step step, Input& input) {
    switch (step) {
      case kChunk:
        Receive(input.Take(size_t{input.Byte()} * 4));
        break;
      case kWait:
        Wait(input.Byte());
        break;
      case kTurn:
        Turn(input.Byte());
        break;
      case kRead:
        if (Handler* handler = Pick(input)) handler->Read();
        break;
      case kWrite:
        if (Handler* handler = Pick(input)) handler->Write(size_t{input.Byte()} * 64);
        break;
      case kFinish:
        if (Handler* handler = Pick(input)) {
          handler->finished = true;
          handler->stream.Finish(absl::Status(static_cast<absl::StatusCode>(input.Byte() % 17), "why"),
                                 {{"x", "y"}, {"z-bin", "\xff"}});
        }
        break;
      case kAbort:
        if (Handler* handler = Pick(input)) {
          handler->finished = true;
          handler->stream.Abort(absl::Status(static_cast<absl::StatusCode>(input.Byte() % 17), "why"));
        }
        break;
      case kHeaders:
        if (Handler* handler = Pick(input)) handler->stream.SendHeaders({{"x", "y"}});
        break;
      case kShutdown:
        session_->Shutdown(EndCause::kShutdown, "over", now_);
        break;
      case kEndCalls:
        session_->EndCalls(absl::UnavailableError("over"));
        break;
      case kLose:
        Lose();
        break;
      case kSteps:
        break;
    }
  }
  Handler* Pick(Input& input) {
    const uint8_t which = input.Byte();
    if (handlers_.empty()) return nullptr;
    Handler* handler = handlers_[which % handlers_.size()].get();
    return handler->over ? nullptr : handler;
  }
  void Receive(std::string_view bytes) {
    // As the driver does: nothing is read while too much waits.
    if (session_->wants_input()) session_->Receive(bytes, now_);
  }
  void Wait(uint8_t seconds) {
    now_ += std::chrono::seconds(seconds);
    session_->Tick(now_);
    REQUIRE(session_->over() || session_->next_due() > now_);
  }
  void Turn(uint8_t share) {
    session_->Gather(now_);
    Output& output = session_->output();
    std::vector<std::string_view> pieces;
    output.Front(pieces, 100);
    size_t size = 0;
    for (const std::string_view piece : pieces) {
      for (const char c : piece.substr(0, 16)) sum_ += static_cast<uint8_t>(c);  // It is there to be read.
      size += piece.size();
    }
    REQUIRE(size <= output.size());
    session_->Sent(size * share / 255, now_);
    if (session_->over() && (session_->abrupt() || output.empty())) Lose();
  }
  void Lose() {
    if (lost_) return;
    lost_ = true;
    session_->ConnectionLost(absl::UnavailableError("lost"));
    for (const auto& handler : handlers_) REQUIRE(handler->over);
  }

  const uint8_t options_;
  Limits limits_;
  ReceiveBudget budget_;
  SteadyTime now_{std::chrono::hours(1)};
  std::vector<std::unique_ptr<Handler>> handlers_;
  std::unique_ptr<Http2Session> session_;
  bool lost_ = false;
  unsigned sum_ = 0;
};

std::string Chunks(std::string_view bytes, size_t size) {
  std::string steps;
  for (size_t at = 0; at < bytes.size(); at += size) {
    std::string chunk(bytes.substr(at, size));
    const size_t quads = (chunk.size() + 3) / 4;
    // A chunk is whole groups of four; what is missing comes with the next one, or not at all.
    steps.push_back(kChunk);
    steps.push_back(static_cast<char>(quads));
    steps += chunk;
    if (quads * 4 != chunk.size()) steps.append(quads * 4 - chunk.size(), '\0');
  }
  return steps;
}

}  // namespace

void RunSessionInput(std::string_view bytes) {
  Input input(bytes);
  World world(input.Byte());
  world.Run(input);
}

std::vector<std::string> SessionSeeds() {
  std::vector<std::string> seeds;
  const auto add = [&seeds](uint8_t options, const std::string& steps) {
    seeds.push_back(std::string(1, static_cast<char>(options)) + steps);
  };
  const std::string turn = {kTurn, '\xff'};
  for (const uint8_t options : {uint8_t{kReadsOn}, uint8_t{kReadsOn | kEchoes | kGzip}, uint8_t{kSmallLimits},
                                uint8_t{kSmallBudget | kReadsOn | kEchoes}}) {
    Http2Client client;
    std::string steps;
    const int32_t one = client.Call("/a.B/C", {{"grpc-timeout", "5S"}, {"x-bin", "AAE"}});
    const int32_t two = client.Call("/a.B/C", {{"grpc-encoding", "identity"}});
    client.Send(one, Framed("hello") + Framed(std::string(500, 'x')));
    steps += Chunks(client.Take(), 1'000) + turn;
    client.Send(two, Framed(std::string(900, 'x')));
    client.HalfClose(one);
    client.Ping();
    steps += Chunks(client.Take(), 1'000) + turn;
    steps += std::string{kRead, 0, kWrite, 0, 100, kHeaders, 1, kWrite, 1, 1} + turn;
    steps += std::string{kFinish, 0, 0} + turn;
    client.Reset(two);
    client.GiveWindow(0, 1'000);
    steps +=
        Chunks(client.Take(), 1'000) + turn + std::string{kWait, 40, kShutdown} + turn + std::string{kEndCalls} + turn;
    add(options, steps);
    add(options, std::string{kAbort, 0, 3, kLose} + steps);
  }
  add(kReadsOn, Chunks("GET / HTTP/1.1\r\n\r\n", 16));
  add(kPreface | kReadsOn, std::string{kWait, 5, kShutdown} + turn + std::string{kWait, 2} + turn);
  return seeds;
}

void RunMessageInput(std::string_view bytes) {
  Input input(bytes);
  const uint8_t options = input.Byte();
  const size_t chunk = 1 + input.Byte();
  constexpr size_t kMax = 10'000;
  ReceiveBudget budget(20'000);
  {
    ReceiveShare share(budget, 5'000);
    MessageReader reader(share, (options & 1) != 0 ? Packing::kGzip : Packing::kNone, kMax);
    bool good = true;
    std::string all;
    while (!input.empty() && good) {
      const std::string_view part = input.Take(chunk);
      all += part;
      std::string_view rest = part;
      while (!rest.empty() && good) {
        auto message = reader.Take(rest);
        good = message.ok();
        if (good && *message) REQUIRE((*message)->size() <= kMax);
        if (good && !*message) REQUIRE(rest.empty());
      }
      REQUIRE(budget.taken() <= 5'000);
    }
    // The same texts as headers.
    std::string decoded;
    if (DecodeBinary(all, &decoded)) REQUIRE(decoded.size() <= all.size());
    std::string back;
    REQUIRE(DecodeBinary(EncodeBinary(all), &back) && back == all);
    if (const auto timeout = ParseTimeout(all)) REQUIRE(timeout->count() >= 0);
    const std::string text = EncodeStatusMessage(all);
    REQUIRE(text.size() <= 3 * kLongestStatusMessage);
    for (const char c : text) REQUIRE(c >= 0x20 && c <= 0x7e);
    FrameMeter meter;
    size_t frames = 0;
    meter.Scan(all, [&frames](const FrameHead& head) {
      REQUIRE(head.length < 1u << 24);
      return ++frames < 1'000;
    });
    const auto plain = Gunzip(all, kMax);
    if (plain.ok()) REQUIRE(plain->size() <= kMax);
  }
  REQUIRE(budget.taken() == 0);
}

std::vector<std::string> MessageSeeds() {
  std::vector<std::string> seeds;
  for (const char options : {'\0', '\1'}) {
    for (const char chunk : {'\0', '\6', 'd'}) {
      seeds.push_back(std::string{options, chunk} + Framed("hello") + Framed("") + Framed(std::string(300, 'x')));
      std::string packed =
          Framed(std::string("\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0", 25));
      packed[0] = 1;
      seeds.push_back(std::string{options, chunk} + packed + Framed("plain"));
      seeds.push_back(std::string{options, chunk} + "99999999H");
    }
  }
  return seeds;
}

}  // namespace sluice::rpc
