#include "server/worker/frame_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "sluice/v1/worker.pb.h"

namespace sluice {
namespace {

using testing::HasSubstr;

// ------------------------------------------------------------------- what protobuf's own parser makes of a frame

UserProperties ToPairs(const google::protobuf::RepeatedPtrField<v1::UserProperty>& properties) {
  UserProperties pairs;
  for (const v1::UserProperty& property : properties) pairs.emplace_back(property.name(), property.value());
  return pairs;
}

void ExpectReply(const WorkerReply& got, const v1::Reply& want) {
  EXPECT_EQ(got.delivery_id, want.delivery_id());
  EXPECT_EQ(got.reply_id, want.reply_id());
  EXPECT_EQ(got.topic, want.topic());
  EXPECT_EQ(got.qos, want.has_qos() ? std::optional(want.qos()) : std::nullopt);
  EXPECT_EQ(got.retain, want.retain());
  EXPECT_EQ(got.payload, want.payload());
  static const Properties kNone;
  const Properties& properties = got.properties ? *got.properties : kNone;
  EXPECT_EQ(properties.content_type, want.content_type());
  EXPECT_EQ(properties.response_topic, want.response_topic());
  EXPECT_EQ(properties.correlation_data,
            want.has_correlation_data() ? std::optional(want.correlation_data()) : std::nullopt);
  EXPECT_EQ(properties.user, ToPairs(want.user_properties()));
  EXPECT_EQ(properties.expiry_s, want.has_expiry_s() ? std::optional(want.expiry_s()) : std::nullopt);
  std::map<std::string, std::string> metadata(got.metadata.begin(), got.metadata.end());
  EXPECT_EQ(metadata.size(), got.metadata.size()) << "each key once";
  EXPECT_EQ(metadata, (std::map<std::string, std::string>(want.metadata().begin(), want.metadata().end())));
}

void ExpectSame(const IncomingFrame& got, const v1::WorkerFrame& want) {
  ASSERT_EQ(got.window.has_value(), want.has_window());
  if (got.window) {
    EXPECT_EQ(got.window->messages, want.window().messages());
    EXPECT_EQ(got.window->bytes, want.window().bytes());
  }
  EXPECT_EQ(got.began, std::vector<uint64_t>(want.began().begin(), want.began().end()));
  ASSERT_EQ(got.extends.size(), static_cast<size_t>(want.extends_size()));
  for (int i = 0; i < want.extends_size(); ++i) {
    EXPECT_EQ(got.extends[static_cast<size_t>(i)].delivery_id, want.extends(i).delivery_id());
    EXPECT_EQ(got.extends[static_cast<size_t>(i)].lease, Millis(want.extends(i).lease_ms()));
  }
  ASSERT_EQ(got.replies.size(), static_cast<size_t>(want.replies_size()));
  for (int i = 0; i < want.replies_size(); ++i) ExpectReply(got.replies[static_cast<size_t>(i)], want.replies(i));
  size_t taken = 0;
  for (const v1::Settle& settle : want.settles()) {
    if (!v1::Outcome_IsValid(settle.outcome())) continue;
    ASSERT_LT(taken, got.settles.size());
    const WorkerSettle& to = got.settles[taken++];
    EXPECT_EQ(to.delivery_id, settle.delivery_id());
    EXPECT_EQ(static_cast<int>(to.verdict), static_cast<int>(settle.outcome()));
    EXPECT_EQ(to.reason, settle.reason().substr(0, kMaxReasonBytes));
    EXPECT_EQ(to.retry_after, std::min(Millis(settle.retry_after_ms()), kMaxRetryAfter));
    ASSERT_EQ(to.replies.size(), static_cast<size_t>(settle.replies_size()));
    for (int i = 0; i < settle.replies_size(); ++i) {
      ExpectReply(to.replies[static_cast<size_t>(i)], settle.replies(i));
    }
  }
  EXPECT_EQ(taken, got.settles.size());
  EXPECT_EQ(got.ping, want.has_ping() ? std::optional(want.ping().nonce()) : std::nullopt);
  EXPECT_EQ(got.pong, want.has_pong() ? std::optional(want.pong().nonce()) : std::nullopt);
  ASSERT_EQ(got.drain.has_value(), want.has_drain());
  if (got.drain) {
    EXPECT_EQ(got.drain->deadline, Millis(want.drain().deadline_ms()));
    EXPECT_EQ(got.drain->reason, want.drain().reason());
  }
}

// Random frames: by reflection, so that a field added to the contract is in them.
void Fill(google::protobuf::Message& message, std::mt19937_64& random, int depth = 0) {
  const auto* descriptor = message.GetDescriptor();
  const auto* reflection = message.GetReflection();
  auto text = [&] { return std::string(random() % 40, static_cast<char>('a' + random() % 26)); };
  for (int f = 0; f < descriptor->field_count(); ++f) {
    const auto* field = descriptor->field(f);
    if (field->name() == "hello") continue;
    int times = field->is_repeated() ? static_cast<int>(random() % 4) : static_cast<int>(random() % 2);
    for (int i = 0; i < times; ++i) {
      bool many = field->is_repeated();
      using Field = google::protobuf::FieldDescriptor;
      switch (field->cpp_type()) {
        case Field::CPPTYPE_UINT32:
          reflection->SetUInt32(&message, field, static_cast<uint32_t>(random() >> (random() % 32)));
          break;
        case Field::CPPTYPE_UINT64:
          if (many) {
            reflection->AddUInt64(&message, field, random() >> (random() % 64));
          } else {
            reflection->SetUInt64(&message, field, random() >> (random() % 64));
          }
          break;
        case Field::CPPTYPE_BOOL:
          reflection->SetBool(&message, field, random() % 2 == 0);
          break;
        case Field::CPPTYPE_ENUM:
          reflection->SetEnumValue(&message, field, static_cast<int>(random() % 6) - 1);
          break;
        case Field::CPPTYPE_STRING:
          reflection->SetString(&message, field, text());
          break;
        case Field::CPPTYPE_MESSAGE:
          Fill(many ? *reflection->AddMessage(&message, field) : *reflection->MutableMessage(&message, field), random,
               depth + 1);
          break;
        default:
          FAIL() << "a type that no field had before: " << field->full_name();
      }
    }
  }
}

TEST(FrameDecoder, DecodesRandomFramesAsProtobufDoes) {
  std::mt19937_64 random(20);
  for (int round = 0; round < 3'000; ++round) {
    v1::WorkerFrame frame;
    Fill(frame, random);
    absl::StatusOr<IncomingFrame> got = DecodeFrame(frame.SerializeAsString());
    ASSERT_TRUE(got.ok()) << got.status();
    ExpectSame(*got, frame);
    if (HasFailure()) FAIL() << frame.DebugString();
  }
}

TEST(FrameDecoder, TakesAndRefusesDamagedFramesAsProtobufDoes) {
  std::mt19937_64 random(21);
  int refused = 0;
  int taken = 0;
  for (int round = 0; round < 20'000; ++round) {
    v1::WorkerFrame frame;
    Fill(frame, random);
    std::string bytes = frame.SerializeAsString();
    if (bytes.empty()) continue;
    for (size_t i = random() % 4 + 1; i > 0; --i) {
      size_t at = random() % bytes.size();
      switch (random() % 3) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.insert(at, 1, static_cast<char>(random()));
          break;
        default:
          bytes.resize(at + 1);
      }
    }
    absl::StatusOr<IncomingFrame> got = DecodeFrame(bytes);
    v1::WorkerFrame want;
    if (!want.ParseFromString(bytes)) {
      // Protobuf also refuses topics and reasons that are not UTF-8; here these are dealt with one by one.
      ++refused;
      continue;
    }
    if (want.has_hello()) continue;
    ASSERT_TRUE(got.ok()) << got.status() << want.DebugString();
    ++taken;
    ExpectSame(*got, want);
    if (HasFailure()) FAIL() << want.DebugString();
  }
  EXPECT_GT(refused, 1'000);
  EXPECT_GT(taken, 1'000);
}

TEST(FrameDecoder, NeverFailsOnGarbageOtherThanByAnError) {
  std::mt19937_64 random(22);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(random() % 200, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    absl::StatusOr<IncomingFrame> got = DecodeFrame(bytes);
    v1::WorkerFrame want;
    if (want.ParseFromString(bytes) && !want.has_hello()) {
      EXPECT_TRUE(got.ok()) << got.status();
    }
    EXPECT_TRUE(got.ok() || got.status().code() == absl::StatusCode::kInvalidArgument) << got.status();
  }
}

TEST(FrameDecoder, AnEmptyFrameSaysNothing) { EXPECT_TRUE(DecodeFrame("").ok()); }

TEST(FrameDecoder, ReadsHello) {
  v1::WorkerFrame frame;
  v1::Hello* hello = frame.mutable_hello();
  hello->set_worker_name("alarm");
  hello->set_instance("pod-1");
  hello->set_sdk("mine 7");
  hello->add_chains("temperature");
  hello->mutable_window()->set_messages(64);
  hello->set_lease_ms(5'000);
  absl::StatusOr<IncomingFrame> got = DecodeFrame(frame.SerializeAsString());
  ASSERT_TRUE(got.ok()) << got.status();
  ASSERT_TRUE(got->hello.has_value());
  EXPECT_EQ(got->hello->min_protocol_version, 1) << "0 means 1";
  EXPECT_EQ(got->hello->max_protocol_version, 1);
  EXPECT_EQ(got->hello->worker_name, "alarm");
  EXPECT_EQ(got->hello->instance, "pod-1");
  EXPECT_EQ(got->hello->sdk, "mine 7");
  EXPECT_THAT(got->hello->chains, testing::ElementsAre("temperature"));
  EXPECT_EQ(got->hello->window.messages, 64);
  EXPECT_EQ(got->hello->lease, Millis(5'000));
}

TEST(FrameDecoder, RefusesAHelloOutsideItsLimits) {
  auto decode = [](const v1::Hello& hello) {
    v1::WorkerFrame frame;
    *frame.mutable_hello() = hello;
    return DecodeFrame(frame.SerializeAsString()).status();
  };
  v1::Hello none;
  EXPECT_THAT(std::string(decode(none).message()), HasSubstr("names 0 chains"));
  v1::Hello many;
  for (int i = 0; i < 1'001; ++i) many.add_chains("c");
  EXPECT_THAT(std::string(decode(many).message()), HasSubstr("names 1001 chains"));
  v1::Hello long_name;
  long_name.add_chains("c");
  long_name.set_worker_name(std::string(257, 'w'));
  EXPECT_THAT(std::string(decode(long_name).message()), HasSubstr("at most 256 bytes"));
  for (const std::string& sdk : {std::string(129, 's'), std::string("a\nb"), std::string("caf\u00e9")}) {
    v1::Hello bad_sdk;
    bad_sdk.add_chains("c");
    bad_sdk.set_sdk(sdk);
    EXPECT_THAT(std::string(decode(bad_sdk).message()), HasSubstr("128 bytes of printable ASCII")) << sdk;
  }
  v1::Hello empty_chain;
  empty_chain.add_chains("");
  EXPECT_THAT(std::string(decode(empty_chain).message()), HasSubstr("1 to 256 bytes"));
  v1::Hello huge;
  huge.add_chains(std::string(2u << 20, 'c'));
  EXPECT_THAT(std::string(decode(huge).message()), HasSubstr("larger than 1 MiB"));
}

TEST(FrameDecoder, AnUnknownOutcomeIsAnsweredAndTheRestOfTheFrameHolds) {
  v1::WorkerFrame frame;
  v1::Settle* bad = frame.add_settles();
  bad->set_delivery_id(1);
  bad->set_outcome(static_cast<v1::Outcome>(9));
  bad->add_replies()->set_reply_id(77);
  bad->add_replies();
  frame.add_settles()->set_delivery_id(2);
  absl::StatusOr<IncomingFrame> got = DecodeFrame(frame.SerializeAsString());
  ASSERT_TRUE(got.ok());
  ASSERT_EQ(got->settles.size(), 1);
  EXPECT_EQ(got->settles[0].delivery_id, 2);
  ASSERT_EQ(got->invalid.size(), 2);
  EXPECT_EQ(got->invalid[0].delivery_id, 1);
  EXPECT_EQ(got->invalid[0].code, ItemResult::Code::kInvalid);
  EXPECT_THAT(got->invalid[0].message, HasSubstr("outcome 9"));
  EXPECT_EQ(got->invalid[1].reply_id, 77);
}

TEST(FrameDecoder, ATopicThatIsNotUtf8IsLeftToTheReplyCheck) {
  // Settle{replies: Reply{topic: "\xFF"}}, Settle{reason: "\xFF"}
  absl::StatusOr<IncomingFrame> got = DecodeFrame(std::string("\x2A\x05\x2A\x03\x1A\x01\xFF\x2A\x03\x1A\x01\xFF"));
  ASSERT_TRUE(got.ok()) << got.status();
  ASSERT_EQ(got->settles.size(), 2);
  EXPECT_EQ(got->settles[0].replies[0].topic, "\xFF");
  EXPECT_EQ(got->settles[1].reason, "?");
  // Reply{content_type: "\xFF"}
  EXPECT_THAT(std::string(DecodeFrame(std::string("\x22\x03\x3A\x01\xFF")).status().message()),
              HasSubstr("Reply.content_type is not UTF-8"));
}

TEST(FrameDecoder, CutsReasonsAndHoldsRetriesToAnHour) {
  v1::WorkerFrame frame;
  v1::Settle* settle = frame.add_settles();
  settle->set_reason(std::string(2'000, 'r'));
  settle->set_retry_after_ms(UINT32_MAX);
  absl::StatusOr<IncomingFrame> got = DecodeFrame(frame.SerializeAsString());
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->settles[0].reason.size(), kMaxReasonBytes);
  EXPECT_EQ(got->settles[0].retry_after, Millis(3'600'000));
}

TEST(FrameDecoder, RefusesAFrameOfMillionsOfEmptyItems) {
  std::string bytes;
  for (size_t i = 0; i <= kMaxFrameItems; ++i) bytes += std::string("\x2A\x00", 2);
  EXPECT_THAT(std::string(DecodeFrame(bytes).status().message()), HasSubstr("more than 100000"));
  bytes.resize(kMaxFrameItems * 2);
  EXPECT_TRUE(DecodeFrame(bytes).ok());

  std::string replies;
  for (size_t i = 0; i <= kMaxFrameItems; ++i) replies += std::string("\x2A\x00", 2);
  std::string nested("\x2A");
  for (size_t size = replies.size(); size != 0; size >>= 7) {
    nested += static_cast<char>((size & 0x7f) | (size >= 0x80 ? 0x80 : 0));
  }
  EXPECT_THAT(std::string(DecodeFrame(nested + replies).status().message()), HasSubstr("more than 100000"));
}

TEST(FrameDecoder, TakesWhatHasBegunPackedOrNot) {
  v1::WorkerFrame frame;
  for (const uint64_t id : {uint64_t{1}, uint64_t{300}, uint64_t{1} << 52}) frame.add_began(id);
  absl::StatusOr<IncomingFrame> got = DecodeFrame(frame.SerializeAsString() + std::string("\x48\x07", 2));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_THAT(got->began, testing::ElementsAre(1, 300, uint64_t{1} << 52, 7));
  // Cut off within a number; and more than a frame may hold.
  EXPECT_FALSE(DecodeFrame(std::string("\x4A\x02\x01\x80", 4)).ok());
  for (size_t i = 0; i < kMaxFrameItems; ++i) frame.add_began(1);
  EXPECT_THAT(std::string(DecodeFrame(frame.SerializeAsString()).status().message()), HasSubstr("more than 100000"));
}

TEST(FrameDecoder, FieldsOfLaterVersionsAreIgnored) {
  // Field 99 as varint, fixed64, bytes, group and fixed32; then a Ping.
  std::string bytes("\x98\x06\x05", 3);
  bytes += std::string("\x99\x06", 2) + std::string(8, 'x');
  bytes += std::string("\x9A\x06\x02zz", 5);
  bytes += std::string("\x9B\x06\x08\x01\x9B\x06\x9C\x06\x9C\x06", 10);
  bytes += std::string("\x9D\x06", 2) + std::string(4, 'x');
  bytes += std::string("\x32\x02\x08\x07", 4);
  absl::StatusOr<IncomingFrame> got = DecodeFrame(bytes);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->ping, 7);
}

}  // namespace
}  // namespace sluice
