#include "server/worker/frame_decoder.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/message/utf8.h"
#include "server/message/wire_writer.h"
#include "server/worker/wire_reader.h"
#include "sluice/v1/worker.pb.h"

namespace sluice {
namespace {

using F = v1::WorkerFrame;

constexpr uint32_t Number(uint32_t field) { return field << 3 | kVarintType; }
constexpr uint32_t Block(uint32_t field) { return field << 3 | kLengthType; }

// A frame being read. Items are counted against kMaxFrameItems over the whole frame; the first error wins.
class Decoder {
 public:
  absl::StatusOr<IncomingFrame> Frame(std::string_view bytes);

 private:
  // Calls `field(reader, tag)` for each field; it returns false for those it does not know.
  template <typename Field>
  void ForEach(std::string_view bytes, const Field& field) {
    WireReader reader(bytes);
    while (uint32_t tag = reader.NextTag()) {
      if (!field(reader, tag)) reader.Skip(tag);
      if (!error_.ok()) return;
    }
    if (!reader.ok()) Fail("the frame is not a sluice.v1.WorkerFrame");
  }
  std::string Text(WireReader& reader, const char* name) {
    std::string_view bytes = reader.Bytes();
    if (!IsUtf8(bytes)) Fail(absl::StrCat(name, " is not UTF-8"));
    return std::string(bytes);
  }
  static std::string Reason(WireReader& reader) {
    std::string text(CutUtf8(reader.Bytes(), kMaxReasonBytes));
    MendUtf8(text.data(), text.size());
    return text;
  }
  // False: no more items are taken.
  bool Count() {
    if (++items_ <= kMaxFrameItems) return true;
    Fail(absl::StrCat("the frame has more than ", kMaxFrameItems, " began, settles, replies, extends and properties"));
    return false;
  }
  void Fail(const std::string& message) {
    if (error_.ok()) error_ = absl::InvalidArgumentError(message);
  }

  void DecodeWindow(std::string_view bytes, Window& to);
  void DecodeExtend(std::string_view bytes, LeaseExtension& to);
  void DecodeReply(std::string_view bytes, WorkerReply& to);
  void DecodeSettle(std::string_view bytes, IncomingFrame& to);
  void DecodeNonce(std::string_view bytes, std::optional<uint64_t>& to);
  void DecodeDrain(std::string_view bytes, DrainNotice& to);
  void DecodeHello(std::string_view bytes, Hello& to);
  void DecodeBegan(std::string_view bytes, std::vector<uint64_t>& to);
  std::pair<std::string, std::string> DecodePair(std::string_view bytes, const char* name);

  absl::Status error_;
  size_t items_ = 0;
};

void Decoder::DecodeWindow(std::string_view bytes, Window& to) {
  ForEach(bytes, [&](WireReader& reader, uint32_t tag) {
    switch (tag) {
      case Number(v1::Window::kMessagesFieldNumber):
        to.messages = static_cast<uint32_t>(reader.Varint());
        return true;
      case Number(v1::Window::kBytesFieldNumber):
        to.bytes = reader.Varint();
        return true;
      default:
        return false;
    }
  });
}

void Decoder::DecodeExtend(std::string_view bytes, LeaseExtension& to) {
  ForEach(bytes, [&](WireReader& reader, uint32_t tag) {
    switch (tag) {
      case Number(v1::Extend::kDeliveryIdFieldNumber):
        to.delivery_id = reader.Varint();
        return true;
      case Number(v1::Extend::kLeaseMsFieldNumber):
        to.lease = Millis(static_cast<uint32_t>(reader.Varint()));
        return true;
      default:
        return false;
    }
  });
}

// UserProperty and map entries: two strings, numbered 1 and 2.
std::pair<std::string, std::string> Decoder::DecodePair(std::string_view bytes, const char* name) {
  std::pair<std::string, std::string> pair;
  if (!Count()) return pair;
  ForEach(bytes, [&](WireReader& reader, uint32_t tag) {
    if (tag == Block(1)) {
      pair.first = Text(reader, name);
    } else if (tag == Block(2)) {
      pair.second = Text(reader, name);
    } else {
      return false;
    }
    return true;
  });
  return pair;
}

void Decoder::DecodeReply(std::string_view bytes, WorkerReply& to) {
  using R = v1::Reply;
  auto properties = [&to]() -> Properties& {
    if (to.properties == nullptr) to.properties = std::make_unique<Properties>();
    return *to.properties;
  };
  ForEach(bytes, [&](WireReader& reader, uint32_t tag) {
    switch (tag) {
      case Number(R::kDeliveryIdFieldNumber):
        to.delivery_id = reader.Varint();
        return true;
      case Number(R::kReplyIdFieldNumber):
        to.reply_id = reader.Varint();
        return true;
      case Block(R::kTopicFieldNumber):
        to.topic = reader.Bytes();
        return true;
      case Number(R::kQosFieldNumber):
        to.qos = static_cast<uint32_t>(reader.Varint());
        return true;
      case Number(R::kRetainFieldNumber):
        to.retain = reader.Varint() != 0;
        return true;
      case Block(R::kPayloadFieldNumber):
        to.payload = reader.Bytes();
        return true;
      case Block(R::kContentTypeFieldNumber):
        properties().content_type = Text(reader, "Reply.content_type");
        return true;
      case Block(R::kResponseTopicFieldNumber):
        properties().response_topic = Text(reader, "Reply.response_topic");
        return true;
      case Block(R::kCorrelationDataFieldNumber):
        properties().correlation_data = reader.Bytes();
        return true;
      case Block(R::kUserPropertiesFieldNumber):
        properties().user.push_back(DecodePair(reader.Bytes(), "Reply.user_properties"));
        return true;
      case Number(R::kExpirySFieldNumber):
        properties().expiry_s = static_cast<uint32_t>(reader.Varint());
        return true;
      case Block(R::kMetadataFieldNumber):
        to.metadata.push_back(DecodePair(reader.Bytes(), "Reply.metadata"));
        return true;
      default:
        return false;
    }
  });
  if (to.metadata.size() > 1) {
    // It is a map: of equal keys the last one counts.
    std::map<std::string, std::string> by_key;
    for (auto& [key, value] : to.metadata) by_key.insert_or_assign(std::move(key), std::move(value));
    to.metadata.clear();
    while (!by_key.empty()) {
      auto entry = by_key.extract(by_key.begin());
      to.metadata.emplace_back(std::move(entry.key()), std::move(entry.mapped()));
    }
  }
}

// nullopt: an outcome that worker.proto does not know.
std::optional<Verdict> ToVerdict(int32_t outcome) {
  switch (outcome) {
    case v1::OUTCOME_ACK:
      return Verdict::kAck;
    case v1::OUTCOME_RETRY:
      return Verdict::kRetry;
    case v1::OUTCOME_REJECT:
      return Verdict::kReject;
    case v1::OUTCOME_DROP:
      return Verdict::kDrop;
    default:
      return std::nullopt;
  }
}

void RefuseSettle(const WorkerSettle& settle, int32_t outcome, std::vector<ItemResult>& invalid) {
  auto refuse = [&](uint64_t reply_id, std::string message) {
    invalid.push_back({.reply_id = reply_id,
                       .delivery_id = settle.delivery_id,
                       .code = ItemResult::Code::kInvalid,
                       .message = std::move(message)});
  };
  refuse(0, absl::StrCat("outcome ", outcome,
                         " is none of ACK 0, RETRY 1, REJECT 2, DROP 3; the delivery is not settled"));
  for (const WorkerReply& reply : settle.replies) {
    if (reply.reply_id != 0) refuse(reply.reply_id, "its settle has an unknown outcome");
  }
}

void Decoder::DecodeSettle(std::string_view bytes, IncomingFrame& to) {
  using S = v1::Settle;
  WorkerSettle& settle = to.settles.emplace_back();
  int32_t outcome = v1::OUTCOME_ACK;
  ForEach(bytes, [&](WireReader& reader, uint32_t tag) {
    switch (tag) {
      case Number(S::kDeliveryIdFieldNumber):
        settle.delivery_id = reader.Varint();
        return true;
      case Number(S::kOutcomeFieldNumber):
        outcome = static_cast<int32_t>(reader.Varint());
        return true;
      case Block(S::kReasonFieldNumber):
        settle.reason = Reason(reader);
        return true;
      case Number(S::kRetryAfterMsFieldNumber):
        settle.retry_after = std::min(Millis(static_cast<uint32_t>(reader.Varint())), kMaxRetryAfter);
        return true;
      case Block(S::kRepliesFieldNumber): {
        std::string_view reply = reader.Bytes();
        if (Count()) DecodeReply(reply, settle.replies.emplace_back());
        return true;
      }
      default:
        return false;
    }
  });
  if (std::optional<Verdict> verdict = ToVerdict(outcome)) {
    settle.verdict = *verdict;
  } else {
    RefuseSettle(settle, outcome, to.invalid);
    to.settles.pop_back();
  }
}

void Decoder::DecodeNonce(std::string_view bytes, std::optional<uint64_t>& to) {
  to = to.value_or(0);
  ForEach(bytes, [&](WireReader& reader, uint32_t tag) {
    if (tag != Number(v1::Ping::kNonceFieldNumber)) return false;
    to = reader.Varint();
    return true;
  });
}

void Decoder::DecodeDrain(std::string_view bytes, DrainNotice& to) {
  ForEach(bytes, [&](WireReader& reader, uint32_t tag) {
    if (tag == Number(v1::Drain::kDeadlineMsFieldNumber)) {
      to.deadline = Millis(static_cast<uint32_t>(reader.Varint()));
    } else if (tag == Block(v1::Drain::kReasonFieldNumber)) {
      to.reason = Reason(reader);
    } else {
      return false;
    }
    return true;
  });
}

void Decoder::DecodeHello(std::string_view bytes, Hello& to) {
  // Once per stream, so the generated code may do it.
  v1::Hello from;
  if (bytes.size() > kMaxHelloBytes) return Fail("hello: larger than 1 MiB");
  if (!from.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Fail("hello: not a sluice.v1.Hello");
  }
  if (from.worker_name().size() > kMaxNameBytes || from.instance().size() > kMaxNameBytes) {
    return Fail("hello: worker_name and instance are at most 256 bytes each");
  }
  const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
  if (from.sdk().size() > kMaxSdkBytes || !std::ranges::all_of(from.sdk(), printable)) {
    return Fail("hello: sdk is at most 128 bytes of printable ASCII");
  }
  if (from.chains_size() == 0 || static_cast<size_t>(from.chains_size()) > kMaxHelloChains) {
    return Fail(absl::StrCat("hello: names ", from.chains_size(), " chains, must be 1 to ", kMaxHelloChains));
  }
  // 0 means 1.
  to.min_protocol_version = std::max(from.min_protocol_version(), 1u);
  to.max_protocol_version = std::max(from.max_protocol_version(), 1u);
  to.worker_name = from.worker_name();
  to.instance = from.instance();
  to.sdk = from.sdk();
  for (const std::string& chain : from.chains()) {
    if (chain.empty() || chain.size() > kMaxNameBytes) return Fail("hello: a chain's name is 1 to 256 bytes");
    to.chains.push_back(chain);
  }
  to.window = {.messages = from.window().messages(), .bytes = from.window().bytes()};
  to.lease = Millis(from.lease_ms());
  to.tells_began = std::ranges::find(from.features(), kBeganFeature) != from.features().end();
}

// Packed.
void Decoder::DecodeBegan(std::string_view bytes, std::vector<uint64_t>& to) {
  WireReader reader(bytes);
  while (!reader.AtEnd() && Count()) to.push_back(reader.Varint());
  if (!reader.ok()) Fail("the frame is not a sluice.v1.WorkerFrame");
}

// Those that are left, where `reader` stands before one's length.
size_t CountSettles(WireReader reader) {
  size_t count = 0;
  for (uint32_t tag = Block(F::kSettlesFieldNumber); tag != 0; tag = reader.NextTag()) {
    if (tag == Block(F::kSettlesFieldNumber)) ++count;
    reader.Skip(tag);
  }
  return count;
}

absl::StatusOr<IncomingFrame> Decoder::Frame(std::string_view bytes) {
  IncomingFrame to;
  std::optional<std::string> hello;  // Concatenated if it comes in pieces: that is how protobuf merges messages.
  ForEach(bytes, [&](WireReader& reader, uint32_t tag) {
    switch (tag) {
      case Block(F::kHelloFieldNumber):
        if (!hello) hello.emplace();
        hello->append(reader.Bytes());
        return true;
      case Block(F::kWindowFieldNumber):
        if (!to.window) to.window.emplace();
        DecodeWindow(reader.Bytes(), *to.window);
        return true;
      case Block(F::kExtendsFieldNumber): {
        std::string_view extend = reader.Bytes();
        if (Count()) DecodeExtend(extend, to.extends.emplace_back());
        return true;
      }
      case Block(F::kRepliesFieldNumber): {
        std::string_view reply = reader.Bytes();
        if (Count()) DecodeReply(reply, to.replies.emplace_back());
        return true;
      }
      case Block(F::kSettlesFieldNumber): {
        // Settles come in hundreds; growing step by step would move each several times.
        if (to.settles.empty()) to.settles.reserve(std::min(CountSettles(reader), kMaxFrameItems));
        std::string_view settle = reader.Bytes();
        if (Count()) DecodeSettle(settle, to);
        return true;
      }
      case Block(F::kBeganFieldNumber):
        DecodeBegan(reader.Bytes(), to.began);
        return true;
      case Number(F::kBeganFieldNumber):
        if (Count()) to.began.push_back(reader.Varint());
        return true;
      case Block(F::kPingFieldNumber):
        DecodeNonce(reader.Bytes(), to.ping);
        return true;
      case Block(F::kPongFieldNumber):
        DecodeNonce(reader.Bytes(), to.pong);
        return true;
      case Block(F::kDrainFieldNumber):
        if (!to.drain) to.drain.emplace();
        DecodeDrain(reader.Bytes(), *to.drain);
        return true;
      default:
        return false;
    }
  });
  if (error_.ok() && hello) DecodeHello(*hello, to.hello.emplace());
  if (!error_.ok()) return error_;
  return to;
}

}  // namespace

absl::StatusOr<IncomingFrame> DecodeFrame(std::string_view bytes) { return Decoder().Frame(bytes); }

}  // namespace sluice
